"""How long a call takes: candidates in turn, many short rounds, the median of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

Call = Callable[[], object]

#: A round of one candidate lasts about this long, so that the clock and its own call do not count.
_ROUND = 2e-3
_WARM_UP = 3


def measure(calls: Sequence[Call], rounds: int) -> list[float]:
    """Return the seconds that one call of each candidate takes; the median leaves out the rounds that were disturbed."""
    return [statistics.median(times) for times in samples(calls, rounds)]


def samples(calls: Sequence[Call], rounds: int) -> list[list[float]]:
    """Return for each candidate the seconds of one call, round by round.

    The candidates take turns in every round, so that what else the machine does meets all of them.
    """
    repeats = [_repeats(call) for call in calls]
    taken: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, count, times in zip(calls, repeats, taken, strict=True):
            times.append(_time(call, count))
    return taken


def _repeats(call: Call) -> int:
    for _ in range(_WARM_UP):
        call()
    once = min(_time(call, 1) for _ in range(_WARM_UP))
    return max(1, round(_ROUND / max(once, 1e-9)))


def _time(call: Call, repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats
