"""Whatever is done a thousand times: the memory of the process stays what it was."""

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
