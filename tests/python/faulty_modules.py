"""Modules with the faults that ``pt2ts verify`` is there to find, and the right ones beside them."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Layers(nn.Module):
    """A network whose last channels can be told apart; the right one."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.one = nn.Linear(4, 8)
        self.two = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.two(torch.tanh(self.one(x)))
        return y


class OutputOrder(Layers):
    """Its outputs in another order."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)[:, [1, 2, 0]]


class InputOrder(Layers):
    """Takes its input channels in another order."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x[:, [3, 1, 2, 0]])


class Misread(Layers):
    """Reads the memory of its input in column-major order."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.t().reshape(x.shape))


class Pairs(nn.Module):
    """Two outputs, two inputs of one shape."""

    def forward(self, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        return u + 2 * v, u * v


class PairsReversed(nn.Module):
    """The outputs of `Pairs` the other way round."""

    def forward(self, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        return u * v, u + 2 * v


class PairsExchanged(nn.Module):
    """`Pairs` with its arguments exchanged."""

    def forward(self, v: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        return u + 2 * v, u * v


class Square(nn.Module):
    """A field whose two dimensions have one size."""

    def forward(self, x: Tensor) -> Tensor:
        return x.cumsum(1)


class SquareTurned(nn.Module):
    """Takes the dimensions the other way round."""

    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2).cumsum(1)


class Dropout(nn.Module):
    """Nothing but dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.drop(x)
        return y


class Norm(nn.Module):
    """Nothing but batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(x)
        return y


class MinusMean(nn.Module):
    """Depends on the whole batch."""

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0)


class Leak(nn.Module):
    """Depends on the batch in nothing but NaN."""

    def forward(self, x: Tensor) -> Tensor:
        return x + 0 * x.sum(0)


class Normalized(nn.Module):
    """NaN where all values are equal."""

    def forward(self, x: Tensor) -> Tensor:
        return (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True)


class Root(nn.Module):
    """NaN below zero."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sqrt()


class Decades(nn.Module):
    """Columns of different units: the last one is eight decades smaller than the first."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Layers()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.net(x)
        return y * torch.tensor([1e2, 1.0, 1e-6])


class Convection(nn.Module):
    """A column of 61 numbers to 148, whose sizes span eleven decades."""

    scale: Tensor
    offset: Tensor

    def __init__(self) -> None:
        super().__init__()
        source = torch.Generator().manual_seed(3)
        self.first, self.second, self.last = nn.Linear(61, 128), nn.Linear(128, 128), nn.Linear(128, 148)
        for weight in self.parameters():
            nn.init.uniform_(weight, -0.1, 0.1, generator=source)
        self.register_buffer("scale", 10 ** torch.linspace(-9, 2, 148))
        self.register_buffer("offset", 10 * torch.randn(148, generator=source) * self.scale)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.last(self.second(self.first(x).relu()).relu())
        return y * self.scale + self.offset


class Cancelling(nn.Module):
    """A small difference of large sums, which float32 has not all digits of."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1e4))

    def forward(self, x: Tensor) -> Tensor:
        large = x * self.scale
        return (large.sum(1, keepdim=True) - large.flip(1).cumsum(1)[:, -1:]) + 1e-3 * x[:, :1]


class TwoNamed(nn.Module):
    """Two outputs of one shape with names."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"drag": 2 * x, "lift": x - 1}


class Foreign(nn.Module):
    """Calls an operator that somebody has to define first."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = torch.ops.pt2ts_planted.twice(x)
        return y


class Centred(Layers):
    """Takes a mean away that is a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([1.0, -2.0, 0.5, 3.0]))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - self.get_buffer("mean"))


class CentredByCopy(Centred):
    """Takes away the mean as it was at first, whatever is put into the buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = self.get_buffer("mean").clone()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.two(torch.tanh(self.one(x - self.first)))
        return y


class OnlyNaN(nn.Module):
    """Gives no numbers."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.nan
