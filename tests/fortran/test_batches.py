"""Mini-batches copy no more than the batch."""

from __future__ import annotations

import sys

import pytest

from .conftest import Build, Run

MEGABYTES = 200


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_batches_need_the_memory_of_a_batch(build: Build, run: Run) -> None:
    done = run(build("batch_memory.f90"), str(MEGABYTES))
    assert done.returncode == 0, done.stderr
    assert 0 <= int(done.stdout) < 4 * 1024, "a batch is 64 kilobytes, the array 200 megabytes"
