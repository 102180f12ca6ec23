"""How far rounding alone takes a network from its exact numbers: its own copy in float64 tells, output by output."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence

import torch

from ..contract.structure import flatten

#: What is known about the rounding of each output: a tensor that broadcasts against it, or None.
Rounding = tuple[torch.Tensor | None, ...]

#: Number of weights above which a copy twice as large counts: an export is to need three times the weights at most.
_LARGEST = 1 << 22

_NARROW = (torch.float32, torch.float16, torch.bfloat16)


class Yardstick:
    """Measures the rounding of one network.

    Parameters
    ----------
    module
        The network. It is copied; where that or a call of the copy fails (something in it insists on its dtype) nothing is known.
    """

    def __init__(self, module: torch.nn.Module) -> None:
        self._wide: torch.nn.Module | None = None
        values = [*module.parameters(), *module.buffers()]
        if any(value.dtype in _NARROW for value in values) and sum(value.numel() for value in values) <= _LARGEST:
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
        right by luck says nothing about its neighbours.
        """
        if self._wide is None:
            return (None,) * len(outputs)
        given = tuple(_wide(tensor).clone() for tensor in inputs)
        try:
            with torch.no_grad():
                result = torch.func.functional_call(self._wide, {name: _wide(w) for name, w in (weights or {}).items()}, given)
            exact = [tensor for _, tensor in flatten(result)]
        except Exception:  # noqa: BLE001 - as above
            return (None,) * len(outputs)
        if [tensor.shape for tensor in exact] != [tensor.shape for tensor in outputs]:
            return (None,) * len(outputs)
        return tuple(_distance(own, wide) for own, wide in zip(outputs, exact, strict=True))


def _distance(own: torch.Tensor, wide: torch.Tensor) -> torch.Tensor | None:
    if not own.is_floating_point() or not wide.is_floating_point() or own.numel() == 0:
        return None
    gap = (own.double() - wide.double()).abs().nan_to_num(0.0, 0.0, 0.0)
    return gap.amax(dim=0, keepdim=True) if gap.dim() else gap


def _wide(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.double() if tensor.dtype in _NARROW else tensor
