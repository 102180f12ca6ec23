"""Optimizers and schedules as formulas on tensors: nothing is stored in them, so that a whole step can be compiled.

The formulas are those of ``torch.optim``, in the same order of operations. Numbers of a step (its rate, corrections of moments)
are computed in float64, as Python has them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from .training_options import Choice, Option, count, factor, flag, fraction, not_negative, positive

Slots = dict[str, Tensor]
Numbers = dict[str, Tensor]


class Optimizer(NamedTuple):
    """A rule of optimization.

    Attributes
    ----------
    options
        Its options.
    slots
        Names of the tensors that it remembers for every weight, under the options that were chosen.
    numbers
        From the number of the step (counted from 1) and its rate, what all weights need.
    update
        From a weight, its gradient, what is remembered for it and the numbers, the new weight and what to remember now.
    """

    options: Mapping[str, Option]
    slots: Callable[[Choice], tuple[str, ...]]
    numbers: Callable[[Choice, Tensor, Tensor], Numbers]
    update: Callable[[Choice, Tensor, Tensor, Slots, Numbers], tuple[Tensor, Slots]]


def _as_number_of(weight: Tensor, number: Tensor) -> Tensor:
    """Return a number in the precision in which the weight's dtype computes."""
    return number if weight.dtype == torch.float64 else number.float()


def _sgd_slots(choice: Choice) -> tuple[str, ...]:
    return ("momentum_buffer",) if choice["momentum"] > 0 else ()


def _sgd_numbers(choice: Choice, step: Tensor, rate: Tensor) -> Numbers:
    # The first gradient enters the momentum undamped.
    return {"rate": rate, "fresh": torch.where(step == 1, 1.0, 1.0 - choice["dampening"]).double()}


def _sgd(choice: Choice, weight: Tensor, gradient: Tensor, slots: Slots, numbers: Numbers) -> tuple[Tensor, Slots]:
    if choice["weight_decay"] != 0:
        gradient = gradient + choice["weight_decay"] * weight
    kept: Slots = {}
    if choice["momentum"] > 0:
        fresh = _as_number_of(weight, numbers["fresh"]) * gradient if choice["dampening"] else gradient
        moment = slots["momentum_buffer"] * choice["momentum"] + fresh
        kept["momentum_buffer"] = moment
        gradient = gradient + choice["momentum"] * moment if choice["nesterov"] else moment
    return weight - _as_number_of(weight, numbers["rate"]) * gradient, kept


def _adam_slots(choice: Choice) -> tuple[str, ...]:
    return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if choice["amsgrad"] else ("exp_avg", "exp_avg_sq")


def _adam_numbers(choice: Choice, step: Tensor, rate: Tensor) -> Numbers:
    t = step.double()
    # exp, which PyTorch's compiler takes for expensive: it computes the two once and not in the loop of every weight again.
    first = 1 - _power(choice["beta_1"], t) if choice["beta_1"] > 0 else torch.ones_like(t)
    second = 1 - _power(choice["beta_2"], t) if choice["beta_2"] > 0 else torch.ones_like(t)
    return {"rate": rate, "size": rate / first, "root": second.sqrt()}


def _adam(choice: Choice, weight: Tensor, gradient: Tensor, slots: Slots, numbers: Numbers) -> tuple[Tensor, Slots]:
    if choice["weight_decay"] != 0 and choice.name == "adam":
        gradient = gradient + choice["weight_decay"] * weight
    if choice["weight_decay"] != 0 and choice.name == "adamw":
        weight = weight * _as_number_of(weight, 1 - numbers["rate"] * choice["weight_decay"])
    mean = slots["exp_avg"] + (gradient - slots["exp_avg"]) * (1 - choice["beta_1"])
    square = slots["exp_avg_sq"] * choice["beta_2"] + (1 - choice["beta_2"]) * gradient * gradient
    kept = {"exp_avg": mean, "exp_avg_sq": square}
    if choice["amsgrad"]:
        square = torch.maximum(slots["max_exp_avg_sq"], square)
        kept["max_exp_avg_sq"] = square
    size, root = (_as_number_of(weight, numbers[name]) for name in ("size", "root"))
    return weight - size * (mean / (square.sqrt() / root + choice["eps"])), kept


def _adam_options(weight_decay: float) -> dict[str, Option]:
    return {
        "learning_rate": positive(1e-3),
        "beta_1": fraction(0.9),
        "beta_2": fraction(0.999),
        "eps": positive(1e-8),
        "weight_decay": not_negative(weight_decay),
        "amsgrad": flag(),
    }


#: Names and options are those of the library and its namelists.
OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": Optimizer(
        {
            "learning_rate": positive(1e-3),
            "momentum": fraction(0.0),
            "weight_decay": not_negative(0.0),
            "dampening": fraction(0.0),
            "nesterov": flag(),
        },
        _sgd_slots,
        _sgd_numbers,
        _sgd,
    ),
    "adam": Optimizer(_adam_options(0.0), _adam_slots, _adam_numbers, _adam),
    "adamw": Optimizer(_adam_options(0.01), _adam_slots, _adam_numbers, _adam),
}

#: The rate of a step from the choice, the base rate and the number of steps before it.
Rule = Callable[[Choice, Tensor, Tensor], Tensor]


def _step(choice: Choice, base: Tensor, done: Tensor) -> Tensor:
    # A power of the integer part: done // n is exact, and so is the comparison of torch's own scheduler.
    return base * _power(choice["gamma"], torch.div(done, choice["schedule_steps"], rounding_mode="floor").double())


def _power(number: float, exponent: Tensor) -> Tensor:
    power: Tensor = torch.exp(exponent * math.log(number))
    return power


def _part(choice: Choice, done: Tensor) -> Tensor:
    """Return which part of the schedule is over: from 0 to 1, and then it stays."""
    length = int(choice["schedule_steps"])
    return done.clamp(max=length).double() / length


def _cosine(choice: Choice, base: Tensor, done: Tensor) -> Tensor:
    lowest = float(choice["min_learning_rate"])
    return lowest + (base - lowest) * (1 + torch.cos(math.pi * _part(choice, done))) / 2


_STEPS = {"schedule_steps": count(None)}
_WARMUP = {"warmup_steps": count(0, least=0)}

SCHEDULES: dict[str, tuple[Mapping[str, Option], Rule]] = {
    "constant": (_WARMUP, lambda _choice, base, _done: base),
    "step": (_STEPS | {"gamma": factor(0.1)} | _WARMUP, _step),
    "exponential": ({"gamma": factor(None)} | _WARMUP, lambda choice, base, done: base * _power(choice["gamma"], done.double())),
    "linear": (_STEPS | _WARMUP, lambda choice, base, done: base * (1 - _part(choice, done))),
    "polynomial": (
        _STEPS | {"power": positive(1.0)} | _WARMUP,
        lambda choice, base, done: base * (1 - _part(choice, done)) ** choice["power"],
    ),
    "cosine": (_STEPS | {"min_learning_rate": not_negative(0.0)} | _WARMUP, _cosine),
}


def scheduled_rate(choice: Choice, base: Tensor, done: Tensor) -> Tensor:
    """Return the learning rate of the step after ``done`` others.

    The warm-up comes first and the schedule after it, as if it had begun then.
    """
    rule = SCHEDULES[choice.name][1]
    warmup = choice["warmup_steps"]
    if warmup == 0:
        return rule(choice, base, done)
    rising = base * ((1 / warmup) + (1 - 1 / warmup) * done.double() / warmup)
    return torch.where(done < warmup, rising, rule(choice, base, (done - warmup).clamp(min=0)))


def check_optimizer(choice: Choice) -> str:
    """Return what is wrong with a combination of options, or nothing."""
    if choice.name == "sgd" and choice["nesterov"] and (choice["momentum"] <= 0 or choice["dampening"] != 0):
        return "nesterov needs momentum above 0 and no dampening"
    return ""
