"""Programs of many ranks with each compiler and each MPI; MPICH's take long, because nothing else needs it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from ftorch import Installation

from ..support import BUILD, run
from .jobs import HERE, line_to_compile, tag, the_mpi

Build = Callable[..., Path]


@pytest.fixture(scope="session", params=["openmpi", pytest.param("mpich", marks=pytest.mark.long)])
def kind(request: pytest.FixtureRequest) -> str:
    """Kind of MPI; every test runs with each."""
    found: str = request.param
    assert the_mpi(found).kind == found
    return found


@pytest.fixture(scope="session")
def build(fc: str, kind: str) -> Build:
    """Build a program from sources of this folder; what is up to date is not built again."""

    def of(*names: str, flags: tuple[str, ...] = ()) -> Path:
        sources = [HERE / name for name in names]
        line = line_to_compile(fc, kind, sources, flags)
        library = Installation().mpi_library_dir(tag(fc), kind) / "libftorch_mpi.so"
        key = hashlib.sha256(repr((line, library.stat().st_mtime_ns)).encode())
        for source in sources:
            key.update(source.read_bytes())
        folder = BUILD / tag(fc) / kind / f"{sources[-1].stem}-{key.hexdigest()[:12]}"
        folder.mkdir(parents=True, exist_ok=True)
        program = folder / sources[-1].stem
        with FileLock(folder / "lock"):
            if not program.exists():
                run(*line, "-o", program, cwd=folder)
        return program

    return of
