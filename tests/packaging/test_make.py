"""The Makefile: what it finds, and that its recipes need no folder that `make clean` has removed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ..support import ROOT


def make(*words: str | Path, path: str) -> str:
    line = [shutil.which("make") or "make", "--no-print-directory", *map(str, words)]
    done = subprocess.run(line, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("present", "found"),
    [(["flang-19", "flang-22", "flang"], "flang-22"), (["flang"], "flang"), ([], "flang")],
    ids=["newest", "plain", "none"],
)
def test_the_second_compiler(tmp_path: Path, present: list[str], found: str) -> None:
    for tool in ("sh", "find", "echo"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or tool)
    for compiler in present:
        (tmp_path / compiler).touch(mode=0o755)
    (tmp_path / "show.mk").write_text(f"include {ROOT / 'Makefile'}\nshow:\n\techo $(FLANG)\n")
    assert make("-f", tmp_path / "show.mk", "-C", tmp_path, "show", path=str(tmp_path)).splitlines() == [found]


def test_a_compiler_is_added_after_make_clean(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("CMakeLists.txt", "pyproject.toml", "README.md", "LICENSE"):
        (tmp_path / name).touch()
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$*"\n')
    python.chmod(0o755)
    for folder in ("cmake", "src", "python", "build"):
        (tmp_path / folder).mkdir()
    words = ("-C", tmp_path, "FLANG=flang-99", ".venv/.installed-flang-99")
    make("-C", tmp_path, "clean", path=os.environ["PATH"])
    assert not (tmp_path / "build").exists()
    make(*words, path=os.environ["PATH"])
    assert "--add-compiler flang-99" in (tmp_path / "build" / "add-compiler.log").read_text()
