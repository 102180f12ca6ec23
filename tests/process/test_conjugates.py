"""Results and saved weights that are conjugated or negated only when they are read."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ..support import BuildFortran, run

HERE = Path(__file__).resolve().parent


class Conjugate(torch.nn.Module):
    """Conjugates its input, which PyTorch does by a mark."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mul(1).conj()


class NegativeImaginary(torch.nn.Module):
    """The imaginary part of the conjugate: a view with the mark that its values are to be negated."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mul(1).conj().imag


class Weights(torch.nn.Module):
    """Two weights."""

    def __init__(self) -> None:
        super().__init__()
        self.z = torch.nn.Parameter(torch.zeros(2, dtype=torch.complex64))
        self.r = torch.nn.Parameter(torch.zeros(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.z + self.r


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("conjugates")
    for name, module in {"conjugate": Conjugate(), "negative_imaginary": NegativeImaginary(), "weights": Weights()}.items():
        torch.jit.save(torch.jit.script(module.eval()), folder / f"{name}.pt")
    numbers = [1 + 2j, 3 + 4j]
    marked = torch.tensor(numbers, dtype=torch.complex64).conj()
    negated = torch.tensor(numbers, dtype=torch.complex64).conj().imag
    assert marked.is_conj()
    assert negated.is_neg()
    torch.save({"z": marked, "r": negated}, folder / "marked.state")
    return folder


def test_every_way_out_gives_the_values(build_fortran: BuildFortran, fc: str, folder: Path) -> None:
    program = build_fortran(HERE / "conjugates.f90", compiler=fc)
    assert run(program, cwd=folder).strip() == "all right"
