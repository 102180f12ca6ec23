"""The contract of a training package: that of a model, and what a step needs beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch

from .dtypes import DTYPES
from .spec import Spec, TensorSpec
from .variants import Weight

#: The functions of a training package: a variant has such a name, or it and what the form is for: ``step_small``.
STEP, EVALUATE, MODEL = "step", "evaluate", "model"

#: The two halves of a step, where they were asked for.
GRADIENTS, APPLY = "gradients", "apply"


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
class ExchangeTensor:
    """A flat tensor in which the first half of a step passes something on to the second.

    Attributes
    ----------
    name, dtype, elements
        What the code calls it, and its size.
    role
        ``gradient``, ``buffer`` (what forward wrote into buffers) or ``loss``.
    """

    name: str
    dtype: str
    elements: int
    role: str


@dataclass(frozen=True)
class ExchangePart:
    """Where the gradient of a weight, or the new value of a buffer, begins in such a tensor; row-major."""

    name: str
    tensor: str
    offset: int


@dataclass(frozen=True)
class Exchange:
    """All that passes between the halves of a step."""

    tensors: tuple[ExchangeTensor, ...]
    parts: tuple[ExchangePart, ...]

    def zeros(self) -> dict[str, torch.Tensor]:
        """Return the tensors by name."""
        return {item.name: torch.zeros(item.elements, dtype=DTYPES[item.dtype]) for item in self.tensors}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Exchange:
        """Read the JSON object."""
        tensors = tuple(ExchangeTensor(**item) for item in data["tensors"])
        return Exchange(tensors, tuple(ExchangePart(**item) for item in data["parts"]))


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
    exchange
        What passes between the halves of a step, None where there are none.
    """

    targets: tuple[TensorSpec, ...] = ()
    state: tuple[StateEntry, ...] = ()
    training: Mapping[str, Any] | None = None
    exchange: Exchange | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object of the spec."""
        return super().to_dict() | {
            "targets": [tensor.to_dict() for tensor in self.targets],
            "state": [entry.to_dict() for entry in self.state],
            "training": dict(self.training or {}),
            **({} if self.exchange is None else {"exchange": asdict(self.exchange)}),
        }
