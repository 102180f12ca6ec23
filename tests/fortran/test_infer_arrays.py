"""Models of several inputs and outputs straight between arrays, in both formats, on every compiler."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

import pt2ts

from ..support import shared_folder, sources_of_pt2ts
from .conftest import Build
from .package_runs import start


class Column(torch.nn.Module):
    """Three inputs and three outputs, real and logical."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(6, 3)

    def forward(self, heat: Tensor, rain: Tensor, wet: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        tendency = torch.tanh(self.layer(torch.cat([heat, rain[:, None]], 1)))
        return tendency, heat.sum(-1) + rain, wet & (rain >= 0)


INPUTS = ["heat[batch,5] float32", "rain[batch] float32", "wet[batch] bool"]
ARGUMENT, HANDLE = 1, 2


@pytest.fixture(scope="module")
def columns() -> Path:
    """Folder with the network as TorchScript and as a kernel."""

    def make(folder: Path) -> None:
        torch.manual_seed(3)
        module = Column().eval()
        example = (torch.rand(4, 5), torch.rand(4), torch.rand(4) > 0.5)
        for name in ("kernel.pt2", "kernel.pt"):
            pt2ts.export(module, example, folder / name, inputs=INPUTS)

    return shared_folder("infer-arrays", [*sources_of_pt2ts(), Path(__file__).read_bytes()], make)


@pytest.mark.parametrize("name", ["kernel.pt2", "kernel.pt"])
def test_numbers(build: Build, columns: Path, name: str) -> None:
    done = start(build("infer_arrays.f90"), "kernel" if name.endswith("2") else "script", name, folder=columns)
    assert (done.returncode, done.stdout) == (0, "live 0\n"), done.stderr


#: What is tried, the status, and words of the message; for TorchScript and packages alike.
MISTAKES = {
    "no model": (HANDLE, "model is not initialised"),
    "few inputs": (ARGUMENT, "the model takes 3 inputs, got 2"),
    "few outputs": (ARGUMENT, "the model returns 3 outputs, got 2"),
    "nothing": (ARGUMENT, "no inputs or no outputs are given"),
    "not allocated": (ARGUMENT, "inputs(2)"),
    "not described": (ARGUMENT, "inputs(2)"),
    "other kind": (ARGUMENT, "input 2 'rain': expected float32 [batch], got float64 [4]; pass convert=.true."),
    "other sizes": (ARGUMENT, "input 2 'rain'"),
    "other order": (ARGUMENT, "input 1 'heat': expected float32 [batch, 5], got float32 [5, 4]"),
    "same output": (ARGUMENT, "outputs 1 and 2 have memory in common"),
    "output shape": (ARGUMENT, "output 1 'output1': the model returns float32 [4, 3]"),
    "right": (0, ""),
}


@pytest.mark.parametrize("name", ["kernel.pt2", "kernel.pt"])
def test_mistakes(build: Build, columns: Path, name: str) -> None:
    tried(start(build("infer_arrays.f90"), "mistakes", name, folder=columns), MISTAKES)


def tried(done: subprocess.CompletedProcess[str], mistakes: Mapping[str, tuple[int, str]]) -> None:
    """Compare what a program says of each mistake with what it should say."""
    assert done.returncode == 0, done.stderr
    *lines, live = done.stdout.splitlines()
    assert live == "live 0"
    found = {case: (int(status), words) for case, status, words in (line.split("|") for line in lines)}
    assert set(found) == set(mistakes)
    for case, (status, words) in mistakes.items():
        assert found[case][0] == status, (case, found[case])
        assert words in found[case][1], (case, found[case])


#: Of a collector, which calls the model once for several blocks of such arrays.
COLLECTED = {
    "not created": (ARGUMENT, "there are no blocks yet: call torch_collector_create first"),
    "run, not created": (ARGUMENT, "there are no blocks yet"),
    "no blocks": (ARGUMENT, "expected 1 or more blocks, inputs and outputs, got 0, 1 and 1"),
    "block large": (ARGUMENT, "'block': expected 1 to 2, got 3"),
    "few inputs": (ARGUMENT, "expected 3 inputs and 3 outputs, got 2 and 3"),
    "not set": (ARGUMENT, "input 1 of block 2: it has not been set"),
    "same arrays": (ARGUMENT, "input 1: blocks 1 and 2 are the same array; each needs one of its own until the model has run"),
    "same outputs": (ARGUMENT, "output 1: blocks 1 and 2 are the same array"),
    "other kind": (ARGUMENT, "input 2 of block 2: float64 [4] does not go with float32 [4] of block 1"),
    "other shape": (ARGUMENT, "input 1 of block 2: float32 [4, 3] does not go with float32 [4, 5] of block 1"),
    "other count": (ARGUMENT, "block 2 has 4 samples in the first input, and 3 in one of the inputs"),
    "other output count": (ARGUMENT, "block 2 has 4 samples in the first input, and 2 in one of the outputs"),
    "not of the model": (ARGUMENT, "input 1 'heat': expected float32 [batch, 5], got float32 [8, 4]"),
    "output shape": (ARGUMENT, "output 1 of block 2: float32 [4, 2] does not go with float32 [4, 3] of block 1"),
    "no model": (HANDLE, "model is not initialised"),
    "right": (0, ""),
}


@pytest.mark.parametrize("name", ["kernel.pt2", "kernel.pt"])
def test_a_collector(build: Build, columns: Path, name: str) -> None:
    """Blocks that threads prepare, of different sizes and one of none, in one call."""
    program = build("collector.f90", flags=("-fopenmp",))
    done = start(program, "numbers", name, folder=columns, OMP_NUM_THREADS="3")
    assert (done.returncode, done.stdout) == (0, "live 0\n"), done.stderr
    tried(start(program, "mistakes", name, folder=columns), COLLECTED)
