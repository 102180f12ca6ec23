"""The network of example 11 that is built to be right, its contract here, and how often a sample is worth a look."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor, nn


def _sibling(folder: str, name: str) -> ModuleType:
    """Import emulators.py of another example by another name: this file has that one."""
    place = Path(__file__).resolve().parents[1] / folder / "emulators.py"
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_RAIN = _sibling("11_rain", "rain_emulators")

INPUTS: tuple[str, ...] = _RAIN.INPUTS
#: What a result may be: the guard leaves to the scheme what is outside.
OUTPUTS = (
    "temperature_next K 150..350", "vapour_next kg/kg 0..0.1", "cloud_next kg/kg 0..0.1", "rain_next kg/kg 0..0.1",
    "outside -- far from all that was learned",
)  # fmt: skip


def network(width: int = 12) -> nn.Module:
    """Return a new network, smaller than that of example 11: it cannot be good everywhere."""
    made: nn.Module = _RAIN.Built()
    made.processes = _RAIN.Perceptron(3, width)
    return made.double()


class Familiar(nn.Module):
    """A network that also says which pieces of air are far from all that it was trained on.

    Far is Mahalanobis' distance, which knows how temperature, pressure and vapour go together: warm air is nothing new, and neither
    is thin air, but warm thin air is. Ranges, one for each input, see nothing of that.

    Parameters
    ----------
    emulator
        The network.
    state
        What it was trained with.
    usual
        Share of the training that is not far.
    """

    def __init__(self, emulator: nn.Module, state: Tensor, usual: float = 0.999) -> None:
        super().__init__()
        self.emulator = emulator
        seen = state[:, :3]
        self.register_buffer("middle", seen.mean(0))
        # Of the inverse covariance, the root: the length of what it makes of a sample is the distance.
        self.register_buffer("root", torch.linalg.cholesky(torch.linalg.inv(torch.cov(seen.T))))
        distances = self.distance(*seen.unbind(1)).sort().values
        self.register_buffer("farthest", distances[int(usual * (len(distances) - 1))])

    def distance(self, temperature: Tensor, pressure: Tensor, vapour: Tensor) -> Tensor:
        """Return how far samples are from the middle of the training, in standard deviations."""
        return ((torch.stack((temperature, pressure, vapour), 1) - self.middle) @ self.root).square().sum(1).sqrt()

    def forward(self, temperature: Tensor, pressure: Tensor, vapour: Tensor, cloud: Tensor, rain: Tensor) -> tuple[Tensor, ...]:
        """Return temperature, vapour, cloud and rain a step later, and whether the air is far from the training."""
        after = self.emulator(temperature, pressure, vapour, cloud, rain)
        return after[0], after[1], after[2], after[3], self.distance(temperature, pressure, vapour) > self.farthest


def declared(state: Tensor) -> list[str]:
    """Return the inputs with the ranges of the training; a number less than a thousandth outside is inside."""
    low, high = state.min(0).values, state.max(0).values
    slack = (high - low) / 1000
    ends = zip((low - slack).tolist(), (high + slack).tolist(), strict=True)
    return [f"{words} {below:.6g}..{above:.6g}" for words, (below, above) in zip(INPUTS, ends, strict=True)]


def importance(rain: Tensor, bins: int = 24) -> Tensor:
    """Return importance weights, whose mean is 1: a quarter of a training goes to all amounts of rain alike, the rarest too."""
    amount = rain.clamp(min=0).sqrt()
    place = (amount / amount.max() * bins).long().clamp(max=bins - 1)
    rare = 1 / torch.bincount(place, minlength=bins).to(rain.dtype)[place]
    return 0.75 + 0.25 * rare / rare.mean()
