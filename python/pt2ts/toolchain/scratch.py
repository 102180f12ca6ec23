"""Folders to compile in, which no other process touches meanwhile, and whose names are the same for the same code."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torch._inductor.runtime.cache_dir_utils import cache_dir


@contextmanager
def scratch(key: str) -> Iterator[Path]:
    """Make an empty folder for a ``with`` block; a second block of the same key waits, also in another process.

    By default the compiler puts equal code under equal names into a folder that all processes share, and lets go of its lock
    before the files are read: a process that compiles the same network would write over them. A folder with a random name would
    not do, because the compiler writes the path into the code: equal networks would give files that differ.
    """
    base = Path(cache_dir()) / "pt2ts"
    base.mkdir(parents=True, exist_ok=True)
    folder = base / hashlib.sha256(key.encode()).hexdigest()[:16]
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
