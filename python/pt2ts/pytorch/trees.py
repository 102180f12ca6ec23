"""Containers that are registered with PyTorch as such (``torch.utils._pytree``): what is in one, and one that is refilled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .private import private


def opened(value: Any) -> list[tuple[str, Any]] | None:
    """Return what a registered container holds, by its own names or by number from 1; None for everything else."""
    if private("torch.utils._pytree.tree_is_leaf")(value):
        return None
    items, _ = _one_level(value)
    try:
        places = private("torch.utils._pytree.tree_flatten_with_path")(value, is_leaf=lambda item: item is not value)[0]
        words = [path[0] for path, _ in places]
    except ValueError:  # registered without names
        words = [None] * len(items)
    names = (getattr(word, "name", None) or getattr(word, "key", None) for word in words)
    return [(str(name or number), item) for number, (name, item) in enumerate(zip(names, items, strict=True), 1)]


def refilled(value: Any, items: Sequence[Any]) -> Any:
    """Return a container like ``value`` with other items."""
    return private("torch.utils._pytree.tree_unflatten")(list(items), _one_level(value)[1])


def _one_level(value: Any) -> tuple[list[Any], Any]:
    items, kind = private("torch.utils._pytree.tree_flatten")(value, is_leaf=lambda item: item is not value)
    return list(items), kind
