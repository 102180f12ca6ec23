"""The Python of the documentation runs: a test for each page, so that workers share the pages out."""

from __future__ import annotations

from pathlib import Path

import pytest

from .pages import blocks, page_folder

PAGES = sorted({block.page for block in blocks("python")})


def test_there_are_pages() -> None:
    assert len(PAGES) >= 8


def each_day(page: Path) -> object:
    """The page as a parameter; the one that compiles trainings takes as long as all others together."""
    return pytest.param(page, id=page.stem, marks=[pytest.mark.long] if page.stem == "compiled-training" else [])


@pytest.mark.parametrize("page", [each_day(page) for page in PAGES])
def test_python_blocks_run(page: Path) -> None:
    assert (page_folder(page) / ".done").exists()
