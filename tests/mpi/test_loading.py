"""Models and trainers on all ranks: rank 0 alone reads the file, a machine has the weights once, failures are everybody's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

import pt2ts

from .. import training_files
from ..support import shared_folder, sources_of_pt2ts
from .conftest import Build
from .jobs import RANKS, Job, launch

FILE, ARGUMENT, DEVICE = 3, 1, 4
ranks = pytest.mark.parametrize("n", RANKS)
several = pytest.mark.parametrize("n", RANKS[1:])
#: Widths of a layer that is a kernel, of one that is none, and of one whose weights are mapped (from 16 MiB on).
SMALL, MEDIUM, LARGE = 6, 1400, 2900


@pytest.fixture(scope="module")
def folder() -> Path:
    """Folder with the files, that only rank 0 is in."""

    def make(folder: Path) -> None:
        for name, width in (("small.pt", SMALL), ("small.pt2", SMALL), ("medium.pt2", MEDIUM), ("large.pt2", LARGE)):
            torch.manual_seed(5)
            pt2ts.export(nn.Linear(width, width), torch.randn(2, width), folder / name, inputs=[f"x[batch,{width}]"])
        (folder / "short.pt2").write_bytes((folder / "small.pt2").read_bytes()[:-500])
        (folder / "empty.pt2").touch()
        (folder / "folder.pt2").mkdir()

    found = shared_folder("mpi-loading", [*sources_of_pt2ts(), Path(__file__).read_bytes()], make)
    shutil.copy(training_files.training_file("line"), found / "line.pt2")
    return found


@pytest.fixture(scope="session")
def program(build: Build) -> Path:
    return build("job.f90", "loading.f90")


def said(job: Job, n: int) -> list[tuple[int, str]]:
    """Return what each rank said, once each, in a job that ended well."""
    assert job.code == 0, job.out + job.err
    found = job.ranks()
    assert [line.rank for line in found] == list(range(n)), job.out + job.err
    return [(line.status, line.message) for line in found]


@ranks
@pytest.mark.parametrize("name", ["small.pt", "small.pt2", "large.pt2"])
def test_models(kind: str, program: Path, folder: Path, name: str, n: int) -> None:
    """In the communicator of all and in those of halves; no handle is left."""
    width = LARGE if name.startswith("large") else SMALL
    found = said(launch(kind, n, program, "model", name, str(width), cwd=folder, PWD=str(folder)), n)
    assert len(set(found)) == 1, found
    assert found[0][0] == 0


@several
def test_trainers(kind: str, program: Path, folder: Path, n: int) -> None:
    found = said(launch(kind, n, program, "trainer", "line.pt2", "1", cwd=folder), n)
    assert [live for live, _ in found] == [0] * n
    assert len({losses for _, losses in found}) == n, "each learns from its own samples"


def test_a_machine_has_the_weights_once(kind: str, program: Path, folder: Path) -> None:
    """Beside them each rank has code, tables and buffers of its own: what one rank alone takes beyond the weights."""
    weights = 4 * LARGE * (LARGE + 1) / 1024

    def taken(n: int) -> float:
        job = launch(kind, n, program, "memory", "large.pt2", "1", cwd=folder, OMP_NUM_THREADS="1")
        return sum(float(text) for _, text in said(job, n))

    alone, of_four = taken(1), taken(4)
    assert alone > 0.9 * weights
    assert of_four - 4 * (alone - weights) < 1.3 * weights, (of_four, alone, weights)


@ranks
@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("missing.pt2", "rank 0: torch_mpi_model_load: cannot open 'missing.pt2': No such file or directory"),
        ("folder.pt2", "rank 0: torch_mpi_model_load: 'folder.pt2' is a directory"),
        ("empty.pt2", "rank 0: torch_mpi_model_load: 'empty.pt2' is empty"),
        ("short.pt2", "rank 0: torch_mpi_model_load: 'short.pt2' is truncated or corrupt"),
    ],
)
def test_files_that_are_none(kind: str, program: Path, folder: Path, name: str, what: str, n: int) -> None:
    found = said(launch(kind, n, program, "refused", name, "1", cwd=folder), n)
    assert len(set(found)) == 1, found
    assert found[0][0] == FILE
    assert found[0][1].startswith(what), found[0][1]


@several
@pytest.mark.parametrize(
    ("scenario", "status", "what"),
    [
        ("other_name", ARGUMENT, "argument 'filename' is 'other.pt2' here, 'small.pt2' on rank 0"),
        ("one_device", DEVICE, "device xpu is not available"),
    ],
)
def test_one_rank_fails(kind: str, program: Path, folder: Path, scenario: str, status: int, what: str, n: int) -> None:
    found = said(launch(kind, n, program, scenario, "small.pt2", "1", cwd=folder), n)
    assert len(set(found)) == 1, found
    assert found[0][0] == status
    assert found[0][1].startswith(f"rank {n - 1}: torch_mpi_model_load: {what}"), found[0][1]


@ranks
def test_a_blank_sum_is_not_any_file(kind: str, program: Path, folder: Path, n: int) -> None:
    found = said(launch(kind, n, program, "blank_sum", "small.pt2", "1", cwd=folder), n)
    assert len(set(found)) == 1, found
    assert "argument 'sha256': expected 64 hexadecimal digits" in found[0][1]


@several
def test_without_stat_the_job_ends(kind: str, program: Path, folder: Path, n: int) -> None:
    job = launch(kind, n, program, "stops", "missing.pt2", "1", cwd=folder)
    assert job.code != 0
    assert "went on" not in job.out
    assert [line for line in job.err.splitlines() if "torch_mpi_model_load" in line] == [
        "rank 0: torch_mpi_model_load: cannot open 'missing.pt2': No such file or directory"
    ]
