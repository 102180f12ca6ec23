"""Devices by the rank on the node, cores by who else may use them, and the report of both."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ..fake_device.library import flags_for_fake_device
from .conftest import Build
from .jobs import RANKS, launch

ranks = pytest.mark.parametrize("n", RANKS)
CORES = len(os.sched_getaffinity(0))
CPU, CUDA, FAKE = 0, 1, 20


@pytest.fixture(scope="session")
def program(build: Build) -> Path:
    return build("job.f90", "placement.f90")


@pytest.fixture(scope="session")
def with_devices(build: Build) -> Path:
    """Return the program on a machine with two devices that are none."""
    return build("job.f90", "placement.f90", flags=flags_for_fake_device())


def devices(kind: str, n: int, program: Path, scenario: str) -> list[tuple[int, int]]:
    job = launch(kind, n, program, scenario)
    assert job.code == 0, job.out + job.err
    found = job.ranks()
    assert [line.rank for line in found] == list(range(n))
    return [(int(a), int(b)) for a, b in (line.message.split() for line in found)]


@ranks
def test_neighbours_share_a_device(kind: str, with_devices: Path, n: int) -> None:
    assert devices(kind, n, with_devices, "device") == [(FAKE, index) for index in {1: [0], 2: [0, 1], 4: [0, 0, 1, 1]}[n]]


def test_the_communicator_decides(kind: str, with_devices: Path) -> None:
    assert devices(kind, 4, with_devices, "device_self") == [(FAKE, 0)] * 4
    assert devices(kind, 4, with_devices, "device_reversed") == [(FAKE, 0), (FAKE, 0), (FAKE, 1), (FAKE, 1)]


def test_a_type_of_which_there_is_none(kind: str, with_devices: Path) -> None:
    assert devices(kind, 2, with_devices, "cuda") == [(CPU, -1)] * 2


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="here is a device")
def test_no_device(kind: str, program: Path) -> None:
    assert devices(kind, 2, program, "device") == [(CPU, -1)] * 2


def cores(kind: str, n: int, program: Path, scenario: str = "cores", threads: str | None = None) -> list[str]:
    job = launch(kind, n, program, scenario, OMP_NUM_THREADS=threads)
    assert job.code == 0, job.out + job.err
    return [line.message for line in job.ranks()]


@ranks
def test_cores_are_divided(kind: str, program: Path, n: int) -> None:
    each = max(1, CORES // n)
    assert cores(kind, n, program) == [f"{each} cores, threads {each}"] * n


@pytest.mark.skipif(CORES < 2, reason="one core cannot be divided")
def test_what_is_counted_goes_before_what_the_launcher_tells(kind: str, program: Path, tmp_path: Path) -> None:
    script = tmp_path / "alone.sh"
    script.write_text(f'#!/bin/sh\nOMPI_COMM_WORLD_LOCAL_SIZE=1 exec {program} "$@"\n')
    script.chmod(0o755)
    each = CORES // 2
    assert cores(kind, 2, script) == [f"{each} cores, threads {each}"] * 2


@pytest.mark.skipif(CORES < 2, reason="one core cannot be divided")
def test_a_rank_that_is_bound_has_its_cores_alone(kind: str, program: Path, tmp_path: Path) -> None:
    """Rank 0 may use one core; the others that one too, and the rest."""
    first = min(os.sched_getaffinity(0))
    script = tmp_path / "bound.sh"
    script.write_text(
        '#!/bin/sh\nif [ "${OMPI_COMM_WORLD_RANK:-$PMI_RANK}" = 0 ]; '
        f'then exec taskset -c {first} {program} "$@"; else exec {program} "$@"; fi\n'
    )
    script.chmod(0o755)
    found = cores(kind, 2, script)
    # Half of the first core is no whole one, but everybody has at least one; the second has half of it and all others.
    assert found == ["1 cores, threads 1", f"{max(1, CORES - 1)} cores, threads {max(1, CORES - 1)}"]


def test_who_says_otherwise(kind: str, program: Path) -> None:
    assert cores(kind, 2, program, threads="5") == [f"{max(1, CORES // 2)} cores, threads 5"] * 2
    assert cores(kind, 2, program, "cores_said") == ["threads 3"] * 2
    assert cores(kind, 2, program, "cores_said", threads="5") == ["threads 3"] * 2


@ranks
def test_report(kind: str, with_devices: Path, n: int) -> None:
    job = launch(kind, n, with_devices, "report", OMP_NUM_THREADS="3")
    assert job.code == 0, job.out + job.err
    head, line = job.out.splitlines()
    assert head == f"ftorch: {n} rank{'s' * (n > 1)} on 1 node"
    of_ranks = "0" if n == 1 else f"0-{n - 1}"
    of_devices = "0" if n == 1 else "0-1"
    plural = "s" * (CORES > 1)
    tail = f": ranks {of_ranks}; {CORES} core{plural}; threads each 3; devices privateuse1 {of_devices} of 2"
    assert line == os.uname().nodename + tail


def test_report_into_a_file(kind: str, program: Path, tmp_path: Path) -> None:
    job = launch(kind, 2, program, "report_unit", cwd=tmp_path, OMP_NUM_THREADS=None)
    assert (job.code, job.out) == (0, ""), job.err
    text = (tmp_path / "report.txt").read_text()
    assert text.splitlines()[1].endswith(f"; threads each {max(1, CORES // 2)}; devices none")
