"""The Python of the documentation runs: a test for each page, so that workers share the pages out."""

from __future__ import annotations

from pathlib import Path

import pytest

from .pages import blocks, page_folder

PAGES = sorted({block.page for block in blocks("python")})


def test_there_are_pages() -> None:
    assert len(PAGES) >= 8


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_blocks_run(page: Path) -> None:
    assert (page_folder(page) / ".done").exists()
