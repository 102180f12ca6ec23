"""Three networks that learn how vapour becomes cloud and cloud becomes rain, alike but for what they may get wrong.

All take temperature (K), pressure (Pa), vapour, cloud and rain (kg/kg) of pieces of air, and give them as they are a step later.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pt2ts.nn import ConserveSum, NonNegative

LATENT, HEAT = 2.5e6, 1004.0
GRAM = 1e-3


def excess(temperature: Tensor, pressure: Tensor, vapour: Tensor) -> Tensor:
    """Return the vapour that is too much, with the warming by its own condensation: the best single thing to know."""
    saturated = 380 / pressure * torch.exp(17.27 * (temperature - 273) / (temperature - 36))
    return (vapour - saturated) / (1 + saturated * 4093 * LATENT / HEAT / (temperature - 36) ** 2)


class Perceptron(nn.Module):
    """What all three have inside."""

    def __init__(self, results: int, width: int = 48) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, results))

    def forward(self, temperature: Tensor, pressure: Tensor, vapour: Tensor, cloud: Tensor, rain: Tensor) -> Tensor:
        """Return the results [air, result]."""
        much = excess(temperature, pressure, vapour)
        known = (
            much / (0.1 * GRAM), torch.tanh(much / GRAM), cloud / (0.3 * GRAM), torch.relu(rain / (0.1 * GRAM)) ** 0.5,
            (temperature - 283) / 5, (pressure - 94_000) / 5_000,
        )  # fmt: skip
        return self.layers(torch.stack(known, -1))


class Free(nn.Module):
    """Four changes, each for itself. Also the one that is trained with a penalty: what differs is the loss."""

    def __init__(self, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale)
        self.changes = Perceptron(4)

    def forward(self, temperature: Tensor, pressure: Tensor, vapour: Tensor, cloud: Tensor, rain: Tensor) -> tuple[Tensor, ...]:
        """Return temperature, vapour, cloud and rain."""
        change = self.changes(temperature, pressure, vapour, cloud, rain) * self.scale
        return temperature + change[:, 0], vapour + change[:, 1], cloud + change[:, 2], rain + change[:, 3]


class Built(nn.Module):
    """Three processes, none of which can take what is not there; temperature follows from the vapour."""

    def __init__(self) -> None:
        super().__init__()
        self.processes = Perceptron(3)
        self.positive = NonNegative("softplus")
        self.conserve = ConserveSum(3, method="scale")

    def forward(self, temperature: Tensor, pressure: Tensor, vapour: Tensor, cloud: Tensor, rain: Tensor) -> tuple[Tensor, ...]:
        """Return temperature, vapour, cloud and rain."""
        found = self.processes(temperature, pressure, vapour, cloud, rain)
        # Shares of what there is, from 0 to 1: no more cloud becomes rain, and no more rain evaporates, than there is.
        collected = cloud * (1 - torch.exp(-0.01 * self.positive(found[:, 0])))
        evaporated = rain * (1 - torch.exp(-0.1 * self.positive(found[:, 1])))
        left = cloud - collected
        condensed = torch.minimum(torch.maximum(found[:, 2] * (0.1 * GRAM), -left), vapour)  # the limiter, in both directions
        water = torch.stack((vapour - condensed + evaporated, left + condensed, rain - evaporated + collected), -1)
        water = self.conserve(water, vapour + cloud + rain)
        return temperature + LATENT / HEAT * (vapour - water[:, 0]), water[:, 0], water[:, 1], water[:, 2]


INPUTS = ("temperature[batch] float64 K", "pressure[batch] float64 Pa", "vapour[batch] float64 kg/kg",
          "cloud[batch] float64 kg/kg", "rain[batch] float64 kg/kg")  # fmt: skip
OUTPUTS = ("temperature_next K", "vapour_next kg/kg", "cloud_next kg/kg", "rain_next kg/kg")
