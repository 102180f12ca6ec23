"""Arguments of losses: what the network says, what it should say, and the options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from .cases import Drawer

REDUCTIONS = {0: "none", 1: "mean", 2: "sum"}


def _reduction(d: Drawer) -> int | None:
    return d.one(None, *REDUCTIONS)  # type: ignore[no-any-return]


def _real(d: Drawer, *values: float) -> Any:
    return d.one(None, *map(np.float64, values))


def _finite(d: Drawer, shape: list[int]) -> torch.Tensor:
    """Return numbers of any layout that can be exponents."""
    values = d.tensor(shape)
    return values.copy_(torch.nan_to_num(values, nan=0.5, posinf=2, neginf=-2).clamp(-3, 3))


def _between(d: Drawer, shape: list[int]) -> torch.Tensor:
    """Return numbers from 0 to 1."""
    values = _finite(d, shape)
    return values.copy_(torch.sigmoid(values))


def _differences(option: str = "") -> Callable[[Drawer], list[Any]]:
    def arguments(d: Drawer) -> list[Any]:
        shape = d.shape()
        return [d.tensor(shape), d.tensor(shape), _reduction(d), *([_real(d, 0.5, 2.0)] if option else [])]

    return arguments


def _yes_or_no(d: Drawer) -> list[Any]:
    shape = d.shape((1, 3))
    weight = d.one(None, _between(d, shape), _between(d, shape[-1:]))
    if d.op.name == "loss_bce":
        return [_between(d, shape), _between(d, shape), _reduction(d), weight]
    return [d.tensor(shape), _between(d, shape), _reduction(d), weight, d.one(None, _between(d, shape[-1:]))]


def _classes(d: Drawer) -> list[Any]:
    count = d.integer(2, 4)
    shape = d.one([count], [3, count], [2, count, 3], [0, count] if not d.smooth else [1, count])
    dim = min(1, len(shape) - 1)
    scores = _finite(d, shape)
    if d.op.name == "loss_nll":
        scores.copy_(torch.log_softmax(scores, dim))
    each = [n for i, n in enumerate(shape) if i != dim]
    target = d.tensor(each, torch.int64)
    target.copy_(torch.randint(0, count, each, generator=torch.Generator().manual_seed(d.integer(0, 99))))
    weight = d.one(None, _between(d, [count]))
    if d.op.name == "loss_nll":
        return [scores, target, _reduction(d), weight, d.one(None, 0, 1)]
    if d.one(True, False):
        probabilities = _finite(d, shape)
        return [scores, probabilities.copy_(torch.softmax(probabilities, dim)), _reduction(d), weight, None, _real(d, 0.1)]
    return [scores, target, _reduction(d), weight, d.one(None, 0, 1), _real(d, 0.1)]


def _divergence(d: Drawer) -> list[Any]:
    shape = d.shape((1, 3))
    said, wanted = _finite(d, shape), _finite(d, shape)
    logarithms = d.one(None, True, False)
    said.copy_(torch.log_softmax(said, -1))
    wanted.copy_(torch.log_softmax(wanted, -1) if logarithms else torch.softmax(wanted, -1))
    return [said, wanted, _reduction(d), logarithms]


def _gaussian(d: Drawer) -> list[Any]:
    shape = d.shape((1, 3))
    variance = d.one(shape, [*shape[:-1], 1], shape[:-1])
    return [d.tensor(shape), d.tensor(shape), _between(d, variance), _reduction(d), d.one(None, True, False), _real(d, 1e-3)]


#: By operation, all arguments.
LOSSES: dict[str, Callable[[Drawer], list[Any]]] = {
    "loss_mse": _differences(),
    "loss_l1": _differences(),
    "loss_smooth_l1": _differences("beta"),
    "loss_huber": _differences("delta"),
    "loss_cross_entropy": _classes,
    "loss_nll": _classes,
    "loss_bce": _yes_or_no,
    "loss_bce_with_logits": _yes_or_no,
    "loss_kl_div": _divergence,
    "loss_gaussian_nll": _gaussian,
}
