"""Schedules as formulas of the count of steps: what a step needs follows from how many were before it, and nothing is stored.

The numbers are those of ``torch.optim.lr_scheduler``, which goes from each rate to the next one instead.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .options import Choice, Option, count, counts, factor, flag, inside, not_negative, part, positive, word

#: The rate of a step from the choice, the base rate and the number of steps before it.
Rule = Callable[[Choice, Tensor, Tensor], Tensor]

#: More steps than a float64 counts; periods that begin after them never do.
_FOREVER = 2**53


class Schedule(NamedTuple):
    """A rule of the learning rate.

    Attributes
    ----------
    options
        Its options.
    rate
        The rule.
    turns
        Counts of steps at which it does something that it did not do before: where to look whether it is right.
    """

    options: Mapping[str, Option]
    rate: Rule
    turns: Callable[[Choice], Sequence[int]]


def power(number: float, exponent: Tensor) -> Tensor:
    """Return a power of a number above zero."""
    result: Tensor = torch.exp(exponent * math.log(number))
    return result


def _step(choice: Choice, base: Tensor, done: Tensor) -> Tensor:
    # A power of the integer part: done // n is exact, and so is the comparison of torch's own scheduler.
    return base * power(choice["gamma"], torch.div(done, choice["schedule_steps"], rounding_mode="floor").double())


def _multistep(choice: Choice, base: Tensor, done: Tensor) -> Tensor:
    passed = torch.zeros_like(done)
    for milestone in choice["milestones"]:  # one that is listed twice counts twice
        passed = passed + (done >= milestone)
    return base * power(choice["gamma"], passed.double())


def _share(choice: Choice, done: Tensor) -> Tensor:
    """Return which part of the schedule is over: from 0 to 1, and then it stays."""
    length = int(choice["schedule_steps"])
    return done.clamp(max=length).double() / length


def _linear(choice: Choice, base: Tensor, done: Tensor) -> Tensor:
    first, last = float(choice["start_factor"]), float(choice["end_factor"])
    return base * (first + (last - first) * _share(choice, done))


def _cosine(choice: Choice, base: Tensor, done: Tensor) -> Tensor:
    return _half_cosine(choice, base, _share(choice, done))


def _half_cosine(choice: Choice, base: Tensor, share: Tensor) -> Tensor:
    lowest = float(choice["min_learning_rate"])
    return lowest + (base - lowest) * (1 + torch.cos(math.pi * share)) / 2


def _periods(choice: Choice) -> Iterator[tuple[int, int]]:
    """Yield where the periods of ``cosine_restarts`` begin, and how long they are."""
    start, length = 0, int(choice["schedule_steps"])
    while start < _FOREVER:
        yield start, length
        start, length = start + length, length * int(choice["t_mult"])


def _restarts(choice: Choice, base: Tensor, done: Tensor) -> Tensor:
    first = int(choice["schedule_steps"])
    if choice["t_mult"] == 1:
        return _half_cosine(choice, base, torch.remainder(done, first).double() / first)
    # Comparisons of whole numbers: a logarithm would be wrong by one period now and then.
    within, period = done, torch.full_like(done, first)
    for start, length in itertools.islice(_periods(choice), 1, None):
        within = torch.where(done >= start, done - start, within)
        period = torch.where(done >= start, length, period)
    return _half_cosine(choice, base, within.double() / period.double())


def _turns_of_restarts(choice: Choice) -> list[int]:
    first, factor_ = int(choice["schedule_steps"]), int(choice["t_mult"])
    second, third = first, first + first * factor_
    return [second - 1, second, third - 1, third]


def _ends(choice: Choice) -> list[float]:
    """Return the counts of steps at which the phases of ``one_cycle`` end."""
    rising = choice["pct_start"] * choice["schedule_steps"]
    last = float(choice["schedule_steps"] - 1)
    return [rising - 1, 2 * rising - 2, last] if choice["three_phase"] else [rising - 1, last]


def _between(choice: Choice, values: Sequence[Tensor | float], done: Tensor) -> Tensor:
    """Return where ``one_cycle`` is on its way through some values, one more than phases."""
    ends = _ends(choice)
    done = done.clamp(max=choice["schedule_steps"] - 1).double()
    found = torch.zeros_like(done)
    starts = [0.0, *ends[:-1]]
    # From the last phase to the first one: what is before an end is in the first phase for which that holds.
    for number in reversed(range(len(ends))):
        first, last, length = values[number], values[number + 1], ends[number] - starts[number]
        share = (done - starts[number]) / length if length else torch.zeros_like(done)
        if choice["anneal_strategy"] == "linear":
            value = (last - first) * share + first
        else:
            value = last + (first - last) / 2 * (torch.cos(math.pi * share) + 1)
        found = value if number == len(ends) - 1 else torch.where(done <= ends[number], value, found)
    return found


def _one_cycle(choice: Choice, base: Tensor, done: Tensor) -> Tensor:
    highest, last = base * choice["div_factor"], base / choice["final_div_factor"]
    return _between(choice, [base, highest, base, last] if choice["three_phase"] else [base, highest, last], done)


def _turns_of_one_cycle(choice: Choice) -> list[int]:
    last = int(choice["schedule_steps"]) - 1
    return [min(max(int(end) + more, 0), last) for end in _ends(choice) for more in (0, 1)]


def _middle_and_end(choice: Choice) -> list[int]:
    length = int(choice["schedule_steps"])
    return [length // 2, length]


_STEPS = {"schedule_steps": count(None)}
_WARMUP = {"warmup_steps": count(0, least=0)}
_LOWEST = {"min_learning_rate": not_negative(0.0)}

#: Names and options are those of the library's namelists.
SCHEDULES: dict[str, Schedule] = {
    "constant": Schedule(_WARMUP, lambda _choice, base, _done: base, lambda _: ()),
    "step": Schedule(
        _STEPS | {"gamma": factor(0.1)} | _WARMUP, _step, lambda choice: [n * choice["schedule_steps"] for n in (1, 2)]
    ),
    "multistep": Schedule(
        {"milestones": counts(), "gamma": factor(0.1)} | _WARMUP, _multistep, lambda choice: choice["milestones"]
    ),
    "exponential": Schedule(
        {"gamma": factor(None)} | _WARMUP, lambda choice, base, done: base * power(choice["gamma"], done.double()), lambda _: [50]
    ),
    "linear": Schedule(_STEPS | {"start_factor": factor(1.0), "end_factor": part(0.0)} | _WARMUP, _linear, _middle_and_end),
    "polynomial": Schedule(
        _STEPS | {"power": positive(1.0)} | _WARMUP,
        lambda choice, base, done: base * (1 - _share(choice, done)) ** choice["power"],
        _middle_and_end,
    ),
    "cosine": Schedule(_STEPS | _LOWEST | _WARMUP, _cosine, _middle_and_end),
    "cosine_restarts": Schedule(_STEPS | {"t_mult": count(1)} | _LOWEST | _WARMUP, _restarts, _turns_of_restarts),
    "one_cycle": Schedule(
        _STEPS
        | {
            "max_learning_rate": positive(None),
            "pct_start": part(0.3),
            "anneal_strategy": word("cos", "linear"),
            "div_factor": positive(25.0),
            "final_div_factor": positive(1e4),
            "three_phase": flag(),
            "cycle_momentum": flag(True),
            "base_momentum": inside(0.85),
            "max_momentum": inside(0.95),
        },
        _one_cycle,
        _turns_of_one_cycle,
    ),
}


def scheduled_rate(choice: Choice, base: Tensor, done: Tensor) -> Tensor:
    """Return the learning rate of the step after ``done`` others.

    The warm-up comes first and the schedule after it, as if it had begun then.
    """
    rule = SCHEDULES[choice.name].rate
    warmup = choice.options.get("warmup_steps", 0)
    if warmup == 0:
        return rule(choice, base, done)
    rising = base * ((1 / warmup) + (1 - 1 / warmup) * done.double() / warmup)
    return torch.where(done < warmup, rising, rule(choice, base, (done - warmup).clamp(min=0)))


def moves_momentum(choice: Choice) -> bool:
    """Whether a schedule sets the momentum too."""
    return bool(choice.options.get("cycle_momentum", False))


def scheduled_momentum(choice: Choice, done: Tensor) -> Tensor | None:
    """Return the momentum of the step after ``done`` others, or None if the schedule leaves it alone."""
    if not moves_momentum(choice):
        return None
    low, high = float(choice["base_momentum"]), float(choice["max_momentum"])
    return _between(choice, [high, low, high, high] if choice["three_phase"] else [high, low, high], done)


def first_rate(choice: Choice) -> float | None:
    """Return the base rate that a schedule brings with it, or None if it takes that of the optimizer."""
    return float(choice["max_learning_rate"] / choice["div_factor"]) if choice.name == "one_cycle" else None


def turning_points(choice: Choice) -> list[int]:
    """Return the counts of steps at which the schedule does something new."""
    warmup = int(choice.options.get("warmup_steps", 0))
    before = [warmup - 1, warmup] if warmup else []
    return sorted({*before, *(warmup + turn for turn in SCHEDULES[choice.name].turns(choice))})
