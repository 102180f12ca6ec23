"""Runtime manners: the host program's floating-point environment, threads and memory are as before."""

from __future__ import annotations

import pytest

from .conftest import Build, Run

# Counts for every day and for `make test-long`.
SHORT = {
    "forwards": 3000,
    "tensors": 60000,
    "expressions": 40000,
    "operations": 5000,
    "functions": 20000,
    "backwards": 1000,
    "errors": 10000,
    "training": 3000,
    "loads": 30,
}
LONG = {
    "forwards": 100000,
    "tensors": 1000000,
    "expressions": 1000000,
    "operations": 100000,
    "functions": 500000,
    "backwards": 100000,
    "errors": 200000,
    "training": 100000,
    "loads": 1000,
}
# Growth that is noise: a page here and there, whatever the count.
NOISE_KB = 2000


@pytest.mark.parametrize("mode", ["none", "traps", "inexact", "flags", "clear", "rounding", "flush"])
def test_floating_point_environment(build: Build, run: Run, mode: str) -> None:
    done = run(build("manners.f90"), mode, env={"OMP_NUM_THREADS": "4"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("as before\n")


@pytest.mark.parametrize("traps", ["invalid,zero,overflow", "invalid,zero,overflow,inexact"])
def test_compiled_with_traps(fc: str, build: Build, run: Run, traps: str) -> None:
    if fc != "gfortran":
        pytest.skip("-ffpe-trap is gfortran's; the mode 'traps' does the same in the program")
    done = run(build("manners.f90", flags=(f"-ffpe-trap={traps}",)), "none", env={"OMP_NUM_THREADS": "4"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("as before\n")


def test_host_threads(build: Build, run: Run) -> None:
    done = run(build("parallel.f90", flags=("-fopenmp",)))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "right in parallel\n"


def grown(build: Build, run: Run, name: str, count: int) -> int:
    """Growth of the resident memory in kB, after the same has been done a tenth as often."""
    done = run(build("process_memory.f90", "leaks.f90"), name, str(count), timeout=580)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])


@pytest.mark.parametrize("name", SHORT)
def test_memory_is_flat(build: Build, run: Run, name: str) -> None:
    assert grown(build, run, name, SHORT[name]) < NOISE_KB


@pytest.mark.long
@pytest.mark.parametrize("name", LONG)
def test_memory_is_flat_for_long(build: Build, run: Run, name: str) -> None:
    assert grown(build, run, name, LONG[name]) < NOISE_KB
