"""How long a call takes: candidates in turn, many short rounds, the median of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

Call = Callable[[], object]

#: A round of one candidate lasts about this long, so that the clock and its own call do not count.
_ROUND = 2e-3
_WARM_UP = 3


def measure(calls: Mapping[str, Call], rounds: int) -> dict[str, float]:
    """Return the seconds that one call of each candidate takes.

    The candidates take turns in every round, so that what else the machine does meets all of them; the median leaves out the rounds
    that were disturbed.

    Parameters
    ----------
    calls
        What to measure, by name.
    rounds
        How often each has its turn.
    """
    repeats = {name: _repeats(call) for name, call in calls.items()}
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            taken[name].append(_time(call, repeats[name]))
    return {name: statistics.median(values) for name, values in taken.items()}


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
