"""What eager PyTorch says: the function of the table's column `torch`, called with the same arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import operations

from .losses import REDUCTIONS
from .runner import TABLE


def _wrapped(number: Any, other: torch.Tensor) -> torch.Tensor:
    """Return a number as the operators of PyTorch see one: it does not widen the tensor's dtype within its category."""
    return torch.tensor(number, dtype=torch.result_type(number, other))


def _pairs(function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """Let a function of two tensors take a number."""

    def call(a: Any, b: Any) -> torch.Tensor:
        return function(a if isinstance(a, torch.Tensor) else _wrapped(a, b), b if isinstance(b, torch.Tensor) else _wrapped(b, a))

    return call


def _sliced(a: torch.Tensor, dim: int, first: int | None = None, last: int | None = None, step: int = 1) -> torch.Tensor:
    places: list[Any] = [slice(None)] * a.dim()
    places[dim] = slice((first or 1) - 1, last, step)
    return a[tuple(places)]


def _along(name: str) -> Callable[..., torch.Tensor]:
    function = getattr(torch, name)

    def call(a: torch.Tensor, dim: int | None = None, keepdim: bool = False) -> torch.Tensor:
        if dim is None:
            return function(a).reshape([1] * a.dim() if keepdim else [])  # type: ignore[no-any-return]
        result = function(a, dim, keepdim=keepdim)
        return result if isinstance(result, torch.Tensor) else result.values

    return call


def _where(condition: torch.Tensor, a: Any, b: Any) -> torch.Tensor:
    if not isinstance(a, torch.Tensor) and not isinstance(b, torch.Tensor):
        raise TypeError("two numbers")
    return torch.where(condition, a, b)


IRREGULAR: dict[str, Callable[..., Any]] = {
    "slice": _sliced,
    "flatten": lambda a, first=0, last=-1: torch.flatten(a, first, last),
    "transpose": lambda a, dim1=0, dim2=1: torch.transpose(a, dim1, dim2),
    "min": _along("min"),
    "max": _along("max"),
    "prod": _along("prod"),
    "norm": lambda a, p=2.0, **rest: torch.linalg.vector_norm(a, p, **rest),
    "svd": lambda a, full_matrices=False: torch.linalg.svd(a, full_matrices=full_matrices),
    "to": lambda a, dtype=None: a.to(dtype or a.dtype),
    "where": _where,
    "conv1d": lambda x, w, bias=None, **rest: torch.nn.functional.conv1d(x, w, bias, **rest),
    "conv2d": lambda x, w, bias=None, **rest: torch.nn.functional.conv2d(x, w, bias, **rest),
}
#: Arguments that have another name in PyTorch.
RENAMED = {"reduction_type": "reduction"}
NUMBERS_ON_BOTH_SIDES = {"sub", "div", "eq", "ne", "lt", "le", "gt", "ge", "minimum", "maximum", "atan2", "add", "mul"}


def _function(op: operations.Operation) -> Callable[..., Any]:
    if op.name in IRREGULAR:
        return IRREGULAR[op.name]
    start: Any = torch
    function: Callable[..., Any] = functools.reduce(getattr, op.torch.split(".")[1:], start)
    if op.name == "pow":
        return lambda a, b: function(a, b)
    return _pairs(function) if op.name in NUMBERS_ON_BOTH_SIDES and not op.in_place else function


def _meaning(value: Any, form: str) -> Any:
    """Turn an argument of ours into PyTorch's: dimensions count from 0."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value)
    if form == "reduction=":
        return REDUCTIONS[value]
    if form.startswith(("dim", "newdim")):
        return [d - 1 if d > 0 else d for d in value] if isinstance(value, list) else value - 1 if value > 0 else value
    return value


def _cuts_the_step_off(entry: str, values: list[Any]) -> bool:
    """Whether PyTorch makes a half of a step of whole numbers none, and before 2.13 ends the process: we refuse it."""
    if entry != "ctorch_op_arange":
        return False
    *_, step, dtype, _ = values
    return step is not None and dtype is not None and not dtype.is_floating_point


def eager(entry: str, values: list[Any]) -> list[torch.Tensor]:
    """Compute an operation in Python. Arguments that are None are left out, so PyTorch's defaults are compared, too."""
    if _cuts_the_step_off(entry, values):
        raise ValueError("step is not a whole number")
    op = TABLE[entry]
    torch.manual_seed(0)
    required, optional = [], {}
    for argument, value in zip(op.args, values, strict=True):
        if value is None or argument.form == "device?":
            continue
        meaning = _meaning(value, argument.form)
        if argument.shape.optional:
            optional[RENAMED.get(argument.name, argument.name)] = meaning
        else:
            required.append(meaning)
    if op.in_place:
        required[0] = required[0].clone()
    result = _function(op)(*required, **optional)
    return list(result) if isinstance(result, tuple | list) else [result]
