"""What a model of the course consists of: its training, its judgement and what is written for Fortran."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from torch import Tensor, nn

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Plan:
    """What the user asks of a training.

    Attributes
    ----------
    seed
        Of initial weights, order of samples, dropout and augmentation.
    epochs
        Passes over the training samples; None for as many as the lesson is tuned for.
    """

    seed: int = 0
    epochs: int | None = None


@dataclass(frozen=True)
class Measure:
    """One row of the result.

    Attributes
    ----------
    name, unit
        Of the number.
    value
        Ours, on samples held out.
    course
        What the course states.
    baseline
        What one gets without a network.
    goal
        What has to be reached: ``>= 0.95`` or ``<= 0.012``; empty where nothing has to.
    """

    name: str
    value: float
    course: float | None = None
    baseline: float | None = None
    goal: str = ""
    unit: str = ""

    @property
    def reached(self) -> bool:
        """Whether the goal is reached."""
        if not self.goal:
            return True
        sign, bound = self.goal.split()
        return self.value >= float(bound) if sign == ">=" else self.value <= float(bound)


@dataclass(frozen=True)
class Outcome:
    """What a training gives.

    Attributes
    ----------
    measures
        The result table.
    figures
        Name to a function that draws; each becomes ``LESSON-NAME.png``.
    module, example, inputs, outputs
        What is exported, with raw data in and answers out, and its declarations.
    files
        Samples for programs of your own: name to content.
    export
        Writes the model file itself, where a lesson has code of its own for that.
    note
        How the training ended.
    """

    measures: Sequence[Measure]
    figures: Mapping[str, Callable[[], Figure]]
    module: nn.Module | None = None
    example: Sequence[Tensor] = ()
    inputs: Sequence[str] = ()
    outputs: Sequence[str] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    export: Callable[[Path], Any] | None = None
    note: str = ""


class Lesson(Protocol):
    """A module of this package with a function ``learn``."""

    def learn(self, plan: Plan) -> Outcome:
        """Train and judge."""
        ...
