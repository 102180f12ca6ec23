"""What fails on one rank fails on all: the same status and message, no rank is left waiting, and the job ends once."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Build
from .jobs import RANKS, Job, Rank, launch

ARGUMENT, FILE = 1, 3
ranks = pytest.mark.parametrize("n", RANKS)
several = pytest.mark.parametrize("n", RANKS[1:])

#: Procedures that take a communicator, in the order in which the program calls them.
PROCEDURES = [
    "torch_mpi_same", "torch_mpi_device", "torch_mpi_share_cores", "torch_mpi_report", "torch_mpi_model_load",
    "torch_mpi_trainer_load", "torch_column_pool_create", "torch_mpi_trainer_average",
]  # fmt: skip
#: Scenario -> what is said of its communicator.
COMMUNICATORS = {
    "null": "argument 'comm': expected a communicator, got MPI_COMM_NULL",
    "freed": "is no communicator; one that MPI_Comm_free has ended?",
    "nonsense": "argument 'comm': 123456789 is no communicator",
    "inter": "argument 'comm': expected the ranks of one group, got a communicator between two groups",
}


@pytest.fixture(scope="session")
def program(build: Build) -> Path:
    return build("job.f90", "errors.f90")


def said(job: Job, n: int) -> list[Rank]:
    """Return what each rank said, once each, in a job that ended well."""
    assert job.code == 0, job.out + job.err
    found = job.ranks()
    assert [line.rank for line in found] == list(range(n)), job.out + job.err
    return found


@ranks
def test_no_failure(kind: str, program: Path, n: int) -> None:
    assert said(launch(kind, n, program, "same"), n) == [Rank(rank, 0, "") for rank in range(n)]


@several
@pytest.mark.parametrize(
    ("scenario", "where", "what"),
    [
        ("differs", -1, "'abd' here, 'abc' on rank 0"),
        ("lowest", 1, "'abd' here, 'abc' on rank 0"),
        ("length", -1, "'ab' here, 'abc' on rank 0"),
        ("unit", 0, "argument 'unit': the report cannot be written: "),
        ("wanted", 0, "argument 'wanted': 99 is no torch_k* device constant"),
    ],
)
def test_one_failure_is_the_same_everywhere(kind: str, program: Path, scenario: str, where: int, what: str, n: int) -> None:
    found = said(launch(kind, n, program, scenario), n)
    assert len({(line.status, line.message) for line in found}) == 1, found
    name = {"unit": "torch_mpi_report", "wanted": "torch_mpi_device"}.get(scenario, "torch_mpi_same")
    assert found[0].status == (FILE if scenario == "unit" else ARGUMENT)
    assert found[0].message.startswith(f"rank {where % n}: {name}: {what}")


def test_components_fail_apart(kind: str, program: Path) -> None:
    found = said(launch(kind, 4, program, "halves"), 4)
    assert [line.status for line in found] == [0, ARGUMENT, 0, ARGUMENT]
    assert {line.message for line in found[1::2]} == {"rank 1: torch_mpi_same: 'abd' here, 'abc' on rank 0"}


@several
@pytest.mark.parametrize("scenario", ["stops", "handled", "abort_together"])
def test_without_stat_the_job_ends_with_one_message(kind: str, program: Path, scenario: str, n: int) -> None:
    job = launch(kind, n, program, scenario)
    message = f"rank {n - 1}: torch_mpi_same: 'abd' here, 'abc' on rank 0"
    assert job.code != 0
    assert "went on" not in job.out
    lines = [line for line in job.err.splitlines() if "torch_mpi_same" in line]
    assert lines == [f"my handler: {ARGUMENT} {message}"] * (scenario == "handled") + [message]


@ranks
def test_an_error_of_the_core_ends_the_whole_job(kind: str, program: Path, n: int) -> None:
    job = launch(kind, n, program, "abort_alone")
    assert job.code != 0
    assert "went on" not in job.out
    assert f"rank {n - 1}: torch_model_load: cannot open 'missing.pt'" in job.err


def test_the_handler_after_the_end_of_mpi(kind: str, program: Path) -> None:
    job = launch(kind, 1, program, "abort_late")
    assert job.code != 0
    assert "torch_model_load: cannot open 'missing.pt'" in job.err


def test_no_handler_for_a_communicator_that_is_none(kind: str, program: Path) -> None:
    (line,) = said(launch(kind, 1, program, "handler_null"), 1)
    assert line.status == ARGUMENT
    assert line.message.startswith(f"torch_mpi_abort_handler: {COMMUNICATORS['null']}")


@pytest.mark.parametrize(("scenario", "what"), COMMUNICATORS.items(), ids=list(COMMUNICATORS))
def test_wrong_communicators(kind: str, program: Path, scenario: str, what: str) -> None:
    job = launch(kind, 2, program, scenario)
    assert job.code == 0, job.out + job.err
    for rank in range(2):
        mine = [line for line in job.ranks() if line.rank == rank]
        assert [line.status for line in mine] == [ARGUMENT] * len(PROCEDURES), job.out + job.err
        for line, name in zip(mine, PROCEDURES, strict=True):
            assert line.message.startswith(f"{name}: ")
            assert what in line.message


@pytest.mark.parametrize(
    ("scenario", "what"),
    [("before", "MPI has not been started; call MPI_Init before"), ("after", "MPI has been ended; call this before MPI_Finalize")],
)
def test_mpi_that_does_not_run(kind: str, program: Path, scenario: str, what: str) -> None:
    (line,) = said(launch(kind, 1, program, scenario), 1)
    assert (line.status, line.message) == (ARGUMENT, f"torch_mpi_same: {what}")
