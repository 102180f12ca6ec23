"""What tests keep between runs is made again as soon as anything that makes it has changed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from . import support, training_files
from .python import conftest as packages

FOLDERS = [support.ROOT / "python" / "pt2ts", support.ROOT / "examples" / "course"]


def test_everything_that_exports_is_looked_at() -> None:
    """Not Python alone: kernels are built from headers, modules from templates."""
    seen = support.sources_of_pt2ts()
    for name in (
        "capture/trials.py",
        "kernels/vector.h",
        "kernels/emit.py",
        "fortran/templates/module.f90.jinja",
        "contract/golden.py",
    ):
        assert (FOLDERS[0] / name).read_bytes() in seen, name
    assert len(seen) == 2 * sum(1 for folder in FOLDERS for file in folder.rglob("*") if file.is_file() and file.suffix != ".pyc")


@pytest.mark.parametrize("state", [training_files.state, packages.state], ids=["training", "inference"])
def test_a_change_anywhere_gives_new_packages(state: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    before, sources = state(), support.sources_of_pt2ts()
    assert state() == before
    for place in (0, len(sources) // 2, len(sources) - 1):
        changed = [*sources[:place], sources[place] + b" ", *sources[place + 1 :]]
        monkeypatch.setattr(support, "sources_of_pt2ts", lambda changed=changed: changed)
        assert state() != before
