"""The functions of a training that are compiled: which tensors of the state each reads and writes, and what it computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from ..contract.training import APPLY, EVALUATE, GRADIENTS, MODEL, STEP
from .halves import Halves
from .state import SEED
from .state import STEP as COUNT
from .step import State, Step

Tensors = Sequence[Tensor]


@dataclass(frozen=True)
class Function:
    """What is compiled: the tensors of the state that it reads and writes, and what it computes of them and what is given."""

    reads: list[str]
    writes: list[str]
    compute: Callable[[dict[str, Tensor], Tensors], list[Tensor]]

    def flat(self, *all_of_them: Tensor) -> list[Tensor]:
        """Compute, the tensors that are read before those that are given."""
        count = len(self.reads)
        return self.compute(dict(zip(self.reads, all_of_them[:count], strict=True)), all_of_them[count:])


def functions_of(step: Step, state: State, tensors: Tensors, halves: Halves | None) -> tuple[dict[str, Function], State]:
    """Return the functions by name, and the values of all tensors that they read and write."""
    network = [*step.parameters, *step.buffers]
    functions = {
        STEP: _updating(list(state), list(step.step(state, tensors)[1]), step.step),
        EVALUATE: Function(network, [], lambda values, given: [step.evaluate(values, given)]),
        MODEL: Function(network, [], step.outputs),
    }
    if halves is None:
        return functions, state
    passed = halves.values()
    functions[GRADIENTS] = _updating([*network, SEED, COUNT], list(passed), halves.gradients)
    written = list(halves.apply(state | passed)[1])
    functions[APPLY] = _updating([*state, *passed], written, lambda values, _: halves.apply(values))
    return functions, state | passed


def _updating(
    reads: list[str], writes: list[str], compute: Callable[[Mapping[str, Tensor], Tensors], tuple[Tensor, Mapping[str, Tensor]]]
) -> Function:
    """Return a function that gives a loss and new values of tensors."""

    def results(state: dict[str, Tensor], given: Tensors) -> list[Tensor]:
        loss, new = compute(state, given)
        return [loss, *(new[name] for name in writes)]

    return Function(reads, writes, results)
