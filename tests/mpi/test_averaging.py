"""Training on many ranks: what one rank with all samples gives, equal bits on all, errors that all hear of."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import pt2ts

from ..support import shared_folder, sources_of_pt2ts
from .conftest import Build
from .jobs import RANKS, launch


class Partly(nn.Module):
    """A layer that is large, one that is small, and one that is not used."""

    def __init__(self) -> None:
        super().__init__()
        self.large = nn.Linear(200, 200)
        self.small = nn.Linear(200, 2)
        self.unused = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.small(torch.relu(self.large(x)))
        return y


@pytest.fixture(scope="module")
def files() -> list[str]:
    def make(folder: Path) -> None:
        torch.manual_seed(5)
        plain = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3)).double()
        normed = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 3)).double()
        x = torch.randn(4, 5, dtype=torch.float64)
        pt2ts.export(plain, x, folder / "plain.pt")
        pt2ts.export(normed, x, folder / "normed.pt")
        pt2ts.export(Partly(), torch.randn(4, 200), folder / "partly.pt")

    found = shared_folder("mpi-averaging", [*sources_of_pt2ts(), Path(__file__).read_bytes()], make)
    return [str(found / f"{name}.pt") for name in ("plain", "normed", "partly")]


@pytest.fixture(scope="session")
def program(build: Build) -> Path:
    return build("job.f90", "averaging.f90")


@pytest.mark.parametrize("n", RANKS)
@pytest.mark.parametrize("scenario", ["training", "parts", "broadcast", "refused"])
def test_averages(kind: str, program: Path, files: list[str], scenario: str, n: int) -> None:
    job = launch(kind, n, program, scenario, *files)
    assert job.code == 0, job.out + job.err
    assert job.ranks() == [(rank, 0, "right") for rank in range(n)], job.out + job.err
