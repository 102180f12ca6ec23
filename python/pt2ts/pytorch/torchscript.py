"""The four TorchScript calls this package makes, typed, and without their deprecation warning.

TorchScript is deprecated; we use it knowingly, and say so here once instead of at every call. It is the only format that
libtorch both runs and trains from C++ without Python, so a Fortran program needs it. The warning would tell the users of
`pt2ts` to do something they cannot do. Only that warning is silenced, and only around these calls.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import torch

from .private import part_of, private
from .script_names import readable_names

__all__ = [
    "ScriptModule",
    "TracerWarning",
    "argument_names",
    "has_forward",
    "load",
    "returns_objects",
    "save",
    "script",
    "silent",
    "trace",
]

ScriptModule = torch.jit.ScriptModule
TracerWarning: type[Warning] = torch.jit.TracerWarning  # type: ignore[attr-defined]

#: How torch spells it ("is deprecated"; from Python 3.14 on "is not supported in Python 3.14+").
_MESSAGE = r"`torch\.jit\.(script|script_method|trace|trace_method|save|load)` is (deprecated|not supported)"


#: The name of the folder inside a file, which PyTorch takes from the file's own and which must not change from one to the next.
_ARCHIVE = "archive"
_PIECE = 1 << 20


@contextmanager
def silent() -> Iterator[None]:
    """Silence the deprecation warning of TorchScript, and no other, inside a ``with`` block."""
    with warnings.catch_warnings():
        # Its category is DeprecationWarning in torch 2.13 and FutureWarning from 2.14 on.
        warnings.filterwarnings("ignore", message=_MESSAGE, category=DeprecationWarning)
        warnings.filterwarnings("ignore", message=_MESSAGE, category=FutureWarning)
        yield


def script(module: torch.nn.Module) -> ScriptModule:
    """Compile the source of a module."""
    try:
        with silent(), readable_names(module):
            return cast(ScriptModule, torch.jit.script(module))
    except Exception:
        # torch keeps the half-made class and would answer the next attempt with "Can't redefine method" instead of the reason.
        recursive = private("torch.jit._recursive")
        recursive.concrete_type_store = recursive.ConcreteTypeStore()
        raise


def trace(module: torch.nn.Module, inputs: Sequence[torch.Tensor]) -> ScriptModule:
    """Record what a module does with ``inputs``; dictionaries and lists may be results."""
    with silent(), readable_names(module), torch.no_grad():
        # check_trace is off: we compare with the module ourselves, on several sizes.
        made = torch.jit.trace(module, tuple(inputs), strict=False, check_trace=False)  # type: ignore[no-untyped-call]
    return cast(ScriptModule, made)


def save(module: ScriptModule, file: IO[bytes], extra: Mapping[str, str | bytes] | None = None) -> None:
    """Write a module into an open file, with extra files by name."""
    with silent(), tempfile.TemporaryDirectory() as folder:
        # By way of the disk: into an open file PyTorch would write from memory, through two copies of the whole.
        path = Path(folder) / _ARCHIVE
        torch.jit.save(module, path, _extra_files=dict(extra or {}))
        with path.open("rb") as made:
            shutil.copyfileobj(made, file, _PIECE)


def load(source: str | os.PathLike[str] | IO[bytes]) -> ScriptModule:
    """Read a module onto the CPU."""
    with silent():
        return cast(ScriptModule, torch.jit.load(source, map_location="cpu"))  # type: ignore[no-untyped-call]


def has_forward(module: ScriptModule) -> bool:
    """Return whether a file of the module could be called: torch.nn.GRU and LSTM compile to several methods of other names."""
    return bool(part_of(module, "_c._has_method")("forward"))


def returns_objects(module: ScriptModule) -> bool:
    """Return whether in what forward returns is an object of a class, a dataclass for instance."""
    forward: Any = module.forward
    left = [item.type for item in forward.schema.returns]
    while left:
        kind = left.pop()
        if kind.kind() == "ClassType":
            return True
        left += kind.containedTypes()
    return False


def argument_names(module: ScriptModule) -> list[str]:
    """Return the names of forward's arguments."""
    forward: Any = module.forward
    return [str(argument.name) for argument in forward.schema.arguments[1:]]
