"""What a training keeps between steps: named tensors, each with a role, in the order in which the file has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .dtypes import name_of
from .errors import ExportError

#: The child of a network under whose name our own tensors stand beside its weights; a network may not have such a child.
OWN = "trainer"

STEP = f"{OWN}.step"
RATE = f"{OWN}.learning_rate"
LAST_RATE = f"{OWN}.last_learning_rate"
SEED = f"{OWN}.seed"

#: Every tensor begins at a multiple of this many bytes in the file.
ALIGNMENT = 64


@dataclass(frozen=True)
class StateTensor:
    """One tensor of the state with its value before the first step.

    Attributes
    ----------
    name
        As in ``state_dict`` for weights and buffers; ours begin with ``trainer.``.
    role
        ``parameter``, ``buffer``, ``moment``, ``counter`` or ``setting``.
    value
        The value, contiguous.
    """

    name: str
    role: str
    value: Tensor

    def to_dict(self, offset: int) -> dict[str, Any]:
        """Return the JSON object of the contract."""
        return {
            "name": self.name,
            "dtype": name_of(self.value),
            "shape": list(self.value.shape),
            "offset": offset,
            "role": self.role,
        }


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


def offsets(state: Sequence[StateTensor]) -> list[int]:
    """Return where each tensor begins in the member with all values."""
    found, end = [], 0
    for item in state:
        begin = -(-end // ALIGNMENT) * ALIGNMENT
        found.append(begin)
        end = begin + item.value.numel() * item.value.element_size()
    return found


def to_bytes(state: Sequence[StateTensor]) -> bytes:
    """Return the member with all values, one after the other."""
    content = bytearray()
    for item, begin in zip(state, offsets(state), strict=True):
        content += bytes(begin - len(content))
        content += item.value.reshape(-1).view(torch.uint8).numpy().tobytes()
    return bytes(content)


class Entry(torch.nn.Module):
    """A traced function as a module whose state tensors are buffers with the names of the contract.

    Its forward takes the inputs, runs the graph on state and inputs, puts the new values of the state into their places, and
    returns what is left.
    """

    def __init__(
        self, graph: Callable[..., Any], state: Mapping[str, Tensor], reads: Sequence[str], writes: Sequence[str]
    ) -> None:
        super().__init__()
        self.graph, self.reads, self.writes = graph, tuple(reads), tuple(writes)
        for name in reads:
            _register(self, name, state[name].clone())

    def forward(self, *tensors: Tensor) -> Any:
        """Run on the inputs; results of the graph are first what is returned, then the new values of ``writes``."""
        results = self.graph(*(self.get_buffer(name) for name in self.reads), *tensors)
        first_new = len(results) - len(self.writes)
        for name, value in zip(self.writes, results[first_new:], strict=True):
            self.get_buffer(name).copy_(value)
        return results[:first_new]


def _register(root: torch.nn.Module, name: str, value: Tensor) -> None:
    *path, last = name.split(".")
    for part in path:
        child = dict(root.named_children()).get(part)
        if child is None:
            child = torch.nn.Module()
            root.add_module(part, child)
        root = child
    root.register_buffer(last, value)
