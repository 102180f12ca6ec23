"""What can go wrong, in words a modeller can act on.

Every error has a message (what failed, and where) and mostly a hint (what to do about it). The command line prints both
without a traceback. A hint may name options of `pt2ts.export` (see `option`), which are arguments in Python and flags on a command
line.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

#: What stands around an option in a hint; characters for private use, which no text has.
_OPEN, _CLOSE = "\ue000", "\ue001"
_OPTION = re.compile(f"{_OPEN}(\\w+)=(.*?){_CLOSE}")


def option(name: str, value: object = ...) -> str:
    """Return an option as a part of a hint; without a value any will do."""
    return f"{_OPEN}{name}={'...' if value is ... else repr(value)}{_CLOSE}"


def say(hint: str, words: Callable[[str, Any], str]) -> str:
    """Return a hint with each option in the words of ``words``, which takes its name and its value."""
    if _OPEN not in hint:
        return hint
    from ast import literal_eval  # which `import pt2ts` need not wait for

    return _OPTION.sub(lambda found: words(found[1], literal_eval(found[2])), hint)


def _in_python(name: str, value: object) -> str:
    if name == "format":
        return f"format {value!r}"
    if name == "method":
        return f"format=pt2ts.TorchScript(method={value!r})"
    return f"{name}={'...' if value is ... else repr(value)}"


class Pt2tsError(Exception):
    """Root of all errors of this package.

    Parameters
    ----------
    message
        What failed, in one sentence.
    hint
        What to do about it; may be empty. Options in it are made by `option`.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = message
        self.marked = hint
        self.hint = say(hint, _in_python)
        super().__init__(message, self.hint)

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class DeclarationError(Pt2tsError):
    """An input or output declaration cannot be read, or contradicts the example inputs."""


class NoDeviceError(DeclarationError):
    """There is no such device on this machine, or PyTorch was built without support for it."""


class ExportError(Pt2tsError):
    """The module could not be exported, or the written file does not do what the module does."""


class UnexportableError(ExportError):
    """TorchScript has no words for something in the module.

    Parameters
    ----------
    message
        What failed, in one sentence.
    hint
        What to do about it.
    where
        ``file:line`` in the user's code, empty when unknown.
    code
        That line of code, empty when unknown.
    """

    def __init__(self, message: str, hint: str = "", where: str = "", code: str = "") -> None:
        super().__init__(message, hint)
        self.where = where
        self.code = code

    def __str__(self) -> str:
        lines = [self.message]
        if self.where:
            lines.append(f"  at {self.where}: {self.code}" if self.code else f"  at {self.where}")
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


class UnreadableError(UnexportableError):
    """PyTorch's compiler does not know something in the module, and no more is known about it."""


class CheckError(ExportError):
    """The exported file disagrees with the module it came from. Nothing was written."""


class SpecError(Pt2tsError):
    """A file holds no spec, or one that cannot be understood."""


class LoadError(Pt2tsError):
    """A module, its weights or a model file cannot be loaded."""


class UnsupportedTorchError(Pt2tsError):
    """What PyTorch has here lacks a part that is not public and that this package uses."""


class VerifyError(Pt2tsError):
    """The library refused a call, or a sample could not be replayed by it."""


class CrashError(VerifyError):
    """The process that used a file was ended by it."""
