"""Modules to compile: few, since each takes a compiler many seconds."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Column(nn.Module):
    """A small network with dropout and batch norm, whose weights are all ones in places: a compiler likes to fold those."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5, 16), nn.BatchNorm1d(16), nn.Dropout(0.5), nn.Tanh(), nn.Linear(16, 3))
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, column: Tensor) -> Tensor:
        heating: Tensor = self.net(column) * self.scale
        return heating


class Mixed(nn.Module):
    """Weights, a buffer that is not saved, a constant in the code; a dictionary whose keys are not in sorted order."""

    grid: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(12, 4)
        self.register_buffer("grid", torch.linspace(0, 1, 4, dtype=torch.float64), persistent=False)

    def forward(self, field: Tensor, month: Tensor, scale: Tensor) -> dict[str, Tensor | None]:
        wind = field * scale + self.table(month) * self.grid
        return {"wind": wind, "next": month + 1, "nothing": None, "heat": (wind + field.new_tensor([1.0, 2.0, 3.0, 4.0])).sum(1)}


class Narrow(nn.Module):
    """To be computed in bfloat16."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.net(x)
        return y


class Tied(nn.Module):
    """Decodes with the weights that it encodes with; its second result has two rows for each sample."""

    def __init__(self) -> None:
        super().__init__()
        self.encode, self.decode = nn.Linear(6, 6), nn.Linear(6, 6)
        self.decode.weight = self.encode.weight

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        y: Tensor = self.decode(torch.tanh(self.encode(x)))
        return {"again": y, "pairs": torch.cat([y, -y])}


class Counts(nn.Module):
    """Assigns to itself."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = torch.zeros(())

    def forward(self, x: Tensor) -> Tensor:
        self.calls = self.calls + x.mean() * 0
        return x + self.calls


class SizeFromValues(nn.Module):
    """The length of the result depends on values."""

    def forward(self, x: Tensor) -> Tensor:
        return x.new_zeros(int(x.abs().sum().item()) + 1)


class CountsInBuffer(nn.Module):
    """Adds to a buffer."""

    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls.add_(1)
        return x * 2


class Halves(nn.Module):
    """Goes one way for even batches and another for odd ones."""

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[0] % 2 == 0:
            return x + 1
        return x + 2


class FixedReshape(nn.Module):
    """Has a number where a size should be, and goes around it for other sizes."""

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[0] == 33:
            return x.reshape(33, 5) + 1
        return x + 1
