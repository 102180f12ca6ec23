"""What can go wrong, in words a modeller can act on.

Every error has a message (what failed, and where) and mostly a hint (what to do about it). The command line prints both
without a traceback.
"""

from __future__ import annotations


class Pt2tsError(Exception):
    """Root of all errors of this package.

    Parameters
    ----------
    message
        What failed, in one sentence.
    hint
        What to do about it; may be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class DeclarationError(Pt2tsError):
    """An input or output declaration cannot be read, or contradicts the example inputs."""


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


class CheckError(ExportError):
    """The exported file disagrees with the module it came from. Nothing was written."""


class SpecError(Pt2tsError):
    """A file holds no spec, or one that cannot be understood."""


class LoadError(Pt2tsError):
    """A module, its weights or a model file cannot be loaded."""


class VerifyError(Pt2tsError):
    """The library refused a call, or a sample could not be replayed by it."""
