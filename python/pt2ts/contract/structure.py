"""Nested results, and nested arguments, become one flat list, in the order in which the Fortran side sees them.

Tuples and lists keep their order, dictionaries go by sorted key, dataclasses and named tuples by field. None is left out and a
number becomes a scalar tensor: the rules of the library that runs the file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch

from ..errors import ExportError
from ..pytorch import trees

Named = list[tuple[str, torch.Tensor]]


def flatten(value: Any, default: str = "output") -> Named:
    """Return the tensors of a module's result with a name for each.

    Parameters
    ----------
    value
        A tensor, or any nesting of tuples, lists, dictionaries, dataclasses and containers registered with PyTorch.
    default
        Name where the structure offers none; numbered from 1 where there are several.

    Returns
    -------
    list of (str, torch.Tensor)
        Names are dictionary keys and fields, joined by dots where nested.

    Raises
    ------
    ExportError
        When something in it is no tensor.
    """
    return _walk(value, "", default)


def _walk(value: Any, name: str, default: str) -> Named:
    if isinstance(value, torch.Tensor):
        return [(name or default, value)]
    if value is None:
        return []
    if isinstance(value, (bool, int, float)):
        # float is a double and int 64 bits wide in TorchScript.
        wide = torch.float64 if isinstance(value, float) else None
        return [(name or default, torch.tensor(value, dtype=wide))]
    inside = children(value)
    if inside is None:
        raise ExportError(
            f"forward returns a {type(value).__name__} where a tensor is needed",
            "return tensors, or tuples, lists, dictionaries and dataclasses of tensors, the same number in every call",
        )
    return [found for key, item in inside for found in _walk(item, named_inside(value, key, name, default), default)]


def children(value: Any) -> list[tuple[str, Any]] | None:
    """Return what a container holds, each with its name in it (places count from 1); None for what is no container."""
    if isinstance(value, Mapping):
        # Keys that are numbers are sorted as text, as the library does.
        return [(str(key), value[key]) for key in sorted(value, key=str)]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return list(zip(value._fields, value, strict=True))
    if isinstance(value, (tuple, list)):
        return [(str(number), item) for number, item in enumerate(value, 1)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    return trees.opened(value)


def is_row(value: Any) -> bool:
    """Return whether the places of a container have numbers and no names."""
    return isinstance(value, (tuple, list)) and not hasattr(value, "_fields")


def named_inside(value: Any, key: str, name: str, default: str = "") -> str:
    """Return the full name of an item: keys behind dots, numbers behind what stands for a name; the only one has the whole's."""
    if is_row(value):
        if len(value) == 1:
            return name
        return f"{name}.{key}" if name else f"{default}{key}"
    return f"{name}.{key}" if name else key


def is_plain(value: Any) -> bool:
    """Return whether TorchScript has a type for a result: tensors, and tuples, lists and dictionaries of them."""
    if type(value) in (tuple, list, dict):
        return all(is_plain(item) for _, item in children(value) or ())
    return isinstance(value, torch.Tensor)
