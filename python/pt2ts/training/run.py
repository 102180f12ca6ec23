"""Running a training package in Python, to look at it; a Fortran program needs none of this."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from torch import Tensor

from ..container.package import WEIGHTS, read_members, read_training_spec, unpack_weights
from ..contract.samples import symbol_sizes
from ..contract.training import APPLY, EVALUATE, GRADIENTS, MODEL, STEP, is_form_of
from ..pytorch import inductor


class Trainer:
    """A training package that runs.

    Attributes
    ----------
    state
        All tensors of the state by name; the compiled code reads and writes these very tensors.
    exchange
        Those that pass from one half of a step to the other.
    """

    def __init__(self, path: Path) -> None:
        self.spec = read_training_spec(path)
        blob = read_members(path)[WEIGHTS]
        self.state = unpack_weights(blob, [entry.place for entry in self.spec.state])
        self.exchange = {} if self.spec.exchange is None else self.spec.exchange.zeros()
        self._entries = [(item, self._load(path, item.name)) for item in self.spec.variants if item.device in ("", "cpu")]

    def _load(self, path: Path, name: str) -> Callable[[Sequence[Tensor]], list[Tensor]]:
        loader = inductor.open_model(path, name)
        known = self.state | self.exchange
        inductor.share_constants(loader, {key: known[key] for key in inductor.constant_names(loader)})
        return lambda tensors: inductor.run(loader, tensors)

    def step(self, *tensors: Tensor) -> Tensor:
        """Take a step on inputs and targets; return the loss before it."""
        return self._run(STEP, tensors)[0]

    def gradients(self, *tensors: Tensor) -> Tensor:
        """Take the first half of a step; return the loss."""
        return self._run(GRADIENTS, tensors)[0]

    def apply(self) -> Tensor:
        """Take the second half of a step; return the loss that was passed on, NaN where the step is skipped."""
        return self._run(APPLY, ())[0]

    def evaluate(self, *tensors: Tensor) -> Tensor:
        """Return the loss in evaluation mode."""
        return self._run(EVALUATE, tensors)[0]

    def run_model(self, *inputs: Tensor) -> list[Tensor]:
        """Return the outputs in evaluation mode."""
        return self._run(MODEL, inputs)

    def _run(self, function: str, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Run the first form of a function that admits the sizes."""
        specs = (*self.spec.inputs, *self.spec.targets)[: len(tensors)]
        sizes = symbol_sizes(specs, tensors)
        run = next(run for variant, run in self._entries if is_form_of(variant.name, function) and variant.admits(sizes))
        return run(tensors)
