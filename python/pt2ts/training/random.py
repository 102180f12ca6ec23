"""Dropout whose masks follow from numbers: the seed, the step, the place in the network and the place in the tensor.

A generator with a state of its own would make a resumed run another one. Here every mask is a formula, the same in Python and in
compiled code, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from ..errors import UnexportableError
from ..nn.noise import mixed

_MASK = 0xFFFFFFFF


def uniform_bits(seed: Tensor, step: Tensor, layer: int, count: Any, device: torch.device) -> Tensor:
    """Return ``count`` numbers from 0 to 2^32 - 1 for this seed, step and layer.

    Two keys, each from all of seed, step and layer: with one alone the numbers of one step would be those of another in a
    different order.
    """
    keys = []
    for salt in (0x9E3779B9, 0x3C6EF372):
        key = mixed((seed & _MASK) ^ salt)
        for part in ((seed >> 32) & _MASK, step & _MASK, (step >> 32) & _MASK, torch.full_like(step, layer)):
            key = mixed(key ^ part)
        keys.append(key)
    index = torch.arange(count, dtype=torch.int64, device=device)
    return mixed(mixed((index + keys[0]) & _MASK) ^ keys[1])


#: What dropout functions drop together: single numbers, or all behind these first dimensions.
_KINDS: dict[Callable[..., Any], int | None] = {
    functional.dropout: None,
    torch.dropout: None,
    functional.dropout1d: 2,
    functional.dropout2d: 2,
    functional.dropout3d: 2,
}

_OTHERS = {functional.alpha_dropout, functional.feature_alpha_dropout, functional.rrelu, functional.gumbel_softmax}


class CountedDropout(TorchFunctionMode):
    """Replaces dropout, of modules as well as of functions, while a network runs inside a ``with`` block.

    Attributes
    ----------
    layer
        How many of them have drawn; each has numbers of its own.
    """

    def __init__(self, seed: Tensor, step: Tensor) -> None:
        super().__init__()
        self.seed, self.step, self.layer = seed, step, 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Compute dropout by our own numbers and everything else as always."""
        kwargs = kwargs or {}
        if func in _KINDS:
            return self._drop(_KINDS[func], *args, **kwargs)
        if func in _OTHERS:
            raise UnexportableError(
                f"the network draws random numbers by {func.__name__}", "nn.Dropout and its variants for channels can be compiled"
            )
        return func(*args, **kwargs)

    def _drop(
        self, together: int | None, values: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False, train: bool = True
    ) -> Tensor:
        del inplace  # no value outside can see the difference
        if not (training and train) or p == 0.0:
            return values
        if p == 1.0:
            return values * 0.0
        self.layer += 1
        if together is None:
            shape: Any = values.shape
        else:
            shape = [*values.shape[:together], *(1 for _ in values.shape[together:])]
        count: Any = 1
        for size in shape:
            count = count * size
        bits = uniform_bits(self.seed, self.step, self.layer, count, values.device)
        keep = (bits >= round(p * (1 << 32))).view(shape)
        return values * keep.to(values.dtype) * (1.0 / (1.0 - p))
