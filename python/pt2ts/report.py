"""What is told while a file is being made: the step that begins, and every comparison that was passed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Check:
    """One comparison that was passed.

    Attributes
    ----------
    form
        What was compared with the module: ``script``, ``trace``, ``variant b32``...
    case
        With which sizes.
    output
        The output that was nearest to its limit.
    difference, allowed
        The largest difference there, and how large it may be; None where every element has a limit of its own.
    remark
        Why there was nothing to compare; empty where there was.
    """

    form: str
    case: str
    output: str
    difference: float
    allowed: float | None
    remark: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return dict(vars(self))


Note = Callable[[Check], None]


def ignore(_: Check) -> None:
    """Take no note of a comparison."""


Progress = Callable[[str], None]
