"""Whether a compiled step of training is the step of ``torch.optim``: both from the same state, several times over.

What is compared is how far a step moves each number. That is small beside the number itself, so a limit that goes by the number's
size would pass a step that does nothing. How far rounding may take a step apart is measured: the gradients of the module in float64
tell how wrong those in its own precision are, and ``torch.optim`` what so much more or less makes of the step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from ..contract.tolerance import Noise, worst
from ..contract.training import MODEL
from ..errors import CheckError
from ..report import Check, passed
from ..runtime.fresh import loaded, loaded_trainer
from .reference import StepReference
from .run import Trainer
from .schedules import turning_points
from .state import RATE, slot_name
from .state import STEP as COUNT
from .step import Backward, Step

#: Steps that are compared from the first one on.
_STEPS = 3

#: Part of the largest movement in a tensor by which each of its numbers may move otherwise.
_PART = {torch.float64: 1e-9, torch.float32: 1e-4, torch.bfloat16: 5e-2, torch.float16: 5e-3}

#: The gradients of the file may be this many times further from exact ones than those of the module.
_NOISE = 8.0

#: Spacings of its dtype that a number may be off for being rounded when it is stored.
_SPACINGS = 4.0


#: No weight is moved further than this to see another one move.
_FAR = 1e15


class Runs(Protocol):
    """A trainer that can be put into any state."""

    def step(self, tensors: Sequence[Tensor], n_inputs: int) -> float:
        """Take a step; return the loss before it."""

    def evaluate(self, tensors: Sequence[Tensor], n_inputs: int) -> float:
        """Return the loss in evaluation mode."""

    def state(self) -> dict[str, Tensor]:
        """Return the state."""

    def set_state(self, values: Mapping[str, Tensor]) -> None:
        """Put values into the state."""


class RunsHalves(Runs, Protocol):
    """One that takes steps in two halves as well."""

    def gradients(self, tensors: Sequence[Tensor], n_inputs: int) -> float:
        """Take the first half of a step; return the loss."""

    def apply(self) -> float:
        """Take the second half; return the loss that was passed on, NaN for a step that is skipped."""


class InHalves:
    """A trainer whose steps are two halves.

    Parameters
    ----------
    trainer
        What takes them.
    """

    def __init__(self, trainer: RunsHalves) -> None:
        self.trainer = trainer
        self.evaluate, self.state = trainer.evaluate, trainer.state
        self.given: Mapping[str, Tensor] = {}
        self.seen: set[tuple[torch.Size, ...]] = set()

    def set_state(self, values: Mapping[str, Tensor]) -> None:
        """Put values into the state."""
        self.given = values
        self.trainer.set_state(values)

    def step(self, tensors: Sequence[Tensor], n_inputs: int) -> float:
        """Take both halves of a step; the first one must change nothing of the state that was set."""
        loss = self.trainer.gradients(tensors, n_inputs)
        sizes = tuple(tensor.shape for tensor in tensors)
        if sizes not in self.seen:  # reading all of the state takes its time
            self.seen.add(sizes)
            for name, value in self.state().items():
                if not torch.equal(value.nan_to_num(), self.given[name].nan_to_num()):
                    raise CheckError(f"the compiled first half of a step changes '{name}'")
        applied = self.trainer.apply()
        if not math.isnan(applied) and applied != loss:
            raise CheckError(f"the halves of the compiled step have two losses: {loss:.6g} and {applied:.6g}")
        return applied


def check_training(
    path: Path,
    step: Step,
    trials: Sequence[Sequence[Tensor]],
    tolerance: float | None = None,
    *,
    halves: bool = False,
    device: str = "cpu",
) -> None:
    """Compare a written training package, which runs in a fresh process, with the module and ``torch.optim``.

    After the first steps come those at which the schedule turns, one that is so large that every weight is seen to move, and one
    in which weight decay is seen beside the gradients. Each step starts from the same state for both. A weight whose gradient is
    zero but for rounding, as a bias before batch normalization has, is moved by Adam in a direction that nobody can tell: it is
    not compared.

    Parameters
    ----------
    path
        The written file.
    step
        What was compiled.
    trials
        Inputs and targets, with several sizes.
    tolerance
        Part of the largest movement of a tensor by which each of its numbers may move otherwise; by dtype otherwise.
    halves
        Compare steps that are taken in two halves too.
    device
        Where the file's steps are taken.

    Raises
    ------
    CheckError
        When they disagree, or nothing could be compared.
    """
    with loaded_trainer(path, device) as trainer:
        start = trainer.state()
        StepCheck(trainer, step, tolerance).check(trials)
        if halves:
            trainer.set_state(start)
            StepCheck(InHalves(trainer), step, tolerance, "step in halves").check(trials)
    _check_model(path, step, trials, device)


class StepCheck:
    """Compares a trainer with the reference.

    Parameters
    ----------
    trainer
        What is looked at.
    step, tolerance
        See `check_training`.
    called
        What a step is called in messages.
    """

    def __init__(self, trainer: Runs, step: Step, tolerance: float | None = None, called: str = "step") -> None:
        self.trainer, self.step, self.tolerance, self.called = trainer, step, tolerance, called
        self.own = StepReference(step)
        self.wide: StepReference | None = StepReference(step, wide=True)
        self.seen: set[str] = set()
        self.sizes = ""

    def check(self, trials: Sequence[Sequence[Tensor]]) -> None:
        """Make all comparisons."""
        start = self.trainer.state()
        for tensors in trials:
            self.sizes = ", ".join(str(list(tensor.shape)) for tensor in tensors)
            state = dict(start)
            for number in range(1, _STEPS + 1):
                state = self.compare(state, tensors, f"{self.called} {number}")
            if tensors is trials[0]:
                self._check_large(state, tensors)
                for turn in turning_points(self.step.rules.schedule):
                    state = self.compare(state | {COUNT: torch.tensor(turn)}, tensors, f"{self.called} {turn + 1}")
                self.check_decay(state, tensors)
        self._require_seen()

    def compare(self, state: Mapping[str, Tensor], tensors: Sequence[Tensor], case: str, what: str = "") -> dict[str, Tensor]:
        """Take a step in both from a state; return the state after it."""
        self.trainer.set_state(state)
        n_inputs = self.step.n_inputs
        own, wide = self.own.backward(state, tensors), self._wide(state, tensors)
        self._compare_loss(
            "the loss of evaluate", self.step.evaluate(state, tensors), self.trainer.evaluate(tensors, n_inputs), own, wide, case
        )
        loss = self.trainer.step(tensors, n_inputs)
        want = self.own.update(state, own)
        nothing = self.step.rules.skip_nonfinite and want[COUNT] is state[COUNT]
        self._compare_loss("the loss", torch.tensor(math.nan) if nothing else own.loss, loss, own, wide, case)
        around = self._around(state, own, wide, self._nudged(state, tensors, own))
        rows = [
            self._compare_tensor(name, state[name], want[name], have, [others[name] for others in around], what or f"after {case}")
            for name, have in self.trainer.state().items()
        ]
        passed(
            Check(
                f"state after {case}" if not what else case,
                self.sizes,
                *max(rows, key=lambda row: row[1] / row[2] if row[2] else row[1]),
            )
        )
        return {name: value.to(state[name].dtype) for name, value in want.items()}

    def _wide(self, state: Mapping[str, Tensor], tensors: Sequence[Tensor]) -> Backward | None:
        if self.wide is None:
            return None
        try:
            return self.wide.backward(state, tensors)
        except Exception:  # noqa: BLE001 - the user's code may insist on its dtype: then there is no yardstick
            self.wide = None
            return None

    def _nudged(self, state: Mapping[str, Tensor], tensors: Sequence[Tensor], own: Backward) -> list[Backward]:
        """Return the gradients for inputs that are an ulp away: how well float64 knows its own, which nothing wider tells."""
        if not any(gradient.dtype is torch.float64 for gradient in own.gradients.values()):
            return []
        ends = [[_towards(tensor, end) for tensor in tensors] for end in (-math.inf, math.inf)]
        return [self.own.backward(state, end) for end in ends]

    def _around(
        self, state: Mapping[str, Tensor], own: Backward, wide: Backward | None, nudged: Sequence[Backward]
    ) -> list[dict[str, Tensor]]:
        """Return what ``torch.optim`` makes of gradients a little smaller and larger, where all rounding lies between."""
        reference, base = (self.own, own) if wide is None or self.wide is None else (self.wide, wide)
        noise = {}
        # What cancels leaves the rounding of what was added up, which is as large as gradients elsewhere in the network.
        scale = max((_magnitude(gradient) for gradient in own.gradients.values()), default=0.0)
        for name, gradient in own.gradients.items():
            if gradient.numel():
                others = [other.gradients[name].double() for other in (base, *nudged)]
                apart = max((gradient.double() - other).abs().nan_to_num(0.0, 0.0, 0.0).max() for other in others)
                noise[name] = _NOISE * (float(apart) + torch.finfo(gradient.dtype).eps * scale)
        return [reference.update(state, base, {name: sign * size for name, size in noise.items()}) for sign in (-1.0, 0.0, 1.0)]

    def _compare_loss(self, what: str, want: Tensor, have: float, own: Backward, wide: Backward | None, case: str) -> None:
        apart = None if wide is None else (own.loss.double() - wide.loss.double()).abs().nan_to_num(0.0)
        gap, allowed = worst(
            want.reshape(1),
            torch.tensor([have], dtype=torch.float64).to(want.dtype),
            rounding=None if apart is None else Noise(apart.reshape(1), by_place=False),
        )
        if gap > allowed:
            raise CheckError(
                f"the compiled {self.called} disagrees with the module on {self.sizes}: {what} of {case} differs: {have:.6g}, "
                f"not {float(want):.6g}"
            )
        passed(Check(case, self.sizes, what, gap, allowed, "not compared: NaN on both sides" if bool(want.isnan()) else ""))

    def _compare_tensor(
        self, name: str, old: Tensor, want: Tensor, have: Tensor, around: Sequence[Tensor], when: str
    ) -> tuple[str, float, float]:
        """Compare how far one tensor of the state moved; return its name, its largest difference and what is allowed there."""
        if not old.is_floating_point():
            if not torch.equal(want, have):
                raise self._fault(name, when, f"differs: {_shown(have)}, not {_shown(want)}")
            return name, 0.0, 0.0
        if not old.numel():
            return name, 0.0, 0.0
        if have.shape != want.shape or bool((have.isfinite() != want.isfinite()).any()):
            count = int((have.isfinite() != want.isfinite()).sum()) if have.shape == want.shape else have.numel()
            raise self._fault(name, when, f"differs: {count} of {have.numel()} numbers are NaN or infinite on one side only")
        real = want.isfinite()
        before, mine, theirs = (torch.where(real, value.double(), 0.0) for value in (old, have, want))
        hull = torch.stack([theirs, *(torch.where(real, value.double(), theirs) for value in around)])
        low, high = hull.min(0).values, hull.max(0).values
        largest = float((theirs - before).abs().max())
        spacing = torch.finfo(old.dtype).eps * torch.maximum(before.abs(), theirs.abs())
        part = _PART[old.dtype] if self.tolerance is None else self.tolerance
        margin = part * largest + _SPACINGS * spacing + (high - low)
        excess = torch.maximum(low - mine, mine - high) - margin
        gaps = (mine - theirs).abs()
        if bool((excess > 0).any()):
            raise self._fault(name, when, f"differs by {float(gaps.max()):.3g}{_how(before, mine, theirs)}")
        if bool(((high - low + margin) < 0.5 * (theirs - before).abs()).any()):
            self.seen.add(name)
        at = int((gaps / margin.clamp(min=1e-300)).argmax())
        return name, float(gaps.flatten()[at]), float(margin.flatten()[at])

    def _fault(self, name: str, when: str, how: str) -> CheckError:
        subject = f"{when} '{name}'" if when.startswith("after") else f"{when} of '{name}'"
        return CheckError(f"the compiled {self.called} disagrees with torch.optim on {self.sizes}: {subject} {how}")

    def _check_large(self, state: Mapping[str, Tensor], tensors: Sequence[Tensor]) -> None:
        """Compare a step whose rate is so high that weights are seen to move that an ordinary step leaves as they were stored."""
        wide = self._wide(state, tensors)
        if wide is not None and self.wide is not None:  # which knows a movement that is lost when it is stored
            new = self.wide.update(state, wide)
        else:
            new = self.own.update(state, self.own.backward(state, tensors))
        ratios, furthest = [0.0], 0.0
        for name in self.step.trained:
            pair = (state[name], new[name].double() - state[name].double())
            size, moved = (float(value.abs().max()) if value.numel() else 0.0 for value in pair)
            if size > 0 and moved > 0 and math.isfinite(moved):
                ratios.append(size / moved)
                furthest = max(furthest, moved)
        factor = min(max(ratios) * 1e-2, _FAR / (furthest or _FAR))
        if factor > 1:
            self.compare(dict(state) | {RATE: state[RATE] * factor}, tensors, "a large step", "after a large step")

    def check_decay(self, state: Mapping[str, Tensor], tensors: Sequence[Tensor]) -> None:
        """Compare a step in which weight decay is as large as a weight: in an ordinary one it may hide behind rounding.

        The rate is made so high that the strongest decay halves a weight, and the second moments so large that AdamW does nothing
        else. Adam's decay is part of its gradients, and compared with them.
        """
        step = self.step
        strongest = max(step.shares[name] * choice["weight_decay"] for name, choice in step.choices.items())
        if strongest == 0 or step.rules.optimizer.name == "adam":
            return
        whole = step.rules.schedule.options.get("warmup_steps", 0)  # then the rate is never zero
        loud = dict(state) | {COUNT: torch.tensor(whole)}
        for name in step.trained:
            for slot in ("exp_avg_sq", "max_exp_avg_sq"):
                if (key := slot_name(slot, name)) in state:
                    loud[key] = torch.full_like(state[key], torch.finfo(state[key].dtype).max ** 0.75)
        loud[RATE] = 0.5 / strongest * loud[RATE] / step.rate(loud, 1.0)
        self.compare(loud, tensors, "weight decay", "the decay")

    def _require_seen(self) -> None:
        unseen = [name for name in self.step.trained if name not in self.seen]
        if len(unseen) == len(self.step.trained):
            raise CheckError(
                f"the compiled {self.called} could not be compared: on the examples no weight is moved further than rounding",
                "give examples on which the network learns: finite ones, with targets that it does not meet yet",
            )
        for name in unseen:
            passed(Check("not compared", self.sizes, name, 0.0, None, "its gradient on the examples is zero but for rounding"))


def _check_model(path: Path, step: Step, trials: Sequence[Sequence[Tensor]], device: str) -> None:
    """Compare the compiled outputs."""
    state = Trainer(path).state
    with loaded(path, device) as model:
        for tensors in trials:
            inputs = tensors[: step.n_inputs]
            for number, (want, have) in enumerate(zip(step.outputs(state, inputs), model.forward(inputs), strict=True), 1):
                gap, allowed = worst(want.detach(), have)
                if want.shape != have.shape or gap > allowed:
                    raise CheckError(f"the compiled '{MODEL}' disagrees with the module: output {number} differs by {gap:.3g}")
                passed(Check(MODEL, str(list(want.shape)), f"output {number}", gap, allowed))


def _magnitude(gradient: Tensor) -> float:
    """Return the largest finite number of a gradient."""
    return float(gradient.double().abs().nan_to_num(0.0, 0.0, 0.0).max()) if gradient.numel() else 0.0


def _towards(tensor: Tensor, end: float) -> Tensor:
    """Return the numbers next to those of a tensor."""
    return torch.nextafter(tensor, torch.full_like(tensor, end)) if tensor.is_floating_point() else tensor


def _how(before: Tensor, mine: Tensor, theirs: Tensor) -> str:
    """Return what a wrong movement looks like."""
    moved, wanted = mine - before, theirs - before
    if not bool(moved.any()):
        return ": it is not moved at all"
    if float(wanted.norm()) > 0 and float((moved * wanted).sum()) < -0.9 * float(moved.norm() * wanted.norm()):
        return ": it is moved in the opposite direction"
    return f": it is moved by up to {float(moved.abs().max()):.3g}, not {float(wanted.abs().max()):.3g}"


def _shown(tensor: Tensor) -> str:
    return str(tensor.item()) if tensor.numel() == 1 else str(list(tensor.shape))
