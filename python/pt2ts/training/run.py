"""Running a training package in Python, to look at it; a Fortran program needs none of this."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..container.package import WEIGHTS, read_members, read_training_spec, unpack_weights
from ..contract.training import EVALUATE, MODEL, STEP


class Trainer:
    """A training package that runs.

    Attributes
    ----------
    state
        All tensors of the state by name; the compiled code reads and writes these very tensors.
    """

    def __init__(self, path: Path) -> None:
        self.spec = read_training_spec(path)
        blob = read_members(path)[WEIGHTS]
        self.state = unpack_weights(blob, [entry.place for entry in self.spec.state])
        self._entries = {variant.name: self._load(path, variant.name) for variant in self.spec.variants}

    def _load(self, path: Path, name: str) -> Callable[[Sequence[Tensor]], list[Tensor]]:
        loader: Any = torch._C._aoti.AOTIModelPackageLoader(str(path), name, False, 1, -1)
        wanted = {key: self.state[key] for key in loader.get_constant_fqns()}
        loader.load_constants(wanted, False, True, True)
        return lambda tensors: list(loader.boxed_run(list(tensors)))

    def step(self, *tensors: Tensor) -> Tensor:
        """Take a step on inputs and targets; return the loss before it."""
        return self._entries[STEP](tensors)[0]

    def evaluate(self, *tensors: Tensor) -> Tensor:
        """Return the loss in evaluation mode."""
        return self._entries[EVALUATE](tensors)[0]

    def run_model(self, *inputs: Tensor) -> list[Tensor]:
        """Return the outputs in evaluation mode."""
        return self._entries[MODEL](inputs)
