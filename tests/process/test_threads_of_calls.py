"""Threads of a call: small work stays on one, ranks share the cores, what was compiled in holds for all code."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import torch

import pt2ts

from ..support import BuildFortran, shared_folder, sources_of_pt2ts

CORES = os.cpu_count() or 1


class Sorted(torch.nn.Module):
    """No kernel, and a matrix product that MKL would share out."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(64, 64)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.layer(x.sort(-1).values)
        return result


@pytest.fixture(scope="module")
def folder() -> Path:
    def make(folder: Path) -> None:
        torch.manual_seed(0)
        kernel = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Tanh(), torch.nn.Linear(64, 64))
        example = torch.randn(8, 64)
        pt2ts.export(kernel, example, folder / "kernel.pt2", format="pt2")
        pt2ts.export(kernel, example, folder / "kernel_1.pt2", format=pt2ts.Package(threads=1))
        pt2ts.export(Sorted(), example, folder / "aoti_1.pt2", format=pt2ts.Package(threads=1, batch=()))

    return shared_folder("threads-of-calls", [*sources_of_pt2ts(), Path(__file__).read_bytes()], make)


def threads(program: Path, file: Path, **settings: str) -> list[int]:
    """Threads that a call may use, and threads of the process after a small and after a large call."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run([program, file], env=environment | settings, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [int(word) for word in done.stdout.split()]


@pytest.fixture
def program(build_fortran: BuildFortran, fc: str) -> Path:
    return build_fortran(Path(__file__).with_name("threads_of_calls.f90"), compiler=fc)


def test_a_kernel_shares_large_batches_only(program: Path, folder: Path) -> None:
    assert threads(program, folder / "kernel.pt2", OMP_NUM_THREADS="3") == [3, 1, 3]
    assert threads(program, folder / "kernel.pt2", OMP_NUM_THREADS="1") == [1, 1, 1]


@pytest.mark.parametrize("name", ["kernel_1.pt2", "aoti_1.pt2"])
def test_one_thread_is_one_thread(program: Path, folder: Path, name: str) -> None:
    """Also in what compiled code calls: the matrix products of PyTorch."""
    assert threads(program, folder / name, OMP_NUM_THREADS="3") == [3, 1, 1]


@pytest.mark.skipif(CORES < 2, reason="one core cannot be shared")
@pytest.mark.parametrize(
    ("name", "text", "ranks"),
    [
        ("OMPI_COMM_WORLD_LOCAL_SIZE", "2", 2),
        ("MPI_LOCALNRANKS", "64", 64),
        ("SLURM_STEP_TASKS_PER_NODE", "2(x4),1", 2),
        ("OMPI_COMM_WORLD_LOCAL_SIZE", "many", 1),
    ],
)
def test_ranks_share_the_cores(program: Path, folder: Path, name: str, text: str, ranks: int) -> None:
    share = max(1, CORES // ranks)
    allowed, _, after = threads(program, folder / "kernel.pt2", **{name: text})
    assert (allowed, after) == (share, share)
    # Whoever says a number gets it.
    assert threads(program, folder / "kernel.pt2", **{name: text, "OMP_NUM_THREADS": "2"})[::2] == [2, 2]
