"""Modules whose numbers keep the precision in which they were given, whatever dtype the network around them is converted to."""

# No "from __future__ import annotations" here: TorchScript reads the annotations of attributes, and strings are none to it.

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


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
