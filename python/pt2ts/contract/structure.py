"""Nested results become one flat list, in the order in which the Fortran side sees them.

Tuples and lists keep their order, dictionaries go by sorted key, None is left out and a number becomes a scalar tensor: the
rules of the library that runs the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ..errors import ExportError


def flatten(value: Any, default: str = "output") -> list[tuple[str, torch.Tensor]]:
    """Return the tensors of a module's result with a name for each.

    Parameters
    ----------
    value
        A tensor, or any nesting of tuples, lists, named tuples and dictionaries of tensors.
    default
        Name where the structure offers none; numbered from 1 where there are several.

    Returns
    -------
    list of (str, torch.Tensor)
        Names are dictionary keys and fields of named tuples, joined by dots where nested.

    Raises
    ------
    ExportError
        When something in it is no tensor.
    """
    return _walk(value, "", default)


def _walk(value: Any, name: str, default: str) -> list[tuple[str, torch.Tensor]]:
    if isinstance(value, torch.Tensor):
        return [(name or default, value)]
    if value is None:
        return []
    if isinstance(value, (bool, int, float)):
        # float is a double and int 64 bits wide in TorchScript.
        wide = torch.float64 if isinstance(value, float) else None
        return [(name or default, torch.tensor(value, dtype=wide))]
    if not isinstance(value, (Mapping, tuple, list)):
        raise ExportError(
            f"forward returns a {type(value).__name__} where a tensor is needed",
            "return tensors, or tuples, lists and dictionaries of tensors, the same number in every call",
        )
    return [found for key, item in _children(value, name, default) for found in _walk(item, key, default)]


def _children(value: Any, name: str, default: str) -> list[tuple[str, Any]]:
    """Return the items of one container with the full name of each."""
    prefix = f"{name}." if name else ""
    if isinstance(value, Mapping):
        # Keys that are numbers are sorted as text, as the library does.
        return [(f"{prefix}{key}", value[key]) for key in sorted(value, key=str)]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return [(f"{prefix}{key}", item) for key, item in zip(value._fields, value, strict=True)]
    if len(value) == 1:
        return [(name, value[0])]
    return [(f"{prefix or default}{number}", item) for number, item in enumerate(value, 1)]


Named = list[tuple[str, torch.Tensor]]
