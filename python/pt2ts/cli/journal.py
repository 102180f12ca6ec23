"""What a command did, for ``--json``: the files it wrote, how they were checked, and how long each step took."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from ..report import Check, Progress
from . import console


class Journal:
    """Takes notes while a command works.

    Parameters
    ----------
    progress
        Also told of each step.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._start = time.perf_counter()
        self._steps: list[tuple[str, float]] = []
        self._checks: list[Check] = []

    def step(self, text: str) -> None:
        """Note that a step begins, and tell it on."""
        self._steps.append((text, time.perf_counter()))
        self._progress(text)

    def check(self, check: Check) -> None:
        """Note a comparison that was passed."""
        self._checks.append(check)

    def to_dict(self, files: Sequence[Path]) -> dict[str, Any]:
        """Return the JSON object of a command that has written ``files``."""
        end = time.perf_counter()
        ends = [*(begin for _, begin in self._steps[1:]), end]
        return {
            "files": [{"file": str(path), "bytes": path.stat().st_size} for path in files],
            "checks": [check.to_dict() for check in self._checks],
            "largest_difference": max((check.difference for check in self._checks), default=None),
            "seconds": end - self._start,
            "steps": [{"step": text, "seconds": until - begin} for (text, begin), until in zip(self._steps, ends, strict=False)],
        }


@contextmanager
def journal(as_json: bool) -> Iterator[Journal]:
    """Show progress and keep a journal; if standard output is for JSON, whatever the user's code prints goes elsewhere."""
    with redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext(), console.progress() as progress:
        yield Journal(progress)
