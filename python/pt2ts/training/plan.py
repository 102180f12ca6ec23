"""From words to the rules of a step: optimizer, schedule, groups and clipping, and whether they go together."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import DeclarationError
from .groups import Given, Group, read_groups
from .optimizers import OPTIMIZERS, check_optimizer
from .options import Choice, check_option, choose, positive
from .schedules import SCHEDULES, first_rate, moves_momentum


@dataclass(frozen=True)
class Rules:
    """How a step changes the weights.

    Attributes
    ----------
    optimizer, schedule
        Chosen rows of their tables.
    groups
        Weights with options of their own.
    clip_norm
        Largest norm of all gradients together, or None.
    clip_value
        Largest element of a gradient, or None.
    skip_nonfinite
        A step whose loss or gradients are not finite changes nothing.
    """

    optimizer: Choice
    schedule: Choice
    groups: tuple[Group, ...]
    clip_norm: float | None
    clip_value: float | None
    skip_nonfinite: bool


def make_rules(
    optimizer: str,
    learning_rate: float | None = None,
    schedule: str = "constant",
    groups: Given | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    *,
    skip_nonfinite: bool = True,
) -> Rules:
    """Read and check everything that `export_training` is told about a step; see there.

    Raises
    ------
    DeclarationError
        For whatever does not exist, is not allowed or contradicts itself.
    """
    chosen = choose("optimizer", optimizer, {name: row.options for name, row in OPTIMIZERS.items()})
    if wrong := check_optimizer(chosen):
        raise DeclarationError(f"the optimizer '{optimizer}' contradicts itself", wrong)
    planned = choose("schedule", schedule, {name: row.options for name, row in SCHEDULES.items()})
    rate = _base_rate(chosen, planned, learning_rate, given="learning_rate=" in optimizer)
    if moves_momentum(planned) and OPTIMIZERS[chosen.name].momentum == "momentum" and chosen["momentum"] == 0:
        raise DeclarationError(
            f"the schedule '{planned.name}' moves the momentum, and '{chosen.name}' is without one",
            "write 'sgd momentum=0.9', or cycle_momentum=false behind the schedule",
        )
    limits = {"clip_norm": clip_norm, "clip_value": clip_value}
    checked = {key: None if value is None else check_option(key, value, positive(None)) for key, value in limits.items()}
    chosen = Choice(chosen.name, {**chosen.options, "learning_rate": rate})
    return Rules(chosen, planned, read_groups(groups), checked["clip_norm"], checked["clip_value"], bool(skip_nonfinite))


def _base_rate(optimizer: Choice, schedule: Choice, learning_rate: float | None, *, given: bool) -> float:
    if learning_rate is not None and given:
        raise DeclarationError("learning_rate is given twice", "leave one of them out")
    own = first_rate(schedule)
    if own is None:
        rate: float = optimizer["learning_rate"]
        return rate if learning_rate is None else float(check_option("learning_rate", learning_rate, positive(None)))
    if learning_rate is not None or given:
        raise DeclarationError(
            f"the schedule '{schedule.name}' brings its learning rates with it",
            "leave learning_rate out; the first rate is max_learning_rate / div_factor",
        )
    return own
