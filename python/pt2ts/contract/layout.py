"""Memory order: in which one an input lies, and the same values in another."""

from __future__ import annotations

from typing import Literal

import torch

Layout = Literal["torch", "fortran"]


LAYOUTS = ("torch", "fortran")


def with_layout(tensor: torch.Tensor, layout: str) -> torch.Tensor:
    """Return the same values in the memory order of ``layout``; a copy where they lie otherwise."""
    if layout == "torch" or tensor.dim() < 2:
        return tensor.contiguous()
    order = list(reversed(range(tensor.dim())))
    return tensor.permute(order).contiguous().permute(order)
