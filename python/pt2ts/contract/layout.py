"""Memory order: in which one an input lies, and the same values in another.

The order is that of the memory and not of the dimensions: ``x[n, nlev]`` in the order ``fortran`` is an array ``x(n, nlev)``.
Compiled code reads no other order; TorchScript reads any, and the contract says for which one the caller's arrays are meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from .spec import TensorSpec
    from .words import Layout


def with_layout(tensor: torch.Tensor, layout: str) -> torch.Tensor:
    """Return the same values in the memory order of ``layout``; a copy where they lie otherwise."""
    if layout == "torch" or tensor.dim() < 2:
        return tensor.contiguous()
    order = list(reversed(range(tensor.dim())))
    return tensor.permute(order).contiguous().permute(order)


def laid(spec: TensorSpec, layout: str) -> TensorSpec:
    """Return the spec of a tensor with the memory order of the caller's array; of one dimension there is only one."""
    return replace(spec, layout=layout) if len(spec.shape) > 1 else spec


def in_order(inputs: Sequence[TensorSpec], tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Return inputs in the memory order of their specs."""
    return [with_layout(tensor, spec.layout) for spec, tensor in zip(inputs, tensors, strict=True)]


def layout_of(inputs: Sequence[TensorSpec]) -> Layout:
    """Return the order for which a file is meant."""
    return "fortran" if any(spec.layout == "fortran" for spec in inputs) else "torch"
