"""What tests use beside fixtures: the compilers, the folders, and running commands."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from ftorch.compilers import present_compilers

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "tests"

BuildFortran = Callable[..., Path]


def both_compilers() -> list[str]:
    """Commands of gfortran and of the newest flang. Whether they are there is for the tests to find out."""
    flang = [c for c in present_compilers() if c.family == "LLVMFlang"]
    newest = max(flang, key=lambda c: tuple(map(int, c.version.split("."))), default=None)
    return ["gfortran", newest.command.name if newest else "flang"]


def run(*words: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Run a command that must succeed and return what it printed."""
    line = [str(word) for word in words]
    done = subprocess.run(line, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=570)
    assert done.returncode == 0, f"{' '.join(line)}\n{done.stdout}{done.stderr}"
    return done.stdout


def printed_flags(compiler: str, *options: str) -> list[str]:
    """Flags as ``python -m ftorch`` prints them for a compiler."""
    return run(sys.executable, "-m", "ftorch", "--compiler", compiler, *options).split()
