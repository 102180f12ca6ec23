"""Two networks that learn the drag of the waves from the wind, and what their files say about them.

Both take the wind (m/s) of 72 layers and the momentum that the two waves bring (m2/s2), and give the drag (m/s a day).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

LEVELS, BOTTOM, THICKNESS, SCALE_HEIGHT, DAY = 72, 17_000.0, 250.0, 7_000.0, 86_400.0
#: What the namelist of the host calls 1, m2/s2.
USUAL_FLUX = 6e-3
HEIGHT = BOTTOM + (torch.arange(LEVELS) + 0.5) * THICKNESS


class Plain(nn.Module):
    """A perceptron that knows nothing of waves: all layers of the column in, the drag of all of them out."""

    def __init__(self, drag: Tensor, width: int = 128) -> None:
        super().__init__()
        self.register_buffer("scale", drag.std(0))
        self.layers = nn.Sequential(
            nn.Linear(LEVELS + 2, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, LEVELS),
        )  # fmt: skip

    def forward(self, wind: Tensor, flux: Tensor) -> Tensor:
        """Return the drag."""
        return self.layers(torch.cat((wind / 20, flux / USUAL_FLUX - 1), 1)) * self.scale


class Layered(nn.Module):
    """A perceptron that knows that waves come from below.

    It is asked layer by layer how strongly each wave is damped there, from the wind of that layer and its height. What is left of
    a wave after all layers below, and the momentum that it leaves in each layer, is arithmetic: so the drag is proportional to the
    flux at the bottom, and no momentum is made or lost.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.register_buffer("height", (HEIGHT - 26_000) / 9_000)
        self.register_buffer("to_drag", DAY / (torch.exp(-(HEIGHT - BOTTOM) / SCALE_HEIGHT) * THICKNESS))
        self.layers = nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 2))

    def forward(self, wind: Tensor, flux: Tensor) -> Tensor:
        """Return the drag."""
        scaled = wind / 20
        damping = torch.exp(self.layers(torch.stack((scaled, self.height.expand_as(scaled)), 2)))
        through = torch.exp(-torch.cumsum(damping, 1))
        entering = torch.cat((torch.ones_like(through[:, :1]), through), 1)
        momentum = entering[:, :, 0] * flux[:, :1] - entering[:, :, 1] * flux[:, 1:]
        return (momentum[:, :-1] - momentum[:, 1:]) * self.to_drag


def contract(wind: Tensor, flux: Tensor) -> dict[str, list[str]]:
    """Return what the file says of inputs and outputs, with the ranges of the training."""
    ranges = [f"{values.min().item():.3g}..{values.max().item():.3g}" for values in (wind, flux)]
    return {
        "inputs": [
            f"wind[batch,{LEVELS}] float32 m/s {ranges[0]} -- eastward, from 17 km upward",
            f"flux[batch,2] float32 m2/s2 {ranges[1]} -- momentum of the waves to the east and to the west at 17 km",
        ],
        "outputs": ["drag m/s/day -- acceleration by the waves"],
    }
