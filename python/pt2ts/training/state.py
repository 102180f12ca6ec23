"""What a training keeps between steps: named tensors, each with a role, in the order in which the file has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import ExportError

#: The child of a network under whose name our own tensors stand beside its weights; a network may not have such a child.
OWN = "trainer"

STEP = f"{OWN}.step"
RATE = f"{OWN}.learning_rate"
LAST_RATE = f"{OWN}.last_learning_rate"
SEED = f"{OWN}.seed"

#: The loss on its way from the first half of a step to the second.
LOSS = f"{OWN}.loss"


@dataclass(frozen=True)
class StateTensor:
    """One tensor of the state with its value before the first step.

    Attributes
    ----------
    name
        As in ``state_dict`` for weights and buffers; ours begin with ``trainer.``.
    role
        ``parameter`` or ``buffer`` of the network, ``moment`` of the optimizer, ``counter``, ``setting`` of the user's, or
        ``constant``: a tensor that the network has in its code.
    value
        The value, contiguous.
    """

    name: str
    role: str
    value: Tensor


def initial_state(
    module: torch.nn.Module, slots: Mapping[str, Sequence[str]], learning_rate: float, seed: int
) -> tuple[StateTensor, ...]:
    """Return the state before the first step.

    Parameters
    ----------
    module
        The network.
    slots
        For each weight that is trained, by name, the names of what the optimizer remembers for it.
    learning_rate
        The base rate.
    seed
        Where the random numbers of dropout start.
    """
    if any(name == OWN for name, _ in module.named_children()):
        raise ExportError(f"the network has a part called '{OWN}', under which the training keeps its own tensors", "rename it")
    made = [StateTensor(name, "parameter", _plain(value)) for name, value in module.named_parameters()]
    made += [StateTensor(name, "buffer", _plain(value)) for name, value in module.named_buffers()]
    for name, value in module.named_parameters():
        made += [StateTensor(slot_name(slot, name), "moment", torch.zeros_like(_plain(value))) for slot in slots.get(name, ())]
    rate = torch.tensor(learning_rate, dtype=torch.float64)
    return (
        *made,
        StateTensor(STEP, "counter", torch.tensor(0, dtype=torch.int64)),
        StateTensor(LAST_RATE, "counter", torch.zeros_like(rate)),
        StateTensor(RATE, "setting", rate),
        StateTensor(SEED, "setting", torch.tensor(seed, dtype=torch.int64)),
    )


def slot_name(slot: str, weight: str) -> str:
    """Return the name of what an optimizer remembers for a weight."""
    return f"{OWN}.{slot}.{weight}"


def _plain(value: Tensor) -> Tensor:
    return value.detach().cpu().clone(memory_format=torch.contiguous_format)


class Entry(torch.nn.Module):
    """A traced function as a module whose state tensors are buffers with the names of the contract.

    Its forward takes the inputs, runs the graph on state and inputs, puts the new values of the state into their places, and
    returns what is left.

    Parameters
    ----------
    name
        What the entry is called. Constants of its graph get names from it.
    graph
        Takes the tensors of ``reads`` and then the inputs; returns results and then the new values of ``writes``.
    state
        Values by name.
    reads, writes
        Names; what is written need not be read.
    """

    def __init__(
        self, name: str, graph: torch.fx.GraphModule, state: Mapping[str, Tensor], reads: Sequence[str], writes: Sequence[str]
    ) -> None:
        super().__init__()
        self.child, self.reads, self.writes = constants_of(name), tuple(reads), tuple(writes)
        self.add_module(self.child, graph)
        for item in dict.fromkeys((*reads, *writes)):
            _register(self, item, state[item].clone())

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Run on the inputs."""
        results = self.get_submodule(self.child)(*(self.get_buffer(name) for name in self.reads), *tensors)
        first_new = len(results) - len(self.writes)
        for name, value in zip(self.writes, results[first_new:], strict=True):
            self.get_buffer(name).copy_(value)
        return tuple(results[:first_new])


def constants_of(entry: str) -> str:
    """Return the first part of the names of tensors that stand in the code of the network."""
    return f"{OWN}_{entry}"


def _register(root: torch.nn.Module, name: str, value: Tensor) -> None:
    *path, last = name.split(".")
    for part in path:
        child = dict(root.named_children()).get(part)
        if child is None:
            child = torch.nn.Module()
            root.add_module(part, child)
        root = child
    root.register_buffer(last, value)
