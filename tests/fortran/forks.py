"""How the children of a program that uses the module forks ended, and what each of them wrote."""

from __future__ import annotations

import re
import subprocess
from typing import NamedTuple

#: The parent writes a newline first: a child that is stopped by a signal may leave half a line.
MARK = re.compile(r"^=== (-?\d+) (.*)\n", re.MULTILINE)

#: For programs of gfortran. It looks for the names of all procedures in all libraries before it stops, which takes longer than
#: everything else, and what it has not written yet is lost where a child leaves in a short way.
SETTINGS = {"GFORTRAN_ERROR_BACKTRACE": "n", "GFORTRAN_UNBUFFERED_PRECONNECTED": "y"}


class Ending(NamedTuple):
    """One child: its exit code, or minus the number of the signal that ended it."""

    name: str
    code: int
    stdout: str
    stderr: str


def endings(done: subprocess.CompletedProcess[str]) -> list[Ending]:
    """Return what is between the marks, which are the same in both streams."""
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    # Each mark splits off a text, a code and a name; after the last one there is nothing.
    (*out, out_rest), (*err, err_rest) = MARK.split(done.stdout), MARK.split(done.stderr)
    assert (out_rest, err_rest) == ("", "")
    assert (out[1::3], out[2::3]) == (err[1::3], err[2::3])
    return [Ending(name, int(code), *texts) for code, name, *texts in zip(out[1::3], out[2::3], out[::3], err[::3], strict=True)]


def assert_stopped(ending: Ending, fragment: str) -> None:
    """It ended by itself with an error that says so; neither a signal, nor for want of time, nor as if nothing were wrong."""
    assert ending.code == 1, f"{ending.code}\n{ending.stdout[-2000:]}\n{ending.stderr[-4000:]}"
    assert fragment in ending.stderr
    assert "returned" not in ending.stdout
