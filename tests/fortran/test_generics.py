"""Generic names: kinds of integers, intrinsics of tensors, elements of all kinds."""

from __future__ import annotations

from .conftest import Build, Run


def test_generics(build: Build, run: Run) -> None:
    done = run(build("generics.f90"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "all generics\n"
