"""Running programs among compiled packages."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from .conftest import Build


def start(program: Path, *arguments: str, folder: Path, text: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a program among the packages: it must end by itself and without a signal."""
    environment = {**os.environ, **settings}
    done = subprocess.run(
        [program, *arguments],
        cwd=folder,
        env=environment,
        input=text,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert 0 <= done.returncode < 126, f"ended by a signal:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done


def run_package(build: Build, folder: Path, name: str, *words: str, **settings: str) -> str:
    done = start(build("run_package.f90"), name, *words, folder=folder, **settings)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("live 0\n")
    return done.stdout.splitlines()[0].rstrip()
