"""What all tests share: the Fortran compilers, and stand-alone programs built as a user would build them."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from . import patience
from .support import BUILD, BuildFortran, both_compilers, known_compiler, printed_flags, run, use_gfortran_of_caller

patience.install()
# As many processes run as there are cores; more threads in each would only wait for each other, which costs three times as much.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# In compiled packages the code around the kernels need not be fast here, and its compilation is what takes long.
os.environ.setdefault("AOT_INDUCTOR_COMPILE_WRAPPER_OPT_LEVEL", "O0")
# Tools of the environment that runs the tests come first, as under make, even if it was not activated.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
use_gfortran_of_caller()

#: All tests that were found, before an option such as -m chooses among them.
FOUND = pytest.StashKey[list[str]]()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Note what was found for `test_collected`."""
    config.stash[FOUND] = [item.nodeid for item in items]


@pytest.fixture(scope="session", params=both_compilers())
def fc(request: pytest.FixtureRequest) -> str:
    """Command of a Fortran compiler; every test runs with each."""
    command: str = request.param
    known_compiler(command)  # fails, and says so, where set-up has not installed it
    return command


@pytest.fixture(scope="session")
def build_fortran() -> BuildFortran:
    """Build a program from sources with the printed flags; what is up to date is not built again."""

    def build(*sources: Path, compiler: str, api: str = "ftorch", flags: tuple[str, ...] = ()) -> Path:
        installed = known_compiler(compiler)
        first = printed_flags(compiler, "--fflags", "--api", api)
        last = printed_flags(compiler, "--ldflags")
        library = Path(last[0].removeprefix("-L")) / "libftorch.so"
        key = hashlib.sha256(repr((first, last, flags, library.stat().st_mtime_ns)).encode())
        for source in sources:
            key.update(source.read_bytes())
        folder = BUILD / installed.tag / f"{sources[-1].stem}-{key.hexdigest()[:12]}"
        folder.mkdir(parents=True, exist_ok=True)
        program = folder / sources[-1].stem
        with FileLock(folder / "lock"):
            if not program.exists():
                run(compiler, *flags, *first, *sources, *last, "-o", program, cwd=folder)
        return program

    return build
