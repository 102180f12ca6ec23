"""Networks that PyTorch computes with BLAS and LAPACK, and what it makes of them by itself."""

from __future__ import annotations

from pathlib import Path

import torch

import pt2ts


class Layers(torch.nn.Module):
    """Layers of a width at which PyTorch multiplies with BLAS."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.sin(torch.arange(128.0 * 128)).reshape(128, 128) / 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x @ self.weight + 1) @ self.weight


class Solver(Layers):
    """Products and a linear system, in a package."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        matrix = 3 * torch.eye(128) + torch.tanh(x.T @ x + 1) / 100
        solution: torch.Tensor = torch.linalg.solve(matrix, (x @ self.weight + 1).T)
        return solution


def example() -> torch.Tensor:
    return torch.linspace(-1, 1, 64 * 128).reshape(64, 128)


def write_models(folder: Path) -> None:
    pt2ts.export(Layers(), example(), folder / "network.pt")
    pt2ts.export(Solver(), example(), folder / "network.pt2", dynamic_batch=False, format=pt2ts.Package(batch=()))


def expected() -> dict[str, list[float]]:
    """Sum and one element of everything that the program computes, by eager PyTorch."""
    k = torch.arange(36)
    a = ((7 * k) % 11 + 20 * (k % 7 == 0)).double().reshape(6, 6).T
    b = torch.arange(12.0, dtype=torch.float64).reshape(2, 6).T
    with torch.no_grad():
        results = {
            "TorchScript": (Layers()(example()), (3, 5)),
            "package": (Solver()(example()), (3, 5)),
            "product": (a @ b, (5, 1)),
            "solution": (torch.linalg.solve(a, b), (5, 1)),
        }
    return {name: [float(value.double().sum()), float(value[at])] for name, (value, at) in results.items()}
