"""Modules to export: one for each thing that a module of a user may do."""
# ruff: noqa: ARG002 - every method is `forward`, and some arguments are there to be in the way

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn


class Column(nn.Module):
    """A small network with dropout and batch norm: eval mode matters."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5, width), nn.BatchNorm1d(width), nn.Dropout(0.5), nn.Tanh(), nn.Linear(width, 3))

    def forward(self, column: Tensor) -> Tensor:
        heating: Tensor = self.net(column)
        return heating


class Gather(nn.Module):
    """Several inputs of several dtypes, several outputs in a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(12, 4)

    def forward(self, field: Tensor, month: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        return field * scale + self.table(month), month + 1


class Named(nn.Module):
    """A dictionary; its keys are not in sorted order."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"wind": x * 2, "heat": x.sum(1)}


class Water(nn.Module):
    """A dictionary of equal shapes, whose names are all that tells them apart."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"snow": x + 1, "rain": x + 2, "cloud": x + 3}


class Deep(nn.Module):
    """Dictionaries in a dictionary."""

    def forward(self, x: Tensor) -> dict[str, dict[str, Tensor]]:
        return {"soil": {"snow": x + 1}, "air": {"rain": x + 2, "ice": x + 3}}


class Keyed(nn.Module):
    """A dictionary by number."""

    def forward(self, x: Tensor) -> dict[int, Tensor]:
        return {2: x + 2, 10: x + 10}


class Mute(nn.Module):
    """Has another method than forward."""

    @torch.jit.export
    def other(self, x: Tensor) -> Tensor:
        return x


class Logarithm(nn.Module):
    """NaN for negative numbers and infinite for 0."""

    def forward(self, x: Tensor) -> Tensor:
        return x.log()


class Nested(nn.Module):
    """A list in a tuple."""

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        return x + 1, [x * 2, x * 3]


class Pair(NamedTuple):
    """Result of `Fields`."""

    mean: Tensor
    spread: Tensor


class Fields(nn.Module):
    """A named tuple."""

    def forward(self, x: Tensor) -> Pair:
        return Pair(x.mean(1), x.std(1))


class MaybeSecond(nn.Module):
    """An optional argument."""

    def forward(self, x: Tensor, extra: Tensor | None = None) -> Tensor:
        if extra is not None:
            x = x + extra
        return x * 2


class Alias(nn.Module):
    """Returns its input itself."""

    def forward(self, x: Tensor) -> Tensor:
        return x


class Loop(nn.Module):
    """A loop whose length depends on the values: only scripting keeps it."""

    def forward(self, x: Tensor) -> Tensor:
        while bool(x.abs().max() > 1):
            x = x / 2
        return x


class Keywords(nn.Module):
    """Cannot be scripted; its trace is right for every size."""

    def forward(self, x: Tensor, **options: float) -> Tensor:
        return torch.tanh(x) * options.get("gain", 2.0)


class Attention(nn.Module):
    """Takes q, k, v out of one tensor as Python does, which TorchScript cannot; its trace is right for every size."""

    def __init__(self, heads: int = 2) -> None:
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(4, 24)

    def forward(self, column: Tensor) -> Tensor:
        batch, levels, _ = column.shape
        q, k, v = self.project(column).view(batch, levels, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        return mixed.transpose(1, 2).reshape(batch, levels, -1)


class Rows(nn.Module):
    """Cannot be scripted; its trace sums as many rows as the example has."""

    def forward(self, x: Tensor, **options: float) -> Tensor:
        total = torch.zeros_like(x[0])
        for row in x:
            total = total + row.sin()
        return total


class BakedBatch(nn.Module):
    """Cannot be scripted; its trace keeps the batch size of the example, and torch does not notice."""

    def forward(self, x: Tensor, **options: float) -> Tensor:
        rows = x.nbytes // (x.element_size() * 5)
        return x + torch.ones(rows, 1)


class Branch(nn.Module):
    """Cannot be scripted, and branches on a value."""

    def forward(self, x: Tensor, **options: float) -> Tensor:
        if x.sum() > 0:
            return x
        return -x


class UsesNumpy(nn.Module):
    """Calls numpy on a constant of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = np.ones(5, dtype=np.float32)

    def forward(self, column: Tensor) -> Tensor:
        return column * self.scale  # type: ignore[return-value]


class WritesInput(nn.Module):
    """Would change the caller's array."""

    def forward(self, x: Tensor) -> Tensor:
        x += 1
        return x


class Noise(nn.Module):
    """Other numbers at every call."""

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.rand(1)


class Fails(nn.Module):
    """Raises in its own code."""

    def forward(self, x: Tensor) -> Tensor:
        return x @ torch.ones(7, 7)


class Squeezes(nn.Module):
    """Loses its batch dimension for a batch of one."""

    def forward(self, x: Tensor) -> Tensor:
        return x.squeeze()


class Doubles(nn.Module):
    """Its output has twice the batch."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, x])


class TwoSizes(nn.Module):
    """Two symbolic sizes."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a @ b


class Text(nn.Module):
    """Returns something that is no tensor."""

    def forward(self, x: Tensor) -> str:
        return "x"


class Numbers(nn.Module):
    """Returns a Python number and None beside a tensor."""

    def forward(self, x: Tensor) -> tuple[Tensor, int, Tensor | None]:
        return x, 3, None


class Thresholds(nn.Module):
    """Integers and logicals out."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x > 0, x.to(torch.int32)


def make_column(width: int = 8, depth: str = "one") -> nn.Module:
    """A factory, for the command line."""
    if depth != "one":
        raise ValueError(f"depth {depth} is unknown")
    torch.manual_seed(0)
    return Column(width)


def not_a_module() -> int:
    """A factory of the wrong thing."""
    return 3


ready = Alias()
