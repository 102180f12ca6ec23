"""How operations are recorded: some in pieces, which the compiler can fuse with what is around them."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ..pytorch.symbols import hint
from ..pytorch.tracing import decompositions

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


class Pieces:
    """What one recording writes in pieces, and what it met on the way.

    Parameters
    ----------
    products
        Whether small products are written so.

    Attributes
    ----------
    largest
        Multiplications of the largest product whose size is free, at the sizes of the examples; 0 where there is none.
    """

    def __init__(self, *, products: bool = True) -> None:
        self.products, self.largest = products, 0

    def table(self) -> dict[Any, Any]:
        """Return what is recorded in pieces, by operation."""
        products = {_ATEN.mm.default: self._mm, _ATEN.addmm.default: self._addmm} if self.products else {}
        return decompositions(_NORMALIZATION) | products

    def _mm(self, a: Tensor, b: Tensor) -> Any:
        sizes = (a.shape[0], a.shape[1], b.shape[1])
        if _hint(sizes[1]) == 1:
            return a * b
        count = math.prod(map(_hint, sizes))
        if not all(isinstance(size, int) for size in sizes):
            self.largest = max(self.largest, count)
        if count > SMALL:
            return NotImplemented
        return (a.unsqueeze(2) * b.unsqueeze(0)).sum(1)

    def _addmm(self, bias: Tensor, a: Tensor, b: Tensor, beta: Any = 1, alpha: Any = 1) -> Any:
        product = self._mm(a, b)
        if product is NotImplemented or beta != 1 or alpha != 1:
            return NotImplemented
        return product + bias


def _hint(size: Any) -> int:
    """Return a size, or what it is in the examples."""
    known = hint(size)
    assert known is not None  # noqa: S101 - all sizes are those of examples
    return known
