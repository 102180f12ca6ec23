"""The dtype of values and the order of their dimensions."""

# No "from __future__ import annotations" here: TorchScript reads the annotations of attributes, and strings are none to it.

import torch
from torch import Tensor, nn

from ..errors import DeclarationError


class Cast(nn.Module):
    """Convert to another dtype, for instance a double precision host's values for a single precision network.

    Parameters
    ----------
    dtype
        Such as ``torch.float32``.
    """

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        if not isinstance(dtype, torch.dtype):
            raise DeclarationError(f"dtype is {dtype!r}", "a dtype of torch, such as torch.float32")
        self.dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        """Convert ``x``."""
        return x.to(self.dtype)


class HWCtoCHW(nn.Module):
    """Images [..., row, column, channel], as files have them, become [..., channel, row, column], as convolutions want them."""

    def forward(self, x: Tensor) -> Tensor:
        """Return a view of ``x``; nothing is copied."""
        return x.movedim(-1, -3)
