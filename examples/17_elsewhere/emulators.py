"""The network of example 11 that is built to be right, its contract here, and how often a sample is worth a look."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor, nn


def _sibling(folder: str, name: str) -> ModuleType:
    """Import emulators.py of another example by another name; TorchScript admits none that begins with a digit."""
    place = Path(__file__).resolve().parents[1] / folder / "emulators.py"
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None and spec.loader is not None
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_RAIN = _sibling("11_rain", "rain_emulators")

INPUTS: tuple[str, ...] = _RAIN.INPUTS
#: What a result may be: the guard leaves to the scheme what is outside.
OUTPUTS = ("temperature_next K 150..350", "vapour_next kg/kg 0..0.1", "cloud_next kg/kg 0..0.1", "rain_next kg/kg 0..0.1")


def network(name: str, scale: Tensor) -> nn.Module:
    """Return a new network: temperature, pressure, vapour, cloud and rain of pieces of air in, the same without pressure out."""
    made: nn.Module = _RAIN.Built() if name == "built" else _RAIN.Free(scale)
    return made.double()


def declared(state: Tensor) -> list[str]:
    """Return the inputs with the ranges of the training; a number less than a thousandth outside is inside."""
    low, high = state.min(0).values, state.max(0).values
    slack = (high - low) / 1000
    ends = zip((low - slack).tolist(), (high + slack).tolist(), strict=True)
    return [f"{words} {below:.6g}..{above:.6g}" for words, (below, above) in zip(INPUTS, ends, strict=True)]


def importance(rain: Tensor, bins: int = 24) -> Tensor:
    """Return weights with which each amount of rain, in steps of its square root, is drawn equally often; their mean is 1."""
    amount = rain.clamp(min=0).sqrt()
    place = (amount / amount.max() * bins).long().clamp(max=bins - 1)
    often = torch.bincount(place, minlength=bins).to(rain.dtype)
    weight = 1 / often[place]
    return weight / weight.mean()
