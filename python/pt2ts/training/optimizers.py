"""Optimizers as formulas on tensors: nothing is stored in them, so that a whole step can be compiled.

The formulas are those of ``torch.optim``, in the same order of operations. Numbers of a step (its rate, corrections of moments)
are computed in float64, as Python has them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from .options import Choice, Option, flag, fraction, not_negative, positive
from .schedules import power

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
        From the number of the step (counted from 1), its rate and its momentum (None where no schedule moves that), what all
        weights of one rate need.
    update
        From a weight, its gradient, what is remembered for it and the numbers, the new weight and what to remember now.
    momentum
        The option that a schedule of the momentum moves.
    """

    options: Mapping[str, Option]
    slots: Callable[[Choice], tuple[str, ...]]
    numbers: Callable[[Choice, Tensor, Tensor, Tensor | None], Numbers]
    update: Callable[[Choice, Tensor, Tensor, Slots, Numbers], tuple[Tensor, Slots]]
    momentum: str


def _as_number_of(weight: Tensor, number: Tensor) -> Tensor:
    """Return a number in the precision in which the weight's dtype computes."""
    return number if weight.dtype == torch.float64 else number.float()


def _sgd_slots(choice: Choice) -> tuple[str, ...]:
    return ("momentum_buffer",) if choice["momentum"] > 0 else ()


def _sgd_numbers(choice: Choice, step: Tensor, rate: Tensor, momentum: Tensor | None) -> Numbers:
    # The first gradient enters the momentum undamped.
    numbers = {"rate": rate, "fresh": torch.where(step == 1, 1.0, 1.0 - choice["dampening"]).double()}
    return numbers if momentum is None else numbers | {"momentum": momentum}


def _sgd(choice: Choice, weight: Tensor, gradient: Tensor, slots: Slots, numbers: Numbers) -> tuple[Tensor, Slots]:
    if choice["weight_decay"] != 0:
        gradient = gradient + choice["weight_decay"] * weight
    kept: Slots = {}
    if choice["momentum"] > 0:
        fresh = _as_number_of(weight, numbers["fresh"]) * gradient if choice["dampening"] else gradient
        momentum = _as_number_of(weight, numbers["momentum"]) if "momentum" in numbers else choice["momentum"]
        moment = slots["momentum_buffer"] * momentum + fresh
        kept["momentum_buffer"] = moment
        gradient = gradient + momentum * moment if choice["nesterov"] else moment
    return weight - _as_number_of(weight, numbers["rate"]) * gradient, kept


def _adam_slots(choice: Choice) -> tuple[str, ...]:
    return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if choice["amsgrad"] else ("exp_avg", "exp_avg_sq")


def _adam_numbers(choice: Choice, step: Tensor, rate: Tensor, momentum: Tensor | None) -> Numbers:
    t = step.double()
    # Powers by exp, which PyTorch's compiler takes for expensive: it computes them once and not in the loop of every weight again.
    second = 1 - power(choice["beta_2"], t) if choice["beta_2"] > 0 else torch.ones_like(t)
    if momentum is not None:
        first = 1 - torch.exp(t * torch.log(momentum))
        return {"rate": rate, "size": rate / first, "root": second.sqrt(), "fresh": 1 - momentum}
    first = 1 - power(choice["beta_1"], t) if choice["beta_1"] > 0 else torch.ones_like(t)
    return {"rate": rate, "size": rate / first, "root": second.sqrt()}


def _adam(choice: Choice, weight: Tensor, gradient: Tensor, slots: Slots, numbers: Numbers) -> tuple[Tensor, Slots]:
    if choice["weight_decay"] != 0 and choice.name == "adam":
        gradient = gradient + choice["weight_decay"] * weight
    if choice["weight_decay"] != 0 and choice.name == "adamw":
        weight = weight * _as_number_of(weight, 1 - numbers["rate"] * choice["weight_decay"])
    fresh = _as_number_of(weight, numbers["fresh"]) if "fresh" in numbers else 1 - choice["beta_1"]
    mean = slots["exp_avg"] + (gradient - slots["exp_avg"]) * fresh
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
        "momentum",
    ),
    "adam": Optimizer(_adam_options(0.0), _adam_slots, _adam_numbers, _adam, "beta_1"),
    "adamw": Optimizer(_adam_options(0.01), _adam_slots, _adam_numbers, _adam, "beta_1"),
}


def check_optimizer(choice: Choice) -> str:
    """Return what is wrong with a combination of options, or nothing."""
    if choice.name == "sgd" and choice["nesterov"] and (choice["momentum"] <= 0 or choice["dampening"] != 0):
        return "nesterov needs momentum above 0 and no dampening"
    return ""
