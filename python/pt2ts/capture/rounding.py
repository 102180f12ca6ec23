"""How far rounding alone takes a network from its exact numbers: its own copy in float64 tells, output by output."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ..contract.structure import flatten
from ..contract.tolerance import MANY, Noise

#: What is known about the rounding of each output, or None.
Rounding = tuple[Noise | None, ...]

#: Number of weights above which a copy twice as large counts: an export is to need three times the weights at most.
_LARGEST = 1 << 22

#: Seconds that a call of the network and its copy may take to be made again where there are few samples.
_SHORT = 0.25

#: Inputs that differ by as much are rounded otherwise: a part of each number.
_NUDGE = 1e-6

_NARROW = (torch.float32, torch.float16, torch.bfloat16)


class Yardstick:
    """Measures the rounding of one network.

    Parameters
    ----------
    module
        The network. It is copied; where that or a call of the copy fails (something in it insists on its dtype) nothing is known.
    """

    def __init__(self, module: torch.nn.Module) -> None:
        self._module = module
        self._wide: torch.nn.Module | None = None
        values = [*module.parameters(), *module.buffers()]
        if (not values or any(value.dtype in _NARROW for value in values)) and sum(value.numel() for value in values) <= _LARGEST:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # torch speaks of gradients that nobody asks for
                    self._wide = copy.deepcopy(module).double()
            except Exception:  # noqa: BLE001 - whatever the user's code raises: then there is no yardstick
                self._wide = None

    def measure(
        self,
        inputs: Sequence[torch.Tensor],
        outputs: Sequence[torch.Tensor],
        weights: Mapping[str, torch.Tensor] | None = None,
    ) -> Rounding:
        """Return how far the network's ``outputs`` for these inputs (and weights) lie from those in float64.

        The largest distance over the first dimension, which is mostly a batch, stands for all of it: that a single number is
        right by luck says nothing about its neighbours. Where that are few, the inputs are tried again, each time a little
        different, unless the network takes long.
        """
        nothing = (None,) * len(outputs)
        if self._wide is None or not outputs:
            return nothing
        begin = time.perf_counter()
        gaps = self._gaps(inputs, outputs, weights or {})
        if gaps is None:
            return nothing
        samples = min((tensor.shape[0] for tensor in outputs if tensor.dim()), default=1)
        if samples < MANY and time.perf_counter() - begin <= _SHORT:
            source = torch.Generator().manual_seed(0)
            for _ in range(samples, MANY, max(1, samples)):
                more = self._gaps([_nudged(tensor, source) for tensor in inputs], None, weights or {})
                if more is None:
                    break
                gaps = [_larger(one, other) for one, other in zip(gaps, more, strict=True)]
            else:
                samples = MANY
        return tuple(None if gap is None else Noise(gap, samples >= MANY) for gap in gaps)

    def _gaps(
        self, inputs: Sequence[torch.Tensor], outputs: Sequence[torch.Tensor] | None, weights: Mapping[str, torch.Tensor]
    ) -> list[torch.Tensor | None] | None:
        """Return the distances for these inputs; None if the copy cannot compute with them."""
        try:
            if outputs is None:
                outputs = _call(self._module, dict(weights), inputs)
            exact = _call(self._wide, {name: _wide(weight) for name, weight in weights.items()}, [_wide(item) for item in inputs])
        except Exception:  # noqa: BLE001 - whatever the user's code raises: then there is no yardstick
            return None
        if [tensor.shape for tensor in exact] != [tensor.shape for tensor in outputs]:
            return None
        return [_distance(own, wide) for own, wide in zip(outputs, exact, strict=True)]


def _call(module: Any, weights: dict[str, torch.Tensor], inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    with torch.no_grad():
        result = torch.func.functional_call(module, weights, tuple(tensor.clone() for tensor in inputs))
    return [tensor for _, tensor in flatten(result)]


def _nudged(tensor: torch.Tensor, source: torch.Generator) -> torch.Tensor:
    if tensor.dtype not in _NARROW:
        return tensor
    return tensor * (1 + _NUDGE * (2 * torch.rand(tensor.shape, generator=source) - 1)).to(tensor.dtype)


def _larger(one: torch.Tensor | None, other: torch.Tensor | None) -> torch.Tensor | None:
    return one if other is None or one is None or one.shape != other.shape else one.maximum(other)


def _distance(own: torch.Tensor, wide: torch.Tensor) -> torch.Tensor | None:
    if own.dtype not in _NARROW or not wide.is_floating_point() or own.numel() == 0:
        return None
    gap = (own.double() - wide.double()).abs().nan_to_num(0.0, 0.0, 0.0)
    return gap.amax(dim=0, keepdim=True) if gap.dim() else gap


def _wide(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.double() if tensor.dtype in _NARROW else tensor
