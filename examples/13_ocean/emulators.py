"""The network that says what eddies too small for the grid do: a stress and a flux from the flow around, by convolutions.

It gives a stress, not a force, and a flux of thickness, not a change of it. The host makes force and change from them, by
differences: momentum and water are only moved, whatever the weights are.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def seen(u: Tensor, v: Tensor, h: Tensor, wet: Tensor) -> Tensor:
    """Return what the network sees [day, 4, x, y]."""
    return torch.stack((u, v, wet * (h - 500) / 100, wet), 1)


class Smooth(nn.Module):
    """A mean of the neighbours: what is as small as a cell is noise there, and a network must not stir it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        weights = torch.tensor([1.0, 2.0, 1.0])
        kernel = torch.outer(weights, weights) / 16
        self.channels = channels
        self.register_buffer("kernel", kernel.expand(channels, 1, 3, 3).clone())

    def forward(self, fields: Tensor) -> Tensor:
        """Return them smoother."""
        return functional.conv2d(fields, self.kernel, padding=1, groups=self.channels)


class Closure(nn.Module):
    """Velocities, thickness and water (1, land 0) to stress and flux of what the grid does not see, all in the middle of cells.

    A network like that of Guillaumin and Zanna (2021), smaller. There is no water beyond the edges of the arrays: they are padded
    with land.
    """

    def __init__(self, scale: Tensor, width: int = 16) -> None:
        super().__init__()
        self.register_buffer("scale", scale)
        self.layers = nn.Sequential(
            nn.Conv2d(4, width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(width, 5, 3, padding=1), Smooth(5),
        )  # fmt: skip

    def forward(self, u: Tensor, v: Tensor, h: Tensor, wet: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return xx, xy and yy, and the flux to the east and to the north."""
        found = self.layers(seen(u[None], v[None], h[None], wet[None]))[0]
        xx, xy, yy, east, north = found * self.scale[:, None, None]
        return xx, xy, yy, east, north


INPUTS = ("u[x,y] m/s -3..3", "v[x,y] m/s -3..3", "h[x,y] m 0..1000", "wet[x,y] 1 0..1")
OUTPUTS = ("xx m2/s2", "xy m2/s2", "yy m2/s2", "east m2/s", "north m2/s")
