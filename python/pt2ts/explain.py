"""Plain words for what TorchScript and torch say when a module cannot be exported."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path
from typing import NamedTuple

import torch

_TORCH = str(Path(torch.__file__).parent)
_OURS = str(Path(__file__).parent)
_PYTHON = sysconfig.get_paths()["stdlib"]


class Explanation(NamedTuple):
    """What happened, where in the user's code, and what to do."""

    reason: str
    hint: str
    where: str
    code: str


def explain_run(error: Exception) -> Explanation:
    """Explain an exception out of the module's own forward."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename)]
    lines = str(error).strip().splitlines()
    reason = f"{type(error).__name__}: {lines[-1] if lines else 'no message'}"
    if not frames:
        return Explanation(reason, "", "", "")
    return Explanation(reason, "", f"{frames[-1].filename}:{frames[-1].lineno}", (frames[-1].line or "").strip())


def _is_users(file: str) -> bool:
    """Return whether a file is the user's code, and not Python's, torch's or ours."""
    if file.startswith(_PYTHON) and "site-packages" not in file:
        return False
    return not file.startswith((_TORCH, _OURS, "<"))
