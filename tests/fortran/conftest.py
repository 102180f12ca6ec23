"""What the tests of the Fortran interface share: compilers, programs built with the printed flags, model files."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import model_files

HERE = Path(__file__).resolve().parent


def _newest_flang() -> str:
    folders = [Path(folder) for folder in os.environ["PATH"].split(os.pathsep)]
    found = [file.name for folder in folders if folder.is_dir() for file in folder.glob("flang-[0-9][0-9]")]
    return max(found, default="flang")


COMPILERS = ("gfortran", _newest_flang())

Build = Callable[..., Path]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@functools.cache
def flags(compiler: str, *options: str) -> list[str]:
    """Flags that ``python -m ftorch`` prints for a compiler."""
    command = [sys.executable, "-m", "ftorch", "--compiler", compiler, *options]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


@pytest.fixture(scope="session", params=COMPILERS)
def fc(request: pytest.FixtureRequest) -> str:
    """Name of a Fortran compiler; every test runs with each."""
    name: str = request.param
    if shutil.which(name) is None:
        pytest.fail(f"the compiler {name} is not installed; run make setup")
    return name


@pytest.fixture(scope="session")
def build(fc: str, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Build a program from sources of this folder with the flags that are printed for users; one build per session."""
    built: dict[tuple[str, ...], Path] = {}

    def build_program(*sources: str, extra: tuple[str, ...] = (), api: str = "") -> Path:
        key = (*sources, *extra, api)
        if key not in built:
            folder = tmp_path_factory.mktemp(f"{Path(sources[-1]).stem}-{fc}")
            program = folder / "program"
            with_api = ("--api", api) if api else ()
            compile_line = [fc, "-g", *extra, *flags(fc, "--fflags", *with_api), *(str(HERE / source) for source in sources)]
            link_line = [*flags(fc, "--ldflags", *with_api), "-o", str(program)]
            done = subprocess.run([*compile_line, *link_line], cwd=folder, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
            built[key] = program
        return built[key]

    return build_program


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the model files, good and bad, that the programs load."""
    folder = tmp_path_factory.mktemp("models")
    model_files.write_all(folder)
    return folder


@pytest.fixture(scope="session")
def run(models: Path) -> Run:
    """Run a program inside the folder of models: it must end by itself, in time, and without a signal."""

    def run_program(
        program: Path, *arguments: str, timeout: float = 60, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [program, *arguments],
            cwd=models,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
        assert 0 <= done.returncode < 126, f"ended by a signal ({done.returncode}):\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done

    return run_program
