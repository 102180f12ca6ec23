"""Numbers that stay as exact as they were given, and apply along a dimension."""

# No "from __future__ import annotations" here: TorchScript reads the annotations of attributes, and strings are none to it.

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import DeclarationError

Numbers = float | Sequence[float] | Tensor


class Exact(nn.Module):
    """Remembers its buffers in double precision and rounds them anew at every conversion; knows the dtype that it is of.

    In plain PyTorch a number becomes float32 when it is stored, and ``double()`` only makes it longer.
    """

    #: Buffers that stay in double precision: what is computed with them is.
    always_double: frozenset[str] = frozenset()

    __jit_ignored_attributes__ = ("always_double", "given")

    dtype: torch.dtype
    given: dict[str, Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.dtype = torch.float32
        self.given = {}

    def set_numbers(self, name: str, values: Tensor) -> None:
        """Make numbers a buffer."""
        self.given[name] = values.detach().cpu().double().clone()
        self.register_buffer(name, self._rounded(name, self.dtype, values.device))

    def numbers(self, name: str) -> Tensor:
        """Return the numbers of a buffer as they were given, or as they are, if somebody has changed them."""
        buffer, given = self.get_buffer(name), self.given.get(name)
        if given is None or buffer.is_meta or not torch.equal(given.to(buffer.dtype), buffer.cpu()):
            return buffer
        return given

    def _rounded(self, name: str, dtype: torch.dtype, device: torch.device) -> Tensor:
        return self.given[name].to(torch.float64 if name in self.always_double else dtype).to(device, copy=True)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        unchanged = {name for name in self.given if self.numbers(name) is self.given[name]}
        before = dict(self._buffers)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        probe = fn(torch.empty(0, dtype=self.dtype))
        if probe.is_floating_point():
            self.dtype = probe.dtype
        for name in unchanged:
            old, new = before[name], self.get_buffer(name)
            if old is not None and new.dtype is not old.dtype:
                self._buffers[name] = self._rounded(name, new.dtype, new.device)
        return self


def from_the_end(dim: int) -> int:
    """Return a dimension that is counted from the end; refuse any other."""
    if dim >= 0:
        raise DeclarationError(f"dim is {dim}", "count from the end: -1 is the last dimension, -3 the channels of images")
    return dim


def along(values: Numbers, dim: int, name: str) -> Tensor:
    """Return numbers shaped so that they apply along a dimension counted from the end."""
    tensor = torch.as_tensor(values, dtype=torch.float64).detach().clone()
    if tensor.dim() > 1:
        raise DeclarationError(f"{name} has {tensor.dim()} dimensions", "one number, or one for each variable")
    if bool(tensor.isnan().any()):
        raise DeclarationError(f"{name} has NaN", "numbers measured on samples with missing values?")
    return tensor if tensor.dim() == 0 else tensor.reshape([-1] + [1] * (-from_the_end(dim) - 1))
