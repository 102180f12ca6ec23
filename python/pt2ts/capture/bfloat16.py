"""A network that computes in bfloat16 where that pays, in its matrix products, and nowhere else.

A number in bfloat16 has three digits: of 280 K it knows the nearest 2 K. What comes before the first layer and after the last one
(scaling, units, bounds) keeps the precision of the inputs, and so do normalization layers and all buffers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..contract.loss import Loss
from ..contract.structure import Named, flatten
from ..contract.tolerance import difference
from ..report import warn

#: Layers that are products of their weights with what comes in.
_PRODUCTS = (nn.Linear, nn.modules.conv._ConvNd, nn.MultiheadAttention, nn.RNNBase, nn.RNNCellBase)
#: Those of them that take everything in one dtype.
_RECURRENT = (nn.RNNBase, nn.RNNCellBase)

#: Of how much an output varies: what rounding in a network is, it hardly exceeds.
_USUAL = 0.1


def narrow(module: nn.Module) -> Callable[..., tuple[Tensor, ...]]:
    """Store the weights of products in bfloat16; return a forward with flat results that computes them so.

    Results have the dtype that the module's own have.
    """
    wide = next((item.dtype for item in module.parameters() if item.is_floating_point()), torch.float32)
    original: Callable[..., Any] = module.forward
    if wide is torch.float64:
        module.float()
    for part in module.modules():
        if isinstance(part, _PRODUCTS):
            for weight in part.parameters(recurse=False):
                weight.data = weight.data.to(torch.bfloat16)
        if isinstance(part, _RECURRENT):
            part.register_forward_pre_hook(_narrow_inputs)

    def forward(*inputs: Tensor) -> tuple[Tensor, ...]:
        given = [tensor.float() if tensor.dtype is torch.float64 is wide else tensor for tensor in inputs]
        with torch.autocast(given[0].device.type, torch.bfloat16, cache_enabled=False):
            results = [tensor for _, tensor in flatten(original(*given))]
        coarse = (torch.float32, torch.bfloat16) if wide is torch.float64 else (torch.bfloat16,)
        return tuple(tensor.to(wide) if tensor.dtype in coarse else tensor for tensor in results)

    return forward


def _narrow_inputs(_: nn.Module, inputs: Any) -> Any:
    if isinstance(inputs, Tensor):
        return inputs.to(torch.bfloat16) if inputs.is_floating_point() else inputs
    return tuple(_narrow_inputs(_, item) for item in inputs) if isinstance(inputs, tuple) else inputs


def lost_digits(module: Named, narrowed: Sequence[Tensor], what: str = "bfloat16", option: str = "dtype") -> dict[str, Loss]:
    """Measure how far results in ``what`` are from those of the module; warn where that is much of how much these vary."""
    found = {}
    for (name, want), have in zip(module, narrowed, strict=True):
        if not want.is_floating_point() or want.numel() < 2:
            continue
        found[name] = loss = _loss(want, have)
        if loss.largest > _USUAL * loss.spread > 0.0:
            warn(
                f"in {what} output '{name}' differs from the module's by up to {loss.largest:.3g}, and it varies by "
                f"{loss.spread:.3g} only: numbers far from zero lose their digits where they go into a layer as they are, or come "
                f"out of one; scale them inside the module (pt2ts.nn.Standardize and its inverse), or leave {option} out",
            )
    return found


def _loss(module: Tensor, narrowed: Tensor) -> Loss:
    # Places that are infinite or no number on both sides do not count.
    want, have = (tensor.double().nan_to_num(0.0, 0.0, 0.0) for tensor in (module, narrowed))
    return Loss(difference(module, narrowed), float((want - have).square().mean().sqrt()), float(want.std()))
