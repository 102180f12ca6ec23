"""The contract of a training package: that of a model, and what a step needs beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .spec import Spec, TensorSpec
from .variants import Weight

#: The functions of a training package: a variant has such a name, or it and what the form is for: ``step_small``.
STEP, EVALUATE, MODEL = "step", "evaluate", "model"


def is_form_of(variant: str, function: str) -> bool:
    """Return whether a variant of this name computes a function of a training package."""
    return variant == function or variant.startswith(function + "_")


@dataclass(frozen=True)
class StateEntry:
    """Where one tensor of the state lies in the member with all values, and what it is; see `StateTensor`."""

    place: Weight
    role: str

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        data = self.place.to_dict()
        del data["parameter"]
        return data | {"role": self.role}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> StateEntry:
        """Read the JSON object."""
        return StateEntry(Weight.from_dict({**data, "parameter": data["role"] == "parameter"}), str(data["role"]))


@dataclass(frozen=True)
class TrainingSpec(Spec):
    """The whole contract of a training package.

    Attributes
    ----------
    targets
        What a step takes beside the inputs.
    state
        All tensors that a training keeps; those of the network are in ``weights`` too.
    training
        How it learns, for people: loss, optimizer, schedule, clipping, what is skipped.
    """

    targets: tuple[TensorSpec, ...] = ()
    state: tuple[StateEntry, ...] = ()
    training: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object of the spec."""
        return super().to_dict() | {
            "targets": [tensor.to_dict() for tensor in self.targets],
            "state": [entry.to_dict() for entry in self.state],
            "training": dict(self.training or {}),
        }
