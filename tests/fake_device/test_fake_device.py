"""A fake device shows where tensors and models are placed, how often data is copied, and that mixing devices is refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import torch

import pt2ts

from ..support import BuildFortran
from .library import flags_for_fake_device

HERE = Path(__file__).resolve().parent


class Linear(torch.nn.Module):
    """y[i] = sum_j (i + 1) * (j + 1) * x[j] + i, exact."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(5, 3)
        with torch.no_grad():
            rows = torch.arange(1.0, 4.0)
            self.layer.weight.copy_(rows[:, None] * torch.arange(1.0, 6.0)[None, :])
            self.layer.bias.copy_(rows - 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.layer(x)
        return y


@pytest.fixture(scope="session")
def program(fc: str, build_fortran: BuildFortran) -> Path:
    """The test program, linked to the fake device so that it is there before the first call."""
    return build_fortran(HERE / "placement.f90", compiler=fc, flags=("-g", *flags_for_fake_device()))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("fake_device")
    pt2ts.export(Linear(), torch.arange(10.0).reshape(2, 5), made / "linear.pt")
    return made


def outcome(program: Path, folder: Path, scenario: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, scenario], cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("scenario", ["devices", "arrays", "memory", "results", "mixed", "models", "second"])
def test_placement(program: Path, folder: Path, scenario: str) -> None:
    done = outcome(program, folder, scenario)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "placed right\n"


def test_operators_refuse_mixed_devices(program: Path, folder: Path) -> None:
    done = outcome(program, folder, "mixed_sum")
    assert done.returncode == 1
    assert "Expected all tensors to be on the same device" in done.stderr
