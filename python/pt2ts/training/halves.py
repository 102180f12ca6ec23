"""A step in two halves: gradients of a batch, and what the optimizer makes of them; ranks add them up in between.

What passes from one half to the other lies in few flat tensors, one for each dtype, since few large messages are what ranks send
best. The first half changes nothing else: buffers that forward writes into are passed on too, as a step that is skipped leaves
them as they were. Buffers that it only reads are not, for an average over ranks would round them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..contract.dtypes import name_of
from ..contract.training import Exchange, ExchangePart, ExchangeTensor
from ..errors import ExportError
from .state import LOSS, OWN
from .step import Backward, State, Step

#: MPI adds up no others; what is narrower is exact in the first one.
_WIDTHS = (torch.float32, torch.float64)


class Halves:
    """The functions that are compiled, and where what they pass on lies.

    Parameters
    ----------
    step
        The step that they are the halves of, after its first run.
    state
        Values of its state.
    tensors
        Examples of inputs and targets.

    Attributes
    ----------
    layout
        What the contract says.
    """

    def __init__(self, step: Step, state: Mapping[str, Tensor], tensors: Sequence[Tensor]) -> None:
        self.step, self.like = step, state
        for name in step.trained:
            if not state[name].is_floating_point():
                text = f"the weight '{name}' is {name_of(state[name])}: ranks exchange real gradients"
                raise ExportError(text, "export whole steps only, without halves")
        flats: list[ExchangeTensor] = []
        parts: list[ExchangePart] = []
        for role, word, names in (("gradient", "gradients", step.trained), ("buffer", "pending", _moving(step, state, tensors))):
            ends: dict[str, int] = {}
            for name in names:
                dtype = name_of(self._passed_on(state[name]))
                whole = f"{OWN}.{word}.{dtype}"
                start = ends.get(whole, 0)
                ends[whole] = start + state[name].numel()
                parts.append(ExchangePart(name, whole, start))
            flats += [ExchangeTensor(whole, whole.rpartition(".")[2], count, role) for whole, count in ends.items()]
        self.layout = Exchange((*flats, ExchangeTensor(LOSS, "float64", 1, "loss")), tuple(parts))

    def values(self) -> State:
        """Return the tensors that pass on what was found, before there is anything."""
        return self.layout.zeros()

    def gradients(self, state: Mapping[str, Tensor], tensors: Sequence[Tensor]) -> tuple[Tensor, State]:
        """Return the loss, and what the first half passes on."""
        found = self.step.backward(state, tensors)
        pieces: dict[str, list[Tensor]] = {}
        for part in self.layout.parts:
            value = found.gradients[part.name] if part.name in found.gradients else found.buffers[part.name]
            pieces.setdefault(part.tensor, []).append(self._passed_on(value).reshape(-1))
        passed = {name: torch.cat(values) for name, values in pieces.items()}
        return found.loss, passed | {LOSS: found.loss.double().reshape(1)}

    def apply(self, state: Mapping[str, Tensor]) -> tuple[Tensor, State]:
        """Return the loss that was passed on, NaN where the step is skipped, and all that the step changes."""
        gradients: State = {}
        buffers: State = {}
        for part in self.layout.parts:
            like = self.like[part.name]
            value = state[part.tensor][part.offset : part.offset + math.prod(like.shape)].view(like.shape).to(like.dtype)
            (gradients if part.name in self.step.trained else buffers)[part.name] = value
        return self.step.update(state, Backward(state[LOSS].reshape(()), gradients, buffers))

    @staticmethod
    def _passed_on(value: Tensor) -> Tensor:
        return value.to(_WIDTHS[0]) if value.is_floating_point() and value.dtype not in _WIDTHS else value


def _moving(step: Step, state: Mapping[str, Tensor], tensors: Sequence[Tensor]) -> list[str]:
    """Return the names of the buffers that forward writes into.

    It may write the old value by chance, as a running mean of centred inputs is zero: so it is asked about other values too.
    """
    found: set[str] = set()
    for shift in (0.0, 1.0):
        before = {name: state[name] + shift if state[name].is_floating_point() else state[name] for name in step.buffers}
        try:
            after = step.backward({**state, **before}, tensors).buffers
        except Exception:
            if not shift:
                raise
            continue  # the user's code does not bear other values: then the first answer holds
        found |= {name for name in step.buffers if not torch.equal(before[name], after[name])}
    return [name for name in step.buffers if name in found]
