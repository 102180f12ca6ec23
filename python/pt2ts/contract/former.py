"""Keywords that functions once took. They still work, with a warning that says what is said instead."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from ..errors import DeclarationError
from ..report import listening, warn
from .formats import OPTIONS, Package, TorchScript, choose_files, format_of, with_options

_P = ParamSpec("_P")
_R = TypeVar("_R")

_CALLBACKS = ("progress", "note")


def takes_callbacks(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let a function take ``progress`` and ``note``, which are called with what the logger is told."""

    @wraps(function)
    def call(*arguments: _P.args, **keywords: _P.kwargs) -> _R:
        given: dict[str, Any] = {name: keywords.pop(name) for name in _CALLBACKS if name in keywords}
        if given:
            warn(f"{' and '.join(given)}: the logger 'pt2ts' tells of steps (INFO) and comparisons (DEBUG)", DeprecationWarning)
        with listening(*(given.get(name) or _ignore for name in _CALLBACKS)) if given else nullcontext():
            return function(*arguments, **keywords)

    return call


def takes_options(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let `export` take the options of a format itself."""

    @wraps(function)
    def call(*arguments: _P.args, **keywords: _P.kwargs) -> _R:
        given: dict[str, Any] = {name: keywords.pop(name) for name in OPTIONS if name in keywords}
        path: Any = dict(zip(("module", "example_inputs", "path"), arguments, strict=False), **keywords).get("path")
        if given and path is not None:
            wanted: Any = keywords.get("format")
            if isinstance(wanted, TorchScript | Package | tuple | list):
                raise DeclarationError(
                    f"{', '.join(given)}: given beside format={wanted!r}, which has options of its own", "say it there alone"
                )
            files = with_options(choose_files(Path(path), wanted), **given)
            keywords["format"] = format_of(files)
            kind = "Package" if any(isinstance(file.format, Package) for file in files) else "TorchScript"
            warn(f"{', '.join(given)}: options of a format are said in it, format=pt2ts.{kind}(...)", DeprecationWarning)
        return function(*arguments, **keywords)

    return call


def _ignore(_: object) -> None:
    pass
