"""What is wrong with the links of a folder of HTML pages: files and headings that are not there, and parts from foreign hosts.

Links that a reader follows to other sites are not tried: that would make the verdict depend on the network.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Elements whose address a browser fetches by itself.
_FETCHED = {"img", "script", "link", "iframe", "source", "video", "audio"}
_NO_HEADING = "there is no such heading"


class _Page(HTMLParser):
    """Addresses and anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[tuple[str, str]] = []
        self.anchors = {"", "top"}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element leads to, and what leads to it."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        self.addresses += [(tag, given[name]) for name in ("href", "src") if given.get(name)]


@cache
def _page(file: Path) -> _Page:
    return _Page(file.read_text(errors="replace"))


def findings(folder: Path, only_files: Path | None = None) -> Iterator[str]:
    """Yield a sentence for each address that is wrong; headings do not count in ``only_files``, whose maker names them."""
    for file in sorted(folder.rglob("*.html")):
        for tag, address in _page(file).addresses:
            wrong = _wrong(file, tag, address, folder)
            if wrong and not (wrong == _NO_HEADING and only_files in file.parents):
                yield f"{file.relative_to(folder)}: <{tag}> {address}: {wrong}"


def _wrong(file: Path, tag: str, address: str, folder: Path) -> str | None:
    parts = urlsplit(address)
    if parts.scheme in ("http", "https") or parts.netloc:
        return "from a foreign host" if tag in _FETCHED else None
    if parts.scheme:  # data:, mailto:, javascript:
        return None
    target = (file.parent / unquote(parts.path) if parts.path else file).resolve()
    if folder.resolve() not in target.parents or not target.is_file():
        return "there is no such file"
    if parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in _page(target).anchors:
        return _NO_HEADING
    return None
