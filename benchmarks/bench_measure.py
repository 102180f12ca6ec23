"""Runs the contestants of a case against each other and turns their times into medians with confidence limits.

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
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench_networks import NETWORKS, write_case

HERE = Path(__file__).resolve().parent
#: Contestants may differ by this much, relative to the largest result.
AGREEMENT = 1e-5
#: Processes over which the pairs of long calls are spread.
LONG_STARTS = 3
#: Contestants that compute the network.
COMPUTING = ("forward", "infer", "bare_forward", "plain", "loops")


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


def disagreement(case: Case, names: Sequence[str], folder: Path) -> float:
    """Return the largest difference between a contestant's result and eager Python's, relative to the largest value."""
    expected: NDArray[np.float32] = np.fromfile(folder / f"{case.network}_{case.batch}.eager", np.float32)
    results = np.fromfile(folder / f"{case.network}_{case.batch}.out", np.float32)
    computed = results.reshape(sum(name in COMPUTING for name in names), -1)
    return float(np.abs(computed - expected.ravel()).max() / np.abs(expected).max())


def measure(program: Path, network: str, batch: int, effort: Effort) -> Case:
    """Time all contestants of one case.

    Parameters
    ----------
    program
        What ``bench_build.build`` made; the networks' files lie beside it.
    network
        One of ``NETWORKS``.
    batch
        Samples per call.
    effort
        How long to measure.

    Returns
    -------
    Case
        The times, and by how much the contestants' results differ.
    """
    folder = program.parent
    case = Case(network, batch)
    command = [program, write_case(network, batch, effort.block_us, folder)]
    output = f"{network}_{batch}.eager"
    eager = Contestant([sys.executable, HERE / "bench_eager.py", network, str(batch), str(effort.block_us), output], folder)
    # Where things lie does not matter to calls of a quarter of a second: there, each round is a pair of its own.
    long = network == "sst_cnn" and batch > 1
    names: list[str] = []
    for _ in range(LONG_STARTS if long else effort.pairs):
        native = Contestant(command, folder)
        names = native.answer()
        native.tell(shuffled(len(names)))
        for n in range(-(-effort.pairs // LONG_STARTS) if long else effort.rounds):
            native.tell(shuffled(len(names)))
            answers = dict(zip(names, native.answer(), strict=True))
            eager.tell("")
            answers["eager"] = eager.answer()[0]
            for name, nanoseconds in answers.items():
                pairs = case.times.setdefault(name, [])
                if long or n == 0:
                    pairs.append([])
                pairs[-1].append(float(nanoseconds) / 1000)
        native.finish()
    eager.finish()
    case.difference = disagreement(case, names, folder)
    return case
