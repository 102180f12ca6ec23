"""Pools of columns: the bits of the model itself whoever computes, errors that all hear of, servers, halves, memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import pt2ts

from ..support import shared_folder, sources_of_pt2ts
from .conftest import Build
from .jobs import RANKS, Job, launch

ARGUMENT, INTERNAL = 1, 8
ranks = pytest.mark.parametrize("n", RANKS)
several = pytest.mark.parametrize("n", RANKS[1:])


class Two(nn.Module):
    """Two inputs, two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 4)

    def forward(self, t: torch.Tensor, q: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y = torch.tanh(self.linear(torch.cat((t, q), 1)))
        return y[:, :3], y[:, 3]


@pytest.fixture(scope="module")
def files() -> list[str]:
    """A model of one array, and one of several: packages whose columns have the same bits in any batch, one column too."""

    def make(folder: Path) -> None:
        torch.manual_seed(5)
        net = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3)).eval()
        alike = pt2ts.Package(batch=())
        pt2ts.export(net, torch.randn(2, 5), folder / "one.pt2", inputs=["x[batch,5]"], format=alike)
        two, ports = (torch.randn(2, 4), torch.randn(2, 2)), ["t[batch,4]", "q[batch,2]"]
        pt2ts.export(Two(), two, folder / "two.pt2", inputs=ports, format=alike)

    found = shared_folder("mpi-columns", [*sources_of_pt2ts(), Path(__file__).read_bytes()], make)
    return [str(found / "one.pt2"), str(found / "two.pt2")]


SHARED = ("job.f90", "columns_shared.f90")


@pytest.fixture(scope="session")
def program(build: Build) -> Path:
    return build(*SHARED, "../fortran/process_memory.f90", "columns.f90")


@pytest.fixture(scope="session")
def servers(build: Build) -> Path:
    return build(*SHARED, "servers.f90")


@pytest.fixture(scope="session")
def errors(build: Build) -> Path:
    return build(*SHARED, "pool_errors.f90")


def all_right(job: Job, n: int) -> None:
    assert job.code == 0, job.out + job.err
    assert [line for line in job.ranks() if line.message == "right"] == [(rank, 0, "right") for rank in range(n)], job.out + job.err


@ranks
@pytest.mark.parametrize("scenario", ["shapes", "several", "two_pools", "halves"])
def test_pool(kind: str, program: Path, files: list[str], scenario: str, n: int) -> None:
    all_right(launch(kind, n, program, scenario, *files), n)


@ranks
def test_mistakes(kind: str, errors: Path, files: list[str], n: int) -> None:
    all_right(launch(kind, n, errors, "refused", *files), n)


@several
@pytest.mark.parametrize("scenario", ["idle_servers", "all_serve"])
def test_servers_without_clients(kind: str, servers: Path, files: list[str], scenario: str, n: int) -> None:
    all_right(launch(kind, n, servers, scenario, *files), n)


@several
def test_ranks_that_only_serve(kind: str, servers: Path, files: list[str], n: int) -> None:
    all_right(launch(kind, n, servers, "serve", *files), n)


@several
def test_what_one_computes_in_vain_all_know(kind: str, errors: Path, files: list[str], n: int) -> None:
    job = launch(kind, n, errors, "recovers", *files)
    all_right(job, n)
    messages = {(line.status, line.message) for line in job.ranks() if line.message != "right"}
    assert len(messages) == 1, job.out
    ((status, message),) = messages
    assert status == ARGUMENT
    assert message.startswith(f"rank {n - 1}: torch_column_pool%infer: ")


@several
def test_a_rank_that_does_not_call(kind: str, errors: Path, files: list[str], n: int) -> None:
    job = launch(kind, n, errors, "missing", *files)
    assert job.code != 0
    waiting = [line for line in job.ranks() if "waited 1 s for other ranks" in line.message]
    assert {line.rank for line in waiting} == set(range(n - 1)), job.out + job.err
    assert {line.status for line in waiting} == {INTERNAL}
    assert {line.message.partition(":")[0] for line in waiting} == {"torch_column_pool%infer", "torch_mpi_same"}
    assert (n - 1, 0, "right") in job.ranks()


@pytest.mark.parametrize("n", [2])
def test_memory_stays_flat(kind: str, program: Path, files: list[str], n: int) -> None:
    all_right(launch(kind, n, program, "loop", *files), n)
