"""Compiled steps on many ranks: as one rank with all samples, the same weights everywhere, and failures of one are everybody's."""

from __future__ import annotations

import math
import shutil
from collections import defaultdict
from pathlib import Path

import pytest
import torch

from pt2ts.training.run import Trainer

from .. import training_files
from ..support import shared_folder
from .conftest import Build
from .jobs import RANKS, Job, launch

ARGUMENT = 1
STEPS, SAMPLES = 20, 32
ranks = pytest.mark.parametrize("n", RANKS)
several = pytest.mark.parametrize("n", RANKS[1:])

#: Samples of each rank: even, uneven, and none on some.
SHARES = [(32,), (16, 16), (5, 27), (0, 32), (32, 0), (8, 8, 8, 8), (1, 2, 3, 26), (0, 20, 0, 12), (31, 0, 0, 1)]


@pytest.fixture(scope="module")
def folder() -> Path:
    """Folder with packages and samples."""
    x, y = training_files.dropping_data()

    def make(folder: Path) -> None:
        x.numpy().tofile(folder / "x.bin")
        y.numpy().tofile(folder / "y.bin")

    found = shared_folder("mpi-training", [Path(__file__).read_bytes()], make)
    for name in ("grouped", "dropping", "line"):
        shutil.copy(training_files.training_file(name), found / f"{name}.pt2")
    return found


@pytest.fixture(scope="session")
def program(build: Build) -> Path:
    return build("job.f90", "trainer_average.f90")


def lines_of(job: Job, n: int) -> list[list[tuple[int, str]]]:
    """Return what each rank said, in a job that ended well."""
    assert job.code == 0, job.out + job.err
    found = defaultdict(list)
    for line in job.ranks():
        found[line.rank].append((line.status, line.message.strip()))
    assert sorted(found) == list(range(n)), job.out + job.err
    return [found[rank] for rank in range(n)]


def together(job: Job, n: int) -> list[tuple[int, str]]:
    """Return what all ranks said, which is the same."""
    lines = lines_of(job, n)
    assert all(line == lines[0] for line in lines), lines
    return lines[0]


@pytest.fixture(scope="module")
def losses() -> list[float]:
    """Return the losses of one rank that has all samples, without any ranks."""
    trainer = Trainer(training_files.training_file("grouped"))
    x, y = training_files.dropping_data()
    return [trainer.step(x, y).item() for _ in range(STEPS)]


@pytest.mark.parametrize("shares", SHARES, ids=str)
@pytest.mark.parametrize("scenario", ["steps", "halves"])
def test_many_ranks_are_one_with_all_samples(
    kind: str, program: Path, folder: Path, losses: list[float], scenario: str, shares: tuple[int, ...]
) -> None:
    n = len(shares)
    *found, (live, word) = together(launch(kind, n, program, scenario, "grouped.pt2", *map(str, shares), cwd=folder), n)
    assert (live, word) == (0, "live")
    assert [step for step, _ in found] == list(range(1, STEPS + 1))
    if scenario == "halves" and n > 1:  # in which every second mean is averaged again, over equal shares
        assert [float(loss) for _, loss in found] == pytest.approx(losses, rel=1e-11)
        return
    assert [float(loss) for _, loss in found] == pytest.approx(losses, rel=1e-12)
    assert len(set(losses)) == STEPS


@pytest.mark.parametrize("shares", [(32,), (0, 32), (1, 2, 3, 26)], ids=str)
def test_tensors(kind: str, program: Path, folder: Path, losses: list[float], shares: tuple[int, ...]) -> None:
    n = len(shares)
    *found, live = together(launch(kind, n, program, "tensors", "grouped.pt2", *map(str, shares), cwd=folder), n)
    assert live == (0, "live")
    assert [float(loss) for _, loss in found] == pytest.approx(losses, rel=1e-12)


@pytest.mark.parametrize("shares", [(32,), (16, 16), (0, 32), (10, 0, 2, 20)], ids=str)
def test_running_means_are_averaged_and_counters_are_not(kind: str, program: Path, folder: Path, shares: tuple[int, ...]) -> None:
    n = len(shares)
    *means, batches = together(launch(kind, n, program, "everything", "dropping.pt2", *map(str, shares), cwd=folder), n)
    assert batches == (STEPS, "batches")
    net = training_files.Dropping().net
    x, _ = training_files.dropping_data()
    expected = 0.1 * net[0](x).mean(0)  # of all samples: a mean of means by their numbers is exact
    assert [float(mean) for _, mean in means] == pytest.approx(expected.tolist(), rel=1e-10)


@ranks
def test_a_step_of_nobody_is_skipped(kind: str, program: Path, folder: Path, n: int) -> None:
    found = together(launch(kind, n, program, "empty", "dropping.pt2", cwd=folder), n)
    assert found == [(0, "skipped"), (1, "taken")]


@ranks
def test_a_field_that_blew_up_on_one_rank_is_skipped_by_all(kind: str, program: Path, folder: Path, n: int) -> None:
    found = together(launch(kind, n, program, "not_finite", "dropping.pt2", cwd=folder), n)
    assert found == [(0, "skipped")]


@ranks
@pytest.mark.parametrize(
    ("scenario", "what"),
    [
        ("shape", "torch_mpi_trainer_step: torch_trainer_gradients: input 1 'x': expected float64 [batch, 3], got float64 [3, 32]"),
        ("negative", "torch_mpi_trainer_step: argument 'samples': expected 0 or more, got -1"),
        ("finite", "torch_mpi_trainer_step: 8 of 41 gradients are infinite or not numbers"),
        ("unready", "torch_mpi_trainer_average: there are no gradients to exchange: call gradients before, each time"),
    ],
)
def test_one_is_wrong(kind: str, program: Path, folder: Path, scenario: str, what: str, n: int) -> None:
    (status, message), *applied, last = together(launch(kind, n, program, scenario, "grouped.pt2", cwd=folder), n)
    assert status == ARGUMENT
    assert message.startswith(f"rank {n - 1}: {what}"), message
    assert applied == ([(ARGUMENT, "apply")] if scenario == "finite" else [])
    assert last == (1, "count"), "the next step is taken"


@several
def test_trainers_of_different_files(kind: str, program: Path, folder: Path, n: int) -> None:
    ((status, message),) = together(launch(kind, n, program, "different", "grouped.pt2", "dropping.pt2", cwd=folder), n)
    assert status == ARGUMENT
    assert message.startswith(f"rank {n - 1}: torch_mpi_trainer_step: argument 'trainer': the ranks have different ones: ")


@ranks
def test_a_package_without_halves(kind: str, program: Path, folder: Path, n: int) -> None:
    job = launch(kind, n, program, "empty", "line.pt2", cwd=folder)
    assert job.code != 0
    (line,) = [line for line in job.err.splitlines() if "torch_mpi_trainer_step" in line]
    assert line.startswith("rank 0: torch_mpi_trainer_step: the package has whole steps only, not their two halves")


def test_a_rank_that_does_not_call(kind: str, program: Path, folder: Path) -> None:
    job = launch(kind, 2, program, "absent", "grouped.pt2", cwd=folder)
    assert job.code != 0
    (line,) = job.ranks()
    assert (line.rank, line.status) == (0, ARGUMENT), "what is half exchanged cannot be applied"
    assert "torch_mpi_trainer_average: waited 1 s for other ranks" in line.message


def test_the_samples_are_enough_to_tell_ranks_apart() -> None:
    """Means that ignore how many samples a rank has would pass where all ranks have the same ones."""
    trainer = Trainer(training_files.training_file("grouped"))
    x, y = training_files.dropping_data()
    parts = [trainer.gradients(x[:5], y[:5]).item(), trainer.gradients(x[5:], y[5:]).item()]
    whole = trainer.gradients(x, y).item()
    assert math.isclose((5 * parts[0] + 27 * parts[1]) / SAMPLES, whole, rel_tol=1e-12)
    assert not math.isclose(sum(parts) / 2, whole, rel_tol=1e-3)
    assert torch.isfinite(trainer.apply())
