"""What TensorFloat-32 costs a network, emulated on the CPU: the factors of its float32 products keep ten bits.

A device that multiplies so rounds the factors too, or cuts them off, and adds up in float32 as the CPU does: the real difference is
of this size, and not this number.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ..contract.structure import flatten
from ..errors import DeclarationError
from ..pytorch.plain import plain_products
from ..pytorch.products import with_factors
from .bfloat16 import lost_digits
from .draft import Draft

#: What the contract says about how it was measured.
EMULATED = "emulated on the CPU: the factors of products rounded to ten bits"

#: Bits of float32 that TensorFloat-32 does not have.
_DROPPED = 13


def rounded(tensor: Tensor) -> Tensor:
    """Return float32 numbers with ten bits behind the leading one, the nearest ones and of two the even one."""
    bits = tensor.contiguous().view(torch.int32)
    nearest = bits + ((1 << (_DROPPED - 1)) - 1) + ((bits >> _DROPPED) & 1)
    kept = (nearest & -(1 << _DROPPED)).view(torch.float32)
    return torch.where(tensor.isfinite(), kept, tensor)


def with_tf32(draft: Draft) -> Draft:
    """Let devices multiply in TensorFloat-32, and write into the contract what that costs.

    Raises
    ------
    DeclarationError
        When there is no product of float32 matrices in the network.
    """
    met = 0

    def round_factor(tensor: Tensor) -> Tensor:
        nonlocal met
        if tensor.dtype is not torch.float32:
            return tensor
        met += 1
        return rounded(tensor)

    trial = draft.found[0]
    with torch.no_grad(), plain_products(), with_factors(round_factor):
        results = [tensor for _, tensor in flatten(draft.module(*(tensor.clone() for tensor in trial.inputs)))]
    if not met:
        raise DeclarationError("precision is 'tf32', and the network has no product of float32 matrices", "leave it out")
    loss = lost_digits(draft.first_outputs(), results, "TF32", "precision")
    return replace(draft, spec=replace(draft.spec, products="tf32", loss=loss, loss_measured=EMULATED))
