"""Keeping what PyTorch's compiler says about itself away from the user."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

from . import torchscript


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what PyTorch's compiler says about itself away from the user; errors are raised all the same."""
    logger = logging.getLogger("torch")
    level = logger.level
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=torchscript.TracerWarning)
        warnings.filterwarnings("ignore", category=UserWarning, module=r"torch\b.*")
        logger.setLevel(logging.CRITICAL)
        try:
            with redirect_stderr(io.StringIO()):  # it prints graphs there
                yield
        finally:
            logger.setLevel(level)
