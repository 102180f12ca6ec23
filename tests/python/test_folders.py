"""The folders of `pt2ts` say what they are for, and their names are none of its functions."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import pt2ts

HOME = Path(pt2ts.__file__).parent
FOLDERS = sorted(path.parent for path in HOME.glob("*/__init__.py"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_folder_says_what_it_is_for(folder: Path) -> None:
    said = ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))
    assert said
    assert len(said.splitlines()[0]) > 40


def test_no_folder_takes_the_name_of_a_function() -> None:
    """Whoever imports `pt2ts.export.x` would find the folder at `pt2ts.export` from then on."""
    names = {path.name for path in FOLDERS} | {path.stem for path in HOME.glob("*.py")}
    assert len(FOLDERS) > 10
    assert not names & {name for name in pt2ts.__all__ if callable(getattr(pt2ts, name))}


def test_the_former_name_of_nn_is_still_there() -> None:
    from pt2ts import nn, wrappers

    assert wrappers.__all__ == nn.__all__
    assert all(getattr(wrappers, name) is getattr(nn, name) for name in nn.__all__)
