"""How operations are recorded: some in pieces, which the compiler can fuse with what is around them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch._decomp import get_decompositions

_ATEN = torch.ops.aten

#: Batch normalization writes into its running means; in pieces that is plain arithmetic and a copy, which can be exported.
_NORMALIZATION = (
    _ATEN.native_batch_norm,
    _ATEN.native_batch_norm_backward,
    _ATEN._native_batch_norm_legit,
    _ATEN._batch_norm_with_update,
)

#: Products of matrices up to so many multiplications are written as multiply and sum: a call of the matrix library costs more than
#: that, and would cut the step into parts with memory between them. A product that sums up nothing is never worth a call.
SMALL = 1 << 15


def table() -> dict[Any, Any]:
    """Return what is recorded in pieces, by operation."""
    pieces: dict[Any, Any] = dict(get_decompositions(_NORMALIZATION))
    return pieces | {_ATEN.mm.default: _mm, _ATEN.addmm.default: _addmm}


def _mm(a: Tensor, b: Tensor) -> Any:
    if _hint(a.shape[1]) == 1:
        return a * b
    if _hint(a.shape[0]) * _hint(a.shape[1]) * _hint(b.shape[1]) > SMALL:
        return NotImplemented
    return (a.unsqueeze(2) * b.unsqueeze(0)).sum(1)


def _addmm(bias: Tensor, a: Tensor, b: Tensor, beta: Any = 1, alpha: Any = 1) -> Any:
    product = _mm(a, b)
    if product is NotImplemented or beta != 1 or alpha != 1:
        return NotImplemented
    return product + bias


def _hint(size: Any) -> int:
    """Return a size, or what it is in the examples."""
    return int(size) if isinstance(size, int) else int(size.node.hint)
