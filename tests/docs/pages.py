"""The pages of the documentation, the blocks of code in them, and the folder in which a page's Python is run."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ..support import shared_folder, sources_of_pt2ts

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/site/index.md")),
    *sorted(page for page in (ROOT / "docs").glob("*.md") if page.name != "ford.md"),
]
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"<!--\s*((?:(?!-->).)*?)\s*-->\s*\Z", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One block of code.

    Attributes
    ----------
    page, line
        Where it stands.
    language
        Word after the backquotes.
    text
        The code.
    mark
        The comment before it, empty if there is none.
    output
        The ``text`` block right after it, empty if there is none.
    """

    page: Path
    line: int
    language: str
    text: str
    mark: str
    output: str

    @property
    def name(self) -> str:
        """Name of the test."""
        return f"{self.page.stem}-line-{self.line}"

    @property
    def runs(self) -> bool:
        """Whether it is a program to be run."""
        return self.mark == "runs"

    def fortran(self) -> str:
        """Return a source file that compiles on its own."""
        if re.match(r"\s*(program|module)\s", self.text):
            return self.text
        given = self.mark.removeprefix("given").strip("\n")
        uses = [line for line in (given + "\n" + self.text).splitlines() if line.strip().startswith("use")]
        rest = [line for line in (given + "\n" + self.text).splitlines() if line not in uses]
        head = ["subroutine snippet()", "use ftorch", *uses, "implicit none (type, external)"]
        return "\n".join([*head, *rest, "end subroutine snippet", ""])


def blocks(language: str) -> list[Block]:
    """Return all blocks of one language."""
    found = []
    for page in PAGES:
        text = page.read_text()
        for match in _BLOCK.finditer(text):
            if match[2] == language:
                comment = _COMMENT.search(text[: match.start()])
                after = _BLOCK.match(text, match.end() + len("\n\n"))
                output = after[3] if after and after[2] == "text" else ""
                line = text[: match.start()].count("\n") + 1
                found.append(Block(page, line, language, match[3], comment[1] if comment else "", output))
    return found


def without_blocks(page: Path) -> str:
    """Return the prose of a page."""
    return _BLOCK.sub("", page.read_text())


def page_folder(page: Path) -> Path:
    """Return the folder in which the Python blocks of a page were run, one after the other, as its reader would."""
    texts = [block.text for block in blocks("python") if block.page == page]

    def make(folder: Path) -> None:
        for text in texts:
            done = subprocess.run(
                [sys.executable, "-c", text], cwd=folder, check=False, capture_output=True, text=True, timeout=600
            )
            assert done.returncode == 0, f"{page.name}:\n{text}\n{done.stderr}"

    return shared_folder(f"docs-{page.stem}", [*sources_of_pt2ts(), *(text.encode() for text in texts)], make)
