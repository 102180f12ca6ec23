"""How long a call takes: candidates in turn, in many short rounds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

Call = Callable[[], object]

#: A round of one candidate lasts about this long, so that the clock and its own call do not count.
_ROUND = 2e-3
_WARM_UP = 3
#: No call is said to take less than this.
_CLOCK = 1e-9


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


def beyond(empty: Sequence[float], times: Sequence[float]) -> list[float]:
    """Return what calls take beyond those of a function that does nothing.

    It is the smallest time of these that is taken off: what disturbed them would otherwise make the others look faster.
    """
    return [max(_CLOCK, seconds - min(empty)) for seconds in times]


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
