"""Running a training package in Python, to check it; a Fortran program needs none of this."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .check import TOLERANCE, Check, Note, difference, exceeds, ignore
from .dtypes import name_of
from .errors import CheckError
from .package import WEIGHTS, read_members, unpack_weights
from .training_schedules import turning_points
from .training_spec import EVALUATE, MODEL, STEP, read_training_spec
from .training_state import OWN, RATE, slot_name
from .training_state import STEP as COUNT
from .training_step import Step

#: Steps that are compared with those of the functions that were compiled.
_STEPS = 3

#: Rounding of many sums; a wrong formula is off by far more.
_SLACK = 20.0

#: Below this part of the largest gradient the optimizer may turn rounding into a step of full size.
_NEGLIGIBLE = 1e-3


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


def check_training(path: Path, step: Step, trials: Sequence[Sequence[Tensor]], note: Note = ignore) -> None:
    """Compare the compiled entries with the functions they were made of, step by step.

    After the first steps come those at which the schedule turns, and one in which weight decay is seen beside the gradients.
    Each step starts from the same state for both. A weight whose gradient is zero but for rounding, as a bias before batch
    normalization has, is moved by Adam in a direction that nobody can tell; what that does to the next step is no mistake.

    Parameters
    ----------
    path
        The written file.
    step
        The functions.
    trials
        Inputs and targets, with several sizes.
    note
        Called with every comparison that was passed.

    Raises
    ------
    CheckError
        When they disagree.
    """
    for tensors in trials:
        sizes = ", ".join(str(list(tensor.shape)) for tensor in tensors)
        trainer = Trainer(path)
        state = {name: value.clone() for name, value in trainer.state.items()}
        for number in range(1, _STEPS + 1):
            outputs = step.outputs(state, tensors[: step.n_inputs])
            pairs = [("the loss of evaluate", step.evaluate(state, tensors), trainer.evaluate(*tensors))]
            pairs += [
                ("an output", want, have) for want, have in zip(outputs, trainer.run_model(*tensors[: step.n_inputs]), strict=True)
            ]
            pairs += [("the loss", *_take(trainer, state, step, tensors))]
            for what, want, have in pairs:
                if want.shape != have.shape or _differs(want, have):
                    raise CheckError(f"the compiled step disagrees with the module on {sizes}: {what} of step {number} differs")
                note(Check(f"step {number}", sizes, what, difference(want.detach(), have), None))
            _compare(trainer, state, step, (f"step {number}", sizes), note)
        if tensors is trials[0]:
            for turn in turning_points(step.rules.schedule):
                _set(trainer, state, {COUNT: torch.tensor(turn)})
                _take(trainer, state, step, tensors)
                _compare(trainer, state, step, (f"step {turn + 1}", sizes), note)
            _check_decay(trainer, state, step, tensors, note)


def _take(trainer: Trainer, state: dict[str, Tensor], step: Step, tensors: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Take a step in both; return both losses."""
    loss, new = step.step(state, tensors)
    state |= {name: value.detach().clone() for name, value in new.items()}
    return loss, trainer.step(*tensors)


def _set(trainer: Trainer, state: dict[str, Tensor], values: Mapping[str, Tensor]) -> None:
    """Put values into both states."""
    for name, value in values.items():
        state[name] = value.to(state[name].dtype).expand(state[name].shape).clone()
        trainer.state[name].copy_(state[name])


def _compare(trainer: Trainer, state: Mapping[str, Tensor], step: Step, case: tuple[str, str], note: Note) -> None:
    """Compare the states after a step, and go on from equal ones."""
    _compare_state(state, trainer.state, step, f"{case[1]}: after {case[0]}")
    gaps = {name: difference(value, trainer.state[name]) for name, value in state.items()}
    note(Check(f"state after {case[0]}", case[1], *max(gaps.items(), key=lambda item: item[1]), None))
    for name, value in state.items():
        trainer.state[name].copy_(value)


def _check_decay(trainer: Trainer, state: dict[str, Tensor], step: Step, tensors: Sequence[Tensor], note: Note) -> None:
    """Compare a step in which weight decay is as large as a weight: in an ordinary one it hides behind the rounding of gradients.

    The rate is made so high that the strongest decay halves a weight, and the second moments so large that AdamW does nothing else.
    Adam's decay is part of its gradients, and compared with them.
    """
    strongest = max(step.shares[name] * choice["weight_decay"] for name, choice in step.choices.items())
    if strongest == 0 or step.rules.optimizer.name == "adam":
        return
    whole = step.rules.schedule.options.get("warmup_steps", 0)  # then the rate is never zero
    loud: dict[str, Tensor] = {COUNT: torch.tensor(whole)}
    for name in step.trained:
        for slot in ("exp_avg_sq", "max_exp_avg_sq"):
            if slot_name(slot, name) in state:
                loud[slot_name(slot, name)] = torch.tensor(torch.finfo(state[name].dtype).max ** 0.75, dtype=state[name].dtype)
    _set(trainer, state, loud)
    _set(trainer, state, {RATE: 0.5 / strongest * state[RATE] / step.rate(state, 1.0)})
    before = {name: state[name].clone() for name in step.trained}
    _take(trainer, state, step, tensors)
    sizes = ", ".join(str(list(tensor.shape)) for tensor in tensors)
    moved = max(float((state[name] - before[name]).abs().max()) for name in step.trained if before[name].numel())
    for name, value in before.items():
        allowed = _SLACK * TOLERANCE.get(name_of(value), 0.0) * max(moved, float(value.abs().max()) if value.numel() else 0.0)
        gap = difference(state[name], trainer.state[name])
        if gap > allowed:
            raise CheckError(f"the compiled step disagrees with the module on {sizes}: the decay of '{name}' differs by {gap:.3g}")
        note(Check("weight decay", sizes, name, gap, allowed))


def _differs(want: Tensor, have: Tensor) -> bool:
    tolerance = _SLACK * TOLERANCE.get(name_of(want), 0.0)
    return exceeds(want, have) and not torch.allclose(want, have, rtol=tolerance, atol=tolerance, equal_nan=True)


def _compare_state(want: Mapping[str, Tensor], have: Mapping[str, Tensor], step: Step, when: str) -> None:
    gradients = {name: _gradient_size(want, name) for name in step.trained}
    largest = max((float(value.max()) for value in gradients.values() if value is not None and value.numel()), default=0.0)
    before = {RATE: want[RATE], COUNT: (want[COUNT] - 1).clamp(min=0)}
    for name, value in want.items():
        if value.numel() == 0:
            continue
        allowed = _SLACK * TOLERANCE.get(name_of(value), 0.0) * (value.abs().double() + _scale(want, name))
        if name in gradients:
            reach = float(step.rate(before, step.shares[name]))
            size = gradients[name]
            small = torch.zeros_like(value, dtype=torch.bool) if size is None else size <= _NEGLIGIBLE * largest
            allowed = allowed + torch.where(small, 2.0, 1e-2 if value.dtype == torch.float32 else 1e-6) * reach
        gap = (value.double() - have[name].double()).abs()
        if not bool((gap <= allowed).all()) and not bool(value.isnan().any()):
            found = f"'{name}' differs by {float(gap.max()):.3g}"
            raise CheckError(f"the compiled step disagrees with the module on {when} {found}")


def _gradient_size(state: Mapping[str, Tensor], weight: str) -> Tensor | None:
    moment = state.get(f"{OWN}.exp_avg.{weight}")
    return None if moment is None else moment.abs()


def _scale(state: Mapping[str, Tensor], name: str) -> float:
    """Return the largest value among the tensors of the same kind: rounding of sums grows with them."""
    kind = ".".join(name.split(".")[:2]) if name.startswith(f"{OWN}.") else None
    alike = [value for key, value in state.items() if kind is not None and key.startswith(f"{kind}.") and value.numel()]
    return max((float(value.abs().max()) for value in alike), default=float(state[name].abs().max())) or math.ulp(1.0)
