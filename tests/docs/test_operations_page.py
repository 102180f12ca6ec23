"""The tables of docs/operations.md are those of the sources."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src/bindings"))
import document

import operations


def test_operations_page_is_current() -> None:
    """If this fails run ``python src/bindings/document.py``."""
    text = document.PAGE.read_text()
    assert text == document.page(text)


def test_every_row_has_words() -> None:
    text = document.PAGE.read_text()
    for op in operations.load(document.ROOT / "src/types"):
        assert document.row(op) in text
        assert op.doc.endswith("."), op.name
        assert op.taken, op.name
        assert op.shape, op.name
