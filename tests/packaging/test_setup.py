"""`scripts/setup` on a machine that lacks something, for a user who may not install it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ..support import ROOT, run

TOOLS = "bash cat dirname env g++ grep pkg-config python3 readlink sed sha256sum sort strace tail".split()  # noqa: SIM905 - a list

MPIS = [f"{command}.{kind}" for kind in ("openmpi", "mpich") for command in ("mpifort", "mpirun")]
DAILY = "gfortran libopenmpi-dev openmpi-bin flang-22 libflang-22-dev libomp-22-dev"
LONG = f"{DAILY} libmpich-dev mpich qemu-user g++-aarch64-linux-gnu"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """PATH with the basic tools, but no Fortran compiler; the user is not root and has no sudo."""
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found
        (tmp_path / tool).symlink_to(found)
    stubs = {
        "id": "echo 1000",
        "apt-get": "echo apt-get was called >&2",
        "apt-cache": "printf 'libflang-16-dev\\nlibflang-22-dev\\n'",
    }
    for name, body in stubs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def setup(machine: Path, level: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts" / "setup", level], env={"PATH": str(machine)}, capture_output=True, text=True, check=False, timeout=60
    )


def test_prints_the_line_to_run_and_stops(machine: Path) -> None:
    done = setup(machine, "test")
    assert done.returncode == 1
    line = f"sudo apt-get install -y --no-install-recommends {DAILY}\n"
    assert line in done.stderr
    assert "apt-get was called" not in done.stderr


def test_demo_needs_no_flang(machine: Path) -> None:
    done = setup(machine, "demo")
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("--no-install-recommends gfortran")


def test_an_installation_needs_no_netcdf(machine: Path) -> None:
    (machine / "pkg-config").unlink()
    (machine / "pkg-config").write_text("#!/bin/sh\nexit 1\n")
    (machine / "pkg-config").chmod(0o755)
    assert setup(machine, "demo").stderr.rstrip().endswith("--no-install-recommends gfortran libnetcdff-dev")
    assert setup(machine, "install").stderr.rstrip().endswith("--no-install-recommends gfortran")


def test_long_needs_a_browser_and_its_driver(machine: Path) -> None:
    (machine / "google-chrome").touch(mode=0o755)
    assert setup(machine, "long").stderr.rstrip().endswith(f"{LONG} chromium-driver")
    (machine / "google-chrome").unlink()
    done = setup(machine, "long")
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith(f"{LONG} chromium chromium-driver")
    for level in ("demo", "test", "dev"):
        assert "chromium" not in setup(machine, level).stderr
        assert "mpich" not in setup(machine, level).stderr


@pytest.fixture
def complete(machine: Path) -> Path:
    """A machine that lacks nothing, with the project in its folder ``project``; its Python tells what it is asked."""
    project, python = machine / "project", machine / "project" / ".venv" / "bin" / "python"
    (project / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "setup", project / "scripts")
    shutil.copytree(ROOT / "requirements", project / "requirements")
    python.parent.mkdir(parents=True)
    browser, others = ("chromium", "chromedriver"), ("qemu-x86_64", "aarch64-linux-gnu-g++")
    commands = ("gfortran", *MPIS, *browser, *others, "python3", "bin/flang-22")
    tools = {machine / name: "" for name in (*commands, "include/flang/ISO_Fortran_binding.h")}
    for path, body in {**tools, machine / "lib/libomp.so": "", machine / "pkg-config": "", python: "echo asked: $*"}.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
    (machine / "flang-22").symlink_to(machine / "bin" / "flang-22")
    return machine


@pytest.mark.parametrize(
    ("level", "contained"),
    [
        ("install", {"install"}),
        ("demo", {"install", "demo"}),
        ("test", {"install", "demo", "test"}),
        ("long", {"install", "demo", "test", "long"}),
        ("dev", {"install", "demo", "test", "dev"}),
    ],
)
def test_a_level_contains_others(complete: Path, level: str, contained: set[str]) -> None:
    """What it contains has nothing left to do after it; everything else has."""
    stamps = complete / "project" / ".venv"
    for other in ("install", "demo", "test", "long", "dev"):
        for stamp in stamps.glob(".setup-*"):
            stamp.unlink()
        assert f"-r requirements/{level}.txt" in done_with(complete, level)
        assert (f"-r requirements/{other}.txt" not in done_with(complete, other)) == (other in contained), other


def test_another_pytorch_in_between_is_noticed(complete: Path) -> None:
    assert "-r requirements/test.txt" in done_with(complete, "test")
    assert "-r requirements/test.txt" not in done_with(complete, "test")
    assert "-r requirements/install.txt" in done_with(complete, "install", TORCH_SPEC="torch==2.11.0")
    assert "-r requirements/test.txt" in done_with(complete, "test")


def done_with(machine: Path, level: str, **more: str) -> str:
    """Return what setting up says on a machine that lacks nothing."""
    script = machine / "project" / "scripts" / "setup"
    return run(script, level, env={"PATH": str(machine), **more})


def test_names_the_packages_where_there_is_no_apt(machine: Path) -> None:
    (machine / "apt-get").unlink()
    done = setup(machine, "demo")
    assert done.returncode == 1
    assert "Missing: gfortran (Debian's names)." in done.stderr


def test_unknown_level(machine: Path) -> None:
    done = setup(machine, "everything")
    assert done.returncode == 1
    assert "usage: scripts/setup [install|demo|test|long|dev]" in done.stderr


def test_make_help_names_the_targets() -> None:
    said = subprocess.run(["make", "-C", ROOT, "help"], capture_output=True, text=True, check=True).stdout
    for target in ("demo", "test", "test-long", "bench", "setup", "lint", "docs", "site", "clean"):
        assert f"make {target} " in said
