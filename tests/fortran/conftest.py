"""What the tests of the Fortran interface share: programs of this folder, run among model files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from ..support import BUILD, BuildFortran
from ..support import run as run_tool
from . import model_files, package_files

HERE = Path(__file__).resolve().parent

Build = Callable[..., Path]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def source_file(name: str) -> Path:
    """Return a source of this folder, a template expanded."""
    if not name.endswith(".fypp"):
        return HERE / name
    template = HERE / name
    expanded = BUILD / "templates" / name.replace(".fypp", ".f90")
    expanded.parent.mkdir(parents=True, exist_ok=True)
    fypp = (Path(sys.executable).parent / "fypp", "-I", template.parent, "--line-length=132", "--folding-mode=simple")
    with FileLock(expanded.with_suffix(".lock")):
        new = expanded.with_suffix(".new")
        run_tool(*fypp, template, new)
        new.replace(expanded)
    return expanded


@pytest.fixture(scope="session")
def build(fc: str, build_fortran: BuildFortran) -> Build:
    """Build a program from sources and templates of this folder."""

    def build_here(*sources: str, flags: tuple[str, ...] = (), api: str = "ftorch") -> Path:
        return build_fortran(*map(source_file, sources), compiler=fc, api=api, flags=("-g", *flags))

    return build_here


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
        program: Path, *arguments: str, timeout: float = 60, env: dict[str, str] | None = None, text: str = ""
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [program, *arguments],
            cwd=models,
            env={**os.environ, **(env or {})},
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
        assert 0 <= done.returncode < 126, f"ended by a signal ({done.returncode}):\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done

    return run_program


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Path:
    """Folder with the packages, good and bad, and the TorchScript file of the same network."""
    folder = tmp_path_factory.mktemp("packages")
    package_files.write_all(folder, models)
    for name in ("linear.pt", "state_dict.pt"):
        shutil.copy(models / name, folder)
    return folder
