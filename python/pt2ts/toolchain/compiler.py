"""The C++ compiler that kernels and compiled packages are made with, and the processes it runs in."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

#: Programs that start a compiler, as in ``CXX="ccache g++"``.
_LAUNCHERS = frozenset({"buildcache", "ccache", "distcc", "icecc", "nice", "sccache", "time"})

#: Of a compiler that fails: its errors first, as far as they are of use.
_MOST_LINES = 20


class ToolchainError(Exception):
    """There is no compiler, or it failed; the message is for people."""


def cxx(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the words that start the C++ compiler: those of the variable CXX, or else ``g++``.

    Raises
    ------
    ToolchainError
        When one of its programs is not there.
    """
    text = environment.get("CXX", "").strip() or "g++"
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ToolchainError(f"the variable CXX is {text!r}, which cannot be read ({error})") from error
    for word in words[: _place(words) + 1]:
        if shutil.which(word) is None:
            origin = f" (from CXX={text!r})" if environment.get("CXX", "").strip() else ""
            raise ToolchainError(f"there is no C++ compiler '{word}' on the PATH{origin}")
    return words


def program(words: Sequence[str]) -> str:
    """Return the compiler itself, without what starts it and without its options."""
    return words[_place(words)]


def _place(words: Sequence[str]) -> int:
    return next((at for at, word in enumerate(words) if Path(word).name not in _LAUNCHERS), len(words) - 1)


def run(words: Sequence[str | Path], folder: Path | None = None) -> str:
    """Run the compiler and return what it wrote to standard output. No limit of time: a busy machine takes what it takes.

    Raises
    ------
    ToolchainError
        With the compiler's own words, when it fails.
    """
    try:
        line = [str(word) for word in words]
        done = subprocess.run(line, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise ToolchainError(f"the C++ compiler cannot be started: {error}") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if "error" in line.lower()]
        said = "\n".join((errors or lines)[:_MOST_LINES]) or f"status {done.returncode}"
        raise ToolchainError(f"the C++ compiler failed: {said}")
    return done.stdout


@cache
def pool() -> ThreadPoolExecutor:
    """Return the threads that wait for compilers: as many at once as there are cores to run them."""
    return ThreadPoolExecutor(len(os.sched_getaffinity(0)), thread_name_prefix="pt2ts-compiler")
