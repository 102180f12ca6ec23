"""The page on what the library does in its host's process: each line names a test that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "host-process.md"
HEAD = ["What", "What happens", "Test"]
ROWS = [
    (number, [cell.strip() for cell in line.strip("|").split("|")])
    for number, line in enumerate(PAGE.read_text().replace("\\|", "/").splitlines(), 1)
    if line.startswith("|") and not line.startswith("|---")
]


def missing(cell: str) -> list[str]:
    """Tests that a cell names and that are not there."""
    found = []
    for name in re.findall(r"`([^`]+)`", cell):
        file, _, function = name.partition("::")
        path = ROOT / file
        there = file.startswith("tests/") and path.is_file()
        if not there or (function and not re.search(rf"^ *def {function}\(", path.read_text(), re.MULTILINE)):
            found.append(name)
    return found


def test_there_are_lines() -> None:
    assert len([cells for _, cells in ROWS if cells != HEAD]) >= 5


@pytest.mark.parametrize(
    ("line", "cells"), [(line, cells) for line, cells in ROWS if cells != HEAD], ids=lambda value: str(value)[:30]
)
def test_each_line_has_its_test(line: int, cells: list[str]) -> None:
    assert len(cells) == len(HEAD), f"line {line}: expected {HEAD}"
    assert re.search(r"`tests/[^`]+`", cells[-1]), f"line {line} names no test"
    assert missing(cells[-1]) == [], f"line {line}"


def test_missing_tests_are_found() -> None:
    assert missing("`tests/process/test_absent.py`") == ["tests/process/test_absent.py"]
    here = "tests/docs/test_host_process_page.py"
    assert missing(f"`{here}::test_absent`, `{here}::test_there_are_lines`, `{here}`") == [f"{here}::test_absent"]


@pytest.mark.parametrize("page", ["README.md", "docs/index.md", "docs/architecture.md"])
def test_pages_lead_here(page: str) -> None:
    assert "host-process.md)" in (ROOT / page).read_text()
