"""Contestants that take turns, and their times as medians with confidence limits.

The contestants of a process take turns, in random order, in blocks of about half a millisecond, so that whatever else the machine
does meets all of them. Every pair of measurements comes from a fresh process that loads the models in random order, because two
percent depend on where code and weights happen to lie in memory. Eager Python, which needs a process of its own, takes its turn
after each round. All processes share one core and use one thread.
"""

from __future__ import annotations

import math
import os
import random
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.shared.networks import NETWORKS

#: Contestants may differ by this much, relative to the largest result.
AGREEMENT = 1e-5


@dataclass(frozen=True)
class Estimate:
    """A median and its 95 % confidence limits."""

    median: float
    low: float
    high: float


def estimate(values: Sequence[float]) -> Estimate:
    """Return the median with the limits that its ranks give, whatever the distribution."""
    ordered = sorted(values)
    count = len(ordered)
    rank = max(0, math.floor(count / 2 - 1.96 * math.sqrt(count) / 2))
    return Estimate(statistics.median(ordered), ordered[rank], ordered[count - 1 - rank])


@dataclass
class Case:
    """Times of all contestants in one case: microseconds per call, ``times[contestant][pair][round]``."""

    network: str
    batch: int
    times: dict[str, list[list[float]]] = field(default_factory=dict)
    difference: float = math.nan

    @property
    def label(self) -> str:
        """Name for people."""
        return f"{NETWORKS[self.network].label}, batch {self.batch}"

    def time(self, contestant: str) -> Estimate:
        """Return microseconds per call."""
        return estimate([statistics.median(rounds) for rounds in self.times[contestant]])

    def ratio(self, contestant: str, other: str) -> Estimate:
        """Return how many times as long as the other a contestant takes."""
        pairs = zip(self.times[contestant], self.times[other], strict=True)
        return estimate([statistics.median(a / b for a, b in zip(*pair, strict=True)) for pair in pairs])

    def excess(self, contestant: str, other: str) -> Estimate:
        """Return how many microseconds longer than the other a contestant takes."""
        pairs = zip(self.times[contestant], self.times[other], strict=True)
        return estimate([statistics.median(a - b for a, b in zip(*pair, strict=True)) for pair in pairs])


@dataclass(frozen=True)
class Effort:
    """How long to measure."""

    pairs: int = 40
    rounds: int = 5
    block_us: float = 500.0


#: Of all processes that are timed. A program that is linked to PyTorch keeps its allocator, unless it asks for the pool; the C++
#: contestants are linked to it, and the Fortran programs of users, whose time is wanted, are not.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "FTORCH_POOL_MB": "32"}


class Contestant:
    """A process that answers lines with times."""

    def __init__(self, command: Sequence[str | Path], folder: Path) -> None:
        environment = os.environ | ENVIRONMENT
        self.process = subprocess.Popen(
            [str(part) for part in command], cwd=folder, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def tell(self, line: str) -> None:
        """Send a line."""
        assert self.process.stdin is not None  # noqa: S101
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self) -> list[str]:
        """Read the words of a line."""
        assert self.process.stdout is not None  # noqa: S101
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args!r} ended early with status {self.process.wait()}")
        return line.split()

    def finish(self) -> None:
        """End the process in good order."""
        assert self.process.stdin is not None  # noqa: S101
        self.process.stdin.close()
        if status := self.process.wait():
            raise SystemExit(f"{self.process.args!r} failed with status {status}")


def stay_on_one_core() -> None:
    """Keep this process and its children on one core, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def shuffled(count: int) -> str:
    """Return 1..count in random order."""
    return " ".join(map(str, random.sample(range(1, count + 1), count)))
