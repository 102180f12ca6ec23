"""Two networks for the damping of short waves, and what their files say of them. Both are written untrained: Fortran trains them.

Both give the fluxes that leave the cells of the ring, and the host does the rest: whatever they say, no u is made or lost.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

CELLS = 24
#: What u usually is.
USUAL = 1.4


class Dense(nn.Module):
    """A perceptron that sees the whole ring at once, as networks for columns of a climate model see the whole column."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(CELLS, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, CELLS))

    def forward(self, u: Tensor) -> Tensor:
        """Return the flux that leaves each cell."""
        return self.layers(u / USUAL)


class Local(nn.Module):
    """A perceptron that is asked at each flux about the six cells around it."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))

    def forward(self, u: Tensor) -> Tensor:
        """Return the flux that leaves each cell."""
        around = torch.stack([torch.roll(u / USUAL, 2 - place, 1) for place in range(6)], 2)
        return self.layers(around).squeeze(2)


INPUTS, OUTPUTS = (f"u[batch,{CELLS}] float64 1",), ("flux 1",)
