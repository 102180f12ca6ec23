"""Names of Python that TorchScript writes into a file but cannot read there: ``3d_net``, ``my-net``, ``Réseau``.

PyTorch calls a class in a file by its module and its name, as Python has them. Its reader knows letters without accents, digits
that do not come first, and ``_``. So classes and functions of other names bear names that it can read, as long as it looks.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any

import torch

_READ = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_PACKAGED = "<torch_package_"  # which PyTorch itself rewrites


def readable(name: str) -> str:
    """Return a name that TorchScript reads, with its dots; the name itself where it can."""
    if _READ.fullmatch(name) or name.startswith(_PACKAGED):
        return name
    parts = (re.sub(r"[^A-Za-z0-9_]", "_", part) for part in name.split("."))
    return ".".join(f"_{part}" if part[:1].isdigit() else part for part in parts)


@contextmanager
def readable_names(module: torch.nn.Module) -> Iterator[None]:
    """Let all classes and functions that a file of ``module`` may name bear names that can be read, inside a ``with`` block."""
    former: list[tuple[Any, str, str]] = []
    for thing in _named(module):
        for attribute in ("__module__", "__name__"):
            name = getattr(thing, attribute)
            if isinstance(name, str) and readable(name) != name:
                former.append((thing, attribute, name))
                setattr(thing, attribute, readable(name))
    try:
        yield
    finally:
        for thing, attribute, name in former:
            setattr(thing, attribute, name)


def _named(module: torch.nn.Module) -> list[Any]:
    """Return the classes of a module's parts, and what stands in Python modules whose own names cannot be read."""
    found = {id(kind): kind for part in module.modules() for kind in type(part).__mro__ if _of_user(kind)}
    for name, python in list(sys.modules.items()):
        if isinstance(python, ModuleType) and readable(name) != name:
            found |= {id(thing): thing for thing in vars(python).values() if _of_user(thing) and thing.__module__ == name}
    return list(found.values())


def _of_user(thing: Any) -> bool:
    return isinstance(thing, type | FunctionType) and not str(thing.__module__).startswith("torch.")
