"""Programs written for the interfaces of others run unchanged: FTorch 1.1, and the teaching material of 2023."""

from __future__ import annotations

import subprocess

from .conftest import Build, Run


def test_programs_of_ftorch_1_1(build: Build, run: Run) -> None:
    done = run(build("ftorch1_tensors.f90", api="ftorch1"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("all of FTorch 1.1\n")


def test_slide_of_2023(build: Build, run: Run) -> None:
    program = build("slide_2023.f90")
    done = run(program)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "index exact\n"
    libraries = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    assert "libftorch" in libraries
    assert "libpython" not in libraries
    assert "libtorch" not in libraries
