"""The contract of a training package: that of a model, and what a step needs beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import SpecError
from .package import SPEC, read_member
from .spec import Spec, TensorSpec
from .variants import Weight

#: The variants of a training package.
STEP, EVALUATE, MODEL = "step", "evaluate", "model"


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


def read_training_spec(path: str | os.PathLike[str]) -> TrainingSpec:
    """Return the contract of a training package.

    Raises
    ------
    SpecError
        When the file has none, or one that is not of a training package.
    """
    text = read_member(path, SPEC)
    if text is None:
        raise SpecError(f"{path} carries no spec")
    common = Spec.from_json(text)
    if common.kind != "training":
        raise SpecError(f"{path} is no training package", "pt2ts export-training makes one")
    try:
        data = json.loads(text)
        return TrainingSpec(
            **vars(common),
            targets=tuple(TensorSpec.from_dict(item) for item in data["targets"]),
            state=tuple(StateEntry.from_dict(item) for item in data["state"]),
            training=dict(data["training"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise SpecError(f"the spec cannot be read ({type(error).__name__}: {error})") from error
