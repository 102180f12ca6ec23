"""`scripts/setup` on a machine that lacks something, for a user who may not install it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ..support import ROOT

TOOLS = ["bash", "cat", "dirname", "env", "g++", "grep", "pkg-config", "python3", "readlink", "sed", "sha256sum", "sort", "tail"]


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
    line = "sudo apt-get install -y --no-install-recommends gfortran flang-22 libflang-22-dev libomp-22-dev"
    assert line in done.stderr
    assert "apt-get was called" not in done.stderr


def test_demo_needs_no_flang(machine: Path) -> None:
    done = setup(machine, "demo")
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("--no-install-recommends gfortran")


def test_names_the_packages_where_there_is_no_apt(machine: Path) -> None:
    (machine / "apt-get").unlink()
    done = setup(machine, "demo")
    assert done.returncode == 1
    assert "Missing: gfortran (Debian's names)." in done.stderr


def test_unknown_level(machine: Path) -> None:
    done = setup(machine, "everything")
    assert done.returncode == 1
    assert "usage: scripts/setup [demo|test|dev]" in done.stderr


def test_make_help_names_the_targets() -> None:
    said = subprocess.run(["make", "-C", ROOT, "help"], capture_output=True, text=True, check=True).stdout
    for target in ("demo", "test", "test-long", "bench", "setup", "lint", "docs", "clean"):
        assert f"make {target} " in said
