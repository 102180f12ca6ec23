"""The library and programs in other places: of a user without rights, moved, and started without an environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from ..support import BUILD, ROOT, BuildFortran, run
from .test_projects import EXPECTED, SOURCES

#: The user whom every system has, and who may write nothing.
NOBODY = 65534


def test_a_program_that_was_moved_and_has_no_environment(fc: str, build_fortran: BuildFortran, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copy(build_fortran(SOURCES["ftorch"], compiler=fc), elsewhere)
    assert run(elsewhere, cwd=Path("/"), env={}) == EXPECTED


@pytest.fixture
def moved() -> Iterator[Path]:
    """A copy of the Python environment of these tests in another place."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="moved-") as folder:
        place = Path(folder) / "environment"
        shutil.copytree(sys.prefix, place, symlinks=True, copy_function=_linked)
        yield place


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)  # an environment is some hundred MB
    except OSError:
        shutil.copy2(source, target)


def test_an_environment_that_was_moved(fc: str, moved: Path, build_fortran: BuildFortran, tmp_path: Path) -> None:
    """Programs are linked to it as to any other, and those of before find it when they are told."""
    flags = run(moved / "bin" / "python", "-m", "ftorch", "--compiler", fc, "--fflags", "--ldflags").split()
    assert not [flag for flag in flags if sys.prefix in flag]
    program = tmp_path / "program"
    run(fc, SOURCES["ftorch"], *flags, "-o", program, cwd=tmp_path)
    assert _opened_by(program) == str(moved)
    libraries = ":".join(flag.removeprefix("-L") for flag in flags if flag.startswith("-L"))
    before = build_fortran(SOURCES["ftorch"], compiler=fc)
    assert _opened_by(before) == sys.prefix
    assert _opened_by(before, LD_LIBRARY_PATH=libraries) == str(moved)


def _opened_by(program: Path, **variables: str) -> str:
    """Run a program; return the environment from which it takes the library and PyTorch, which must be one."""
    line = ["strace", "-f", "-e", "trace=openat", "-o", "/dev/stderr", str(program)]
    done = subprocess.run(line, env={**os.environ, **variables}, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == EXPECTED
    opened = [line.split('"')[1] for line in done.stderr.splitlines() if '"' in line and " = -1 " not in line]
    places = {name.split("/lib/python")[0] for name in opened if "/site-packages/" in name and ".so" in name}
    assert len(places) == 1, places
    return os.path.realpath(places.pop())


@pytest.mark.long
def test_a_clean_clone_of_a_user_without_rights() -> None:
    """Who has a compiler and Python, but is not root: the first command of the README."""
    someone = NOBODY if os.geteuid() == 0 else None
    tracked = run("git", "ls-files", "-z", cwd=ROOT).rstrip("\0").split("\0")
    with tempfile.TemporaryDirectory(prefix="clone-") as folder:
        clone = Path(folder) / "clone"
        for name in tracked:
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, clone / name)
        if someone is not None:
            run("chown", "-R", f"{NOBODY}:{NOBODY}", folder)
        path = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if not part.startswith(sys.prefix))
        environment = {**os.environ, "PATH": path, "HOME": folder, "TORCH_SPEC": f"torch=={torch.__version__.split('+')[0]}"}

        def ran(*words: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                words,
                cwd=clone,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=1800,
                user=someone,
                group=someone,
                extra_groups=None if someone is None else [],
            )

        pythons = ["/usr/bin/python3", sys.base_prefix + "/bin/python3"]
        environment["PYTHON"] = next(python for python in pythons if ran(python, "-c", "import ensurepip").returncode == 0)
        done = ran("make", "demo")
        assert done.returncode == 0, done.stdout + done.stderr
        owners = {file.stat().st_uid for file in (clone / "build").rglob("*")}
        assert owners == {os.geteuid() if someone is None else someone}
        assert list((clone / "build").rglob("*.png"))
