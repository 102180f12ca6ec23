"""What is told while a file is being made, by the logger ``pt2ts``: steps that take long, and comparisons that were passed."""

from __future__ import annotations

import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LOG = logging.getLogger("pt2ts")
_OF_THREAD = threading.local()
_OURS = f"{Path(__file__).parent}{os.sep}"

_Listener = tuple[Callable[[str], object], Callable[["Check"], object]]


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


def step(text: str) -> None:
    """Tell that a step begins."""
    for on_step, _ in _listeners():
        on_step(text)
    _LOG.info("%s", text)


def passed(check: Check) -> None:
    """Tell of a comparison."""
    for _, on_check in _listeners():
        on_check(check)
    _LOG.debug("%s, %s: '%s' differs by %.3g", check.form, check.case, check.output, check.difference, extra={"check": check})


def warn(text: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line that called this package, however far down the warning arises."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, category, stacklevel=level)


@contextmanager
def listening(on_step: Callable[[str], object], on_check: Callable[[Check], object] = lambda _: None) -> Iterator[None]:
    """Call functions with what this thread tells in a ``with`` block; the logger and its level are the user's."""
    listeners = _listeners()
    listeners.append((on_step, on_check))
    try:
        yield
    finally:
        listeners.pop()


def _listeners() -> list[_Listener]:
    found: list[_Listener] = _OF_THREAD.__dict__.setdefault("listeners", [])
    return found
