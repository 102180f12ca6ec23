"""Memory of tensors between calls: it waits for the next one, within bounds, and any thread may free it."""

from __future__ import annotations

import pytest

from .conftest import Build, Run

MEGABYTE_KB = 1024


def answer(build: Build, run: Run, what: str, **environment: str) -> int:
    """Number that the program printed."""
    done = run(
        build("process_memory.f90", "memory_pool.f90", flags=("-fopenmp",)), what, env={"OMP_NUM_THREADS": "4", **environment}
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == "live 0"
    return int(lines[0].split()[-1])


def test_no_page_is_cleared_again(build: Build, run: Run) -> None:
    # With glibc's own allocator, told to give everything back at once, it is some hundreds.
    eager_heap = {"MALLOC_TRIM_THRESHOLD_": "0", "MALLOC_TOP_PAD_": "0"}
    assert answer(build, run, "faults", **eager_heap) < 5
    assert answer(build, run, "faults", FTORCH_POOL_MB="0", **eager_heap) > 100


@pytest.mark.parametrize(("setting", "bound"), [("", 32), ("1", 1), ("0", 0), ("many", 32)])
def test_what_waits_is_bounded(build: Build, run: Run, setting: str, bound: int) -> None:
    # 100 tensors of 1 to 4 MB: without a bound it would be 250 MB. With a bound of 1 MB none of them may wait.
    noise = MEGABYTE_KB
    # What the library gives back, the C library gives back too: not its own bound is measured.
    at_once = {"MALLOC_MMAP_THRESHOLD_": "131072"}
    assert answer(build, run, "waiting", FTORCH_POOL_MB=setting, **at_once) < bound * MEGABYTE_KB + noise


def test_freed_by_another_thread(build: Build, run: Run) -> None:
    done = run(build("process_memory.f90", "memory_pool.f90", flags=("-fopenmp",)), "threads", env={"OMP_NUM_THREADS": "4"})
    assert done.returncode == 0, done.stderr
    assert done.stdout == "live 0\n"
