"""Operators of graphs, and what PyTorch's dispatcher knows about them."""

from __future__ import annotations

from typing import Any, TypeGuard

import torch

from .private import private


def is_operator(target: Any) -> TypeGuard[torch._ops.OpOverload[..., Any]]:
    """Return whether a node of a graph calls an operator of PyTorch or of somebody's library."""
    return isinstance(target, private("torch._ops.OpOverload"))


def has_kernel(name: str) -> bool:
    """Return whether an operator of this name is registered with any code."""
    return bool(private("torch._C._dispatch_has_kernel")(name))


def is_composite(name: str) -> bool:
    """Return whether an operator is defined by others, which stand in its place in compiled code."""
    return bool(private("torch._C._dispatch_has_kernel_for_dispatch_key")(name, "CompositeImplicitAutograd"))


def where_registered(name: str) -> str:
    """Return the dispatcher's own description of an operator, with the files in which it was registered."""
    return str(private("torch._C._dispatch_dump")(name))


def is_autocast(target: Any) -> bool:
    """Return whether a node stands for a block under autocast, a program within the program."""
    return target is private("torch.ops.higher_order.wrap_with_autocast")
