"""Limits of tests that hold on a busy machine: processor time instead of time by the clock.

Every ``timeout=`` that a test gives to ``subprocess.run`` means seconds of a quiet machine. A process is stopped when it, with all
that it started, has used several times as much processor time (an endless loop), or none at all for a long while (a deadlock).
How long that takes by the clock depends on what else the machine does, and decides nothing.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

#: Seconds between two looks at a process.
LOOK = 5.0
#: A process may use this many times its limit: it runs on several cores, and cores that share a lot of work are slower.
CORES = 4
#: Without a tick of its clock for so long it hangs; it may have waited for what another process makes for both.
IDLE = 1800.0

_TICK = os.sysconf("SC_CLK_TCK")


def processor_seconds(pid: int) -> float:
    """Return the processor time of a process and of all that it started; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = " ".join(file.read_text() for file in Path(f"/proc/{pid}/task").glob("*/children")).split()
    except OSError:
        return 0.0
    # utime, stime, and those of children that have ended: fields 14 to 17 of the whole line.
    return sum(map(int, fields[11:15])) / _TICK + sum(processor_seconds(int(child)) for child in children)


class Watch:
    """Tells whether a process has had its share.

    Parameters
    ----------
    pid
        The process.
    limit
        Seconds that it may take on a quiet machine.
    idle
        Seconds by the clock in which it must have done something.
    """

    def __init__(self, pid: int, limit: float, idle: float = IDLE) -> None:
        self._pid, self._limit, self._idle = pid, CORES * limit, idle
        self._used, self._since = 0.0, time.monotonic()

    def is_over(self) -> bool:
        """Return whether it hangs or never ends."""
        used, now = processor_seconds(self._pid), time.monotonic()
        if used != self._used:
            self._used, self._since = used, now
        return used > self._limit or now - self._since > self._idle


class PatientProcess(subprocess.Popen[Any]):
    """A process whose `communicate` counts its limit in processor time; `subprocess.run` uses it."""

    def communicate(self, input: Any = None, timeout: float | None = None) -> tuple[Any, Any]:  # noqa: A002 - the name in Popen
        """Wait for the process to end; TimeoutExpired when `Watch` says that it never will."""
        if timeout is None:
            return super().communicate(input)
        watch = Watch(self.pid, timeout)
        while True:
            try:
                return super().communicate(input, min(LOOK, timeout))
            except subprocess.TimeoutExpired as error:
                input = None  # noqa: A001 - it has been taken
                if watch.is_over():
                    raise subprocess.TimeoutExpired(self.args, timeout, error.output, error.stderr) from None


def install() -> None:
    """Make it the process of everything that this one starts."""
    subprocess.Popen = PatientProcess  # type: ignore[misc]
