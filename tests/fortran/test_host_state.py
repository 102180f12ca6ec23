"""The host's floating-point environment and number of threads are after every call what they were before it."""

from __future__ import annotations

import pytest

from .conftest import Build, Run


@pytest.mark.parametrize("mode", ["none", "traps", "inexact", "flags", "clear", "rounding", "flush"])
def test_floating_point_environment(build: Build, run: Run, mode: str) -> None:
    done = run(build("host_state.f90"), mode, env={"OMP_NUM_THREADS": "4"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("as before\n")


@pytest.mark.parametrize("traps", ["invalid,zero,overflow", "invalid,zero,overflow,inexact"])
def test_compiled_with_traps(fc: str, build: Build, run: Run, traps: str) -> None:
    if fc != "gfortran":
        pytest.skip("-ffpe-trap is gfortran's; the mode 'traps' does the same in the program")
    done = run(build("host_state.f90", flags=(f"-ffpe-trap={traps}",)), "none", env={"OMP_NUM_THREADS": "4"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("as before\n")


def test_host_threads(build: Build, run: Run) -> None:
    done = run(build("parallel_calls.f90", flags=("-fopenmp",)))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "right in parallel\n"
