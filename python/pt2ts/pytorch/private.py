"""Finding what PyTorch does not promise: a part that is gone in a newer version is an error that names it and the version."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from importlib.metadata import requires
from typing import Any

import torch

from ..errors import UnsupportedTorchError

#: The versions of PyTorch whose private parts are known, as pip is told them.
KNOWN = next(wanted for wanted in requires("ftorch") or () if re.match(r"torch\b", wanted))


@cache
def private(name: str) -> Any:
    """Return a part of PyTorch by its full name.

    Raises
    ------
    UnsupportedTorchError
        When this version does not have it.
    """
    parts = name.split(".")
    found: Any = torch
    for number, part in enumerate(parts[1:], 2):
        try:
            found = getattr(found, part)
        except AttributeError:
            found = _module(".".join(parts[:number]), name)
    return found


def part_of(value: Any, name: str) -> Any:
    """Return a private part of an object, such as ``node.hint`` of a size."""
    found = value
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError as error:
            raise gone(f"{type(value).__module__}.{type(value).__name__}.{name}") from error
    return found


def _module(path: str, name: str) -> Any:
    try:
        return import_module(path)
    except ImportError as error:
        raise gone(name) from error


def gone(name: str) -> UnsupportedTorchError:
    """Return the error for a part that is not there."""
    return UnsupportedTorchError(
        f"PyTorch {torch.__version__} has no {name}, a part that is not public and that pt2ts uses",
        f"install a version that this pt2ts is made for ({KNOWN}), or a newer pt2ts",
    )
