"""For MkDocs: the search box finds the pages of the Fortran reference too, which MkDocs only copies."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from mkdocs.plugins import event_priority

# The folders of FORD's pages in which a name has a page of its own.
_FOLDERS = ("proc", "interface", "type", "module")


class _Text(HTMLParser):
    """The words of a page, without those of its frame."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.hidden = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:  # noqa: ARG002 - HTMLParser gives them
        """Leave out scripts and navigation."""
        self.hidden += tag in ("script", "style", "nav", "footer", "head")

    def handle_endtag(self, tag: str) -> None:
        """Come back after them."""
        self.hidden -= tag in ("script", "style", "nav", "footer", "head")

    def handle_data(self, data: str) -> None:
        """Keep the rest."""
        if not self.hidden:
            self.words += data.split()


@event_priority(-50)  # after the plugin that writes the index, before the one that copies it for readers without a server
def on_post_build(config: Any) -> None:
    """Add a row for each page to the index."""
    site = Path(config["site_dir"])
    index = site / "search" / "search_index.json"
    content = json.loads(index.read_text())
    for folder in _FOLDERS:
        for page in sorted((site / "reference" / "fortran" / folder).glob("*.html")):
            words = " ".join(_Text(page.read_text()).words)
            content["docs"].append({"location": str(page.relative_to(site)), "title": page.stem, "text": words})
    index.write_text(json.dumps(content))
