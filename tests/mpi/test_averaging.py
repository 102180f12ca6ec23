"""Training on many ranks: what one rank with all samples gives, equal bits on all, errors that all hear of."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import pt2ts

from ..fake_device.library import flags_for_fake_device
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


class Branching(nn.Module):
    """Large layers: one is used where the first number is positive, one never."""

    def __init__(self) -> None:
        super().__init__()
        self.never = nn.Linear(300, 300)
        self.first = nn.Linear(300, 300)
        self.sometimes = nn.Linear(300, 300)
        self.last = nn.Linear(300, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = torch.tanh(self.first(x))
        if x[0, 0] > 0:
            y = y + torch.tanh(self.sometimes(x))
        z: torch.Tensor = self.last(y)
        return z


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
        branching = torch.randn(4, 300, dtype=torch.float64)
        pt2ts.export(Branching().double(), branching, folder / "branching.pt", format=pt2ts.TorchScript(method="script"))

    found = shared_folder("mpi-averaging", [*sources_of_pt2ts(), Path(__file__).read_bytes()], make)
    return [str(found / f"{name}.pt") for name in ("plain", "normed", "partly", "branching")]


@pytest.fixture(scope="session")
def program(build: Build) -> Path:
    return build("job.f90", "averaging.f90")


@pytest.fixture(scope="session")
def early(build: Build) -> Path:
    return build("job.f90", "early.f90")


@pytest.mark.parametrize("n", RANKS)
@pytest.mark.parametrize("scenario", ["training", "parts", "broadcast", "refused"])
def test_averages(kind: str, program: Path, files: list[str], scenario: str, n: int) -> None:
    job = launch(kind, n, program, scenario, *files[:3])
    assert job.code == 0, job.out + job.err
    assert job.ranks() == [(rank, 0, "right") for rank in range(n)], job.out + job.err


@pytest.mark.parametrize("n", RANKS)
@pytest.mark.parametrize("scenario", ["same", "meanwhile", "refused"])
def test_averages_while_backward_computes(kind: str, early: Path, files: list[str], scenario: str, n: int) -> None:
    job = launch(kind, n, early, scenario, files[3], files[0])
    assert job.code == 0, job.out + job.err
    assert job.ranks() == [(rank, 0, "right") for rank in range(n)], job.out + job.err


@pytest.mark.parametrize("n", RANKS)
@pytest.mark.parametrize("scenario", ["ways", "messages", "refused"])
def test_averages_on_devices(kind: str, build: Build, files: list[str], scenario: str, n: int) -> None:
    program = build("../fake_device/fake_runtime.f90", "job.f90", "devices.f90", flags=flags_for_fake_device())
    job = launch(kind, n, program, scenario, files[2])
    assert job.code == 0, job.out + job.err
    assert job.ranks() == [(rank, 0, "right") for rank in range(n)], job.out + job.err
