"""Running programs among compiled packages."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from .. import training_files
from .conftest import Build, Run


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
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("live 0\n")
    return done.stdout.splitlines()[0].rstrip()


def run_training(build: Build, run: Run, source: str, name: str, package: str) -> list[str]:
    """Run a scenario of a training program on a package; return the lines it printed. Nothing may be left behind."""
    program = build("process_memory.f90", source)
    done = run(program, name, str(training_files.training_file(package)), env={"OMP_NUM_THREADS": "1"}, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert lines[-1] == "live 0"
    return lines[:-1]
