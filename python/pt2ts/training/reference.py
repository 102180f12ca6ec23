"""What a step of training ought to do: the user's module, autograd and ``torch.optim``, one step at a time from any state."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .random import CountedDropout
from .schedules import scheduled_momentum
from .state import LAST_RATE, SEED, STEP, slot_name
from .step import Backward, Step

State = Mapping[str, Tensor]

_NARROW = (torch.float32, torch.float16, torch.bfloat16)

_CLASSES: dict[str, type[torch.optim.Optimizer]] = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


class StepReference:
    """The step in eager PyTorch. Nothing of it is what is compiled, but for the masks of dropout and the schedule's numbers.

    Parameters
    ----------
    step
        What was compiled.
    wide
        Compute in float64, whatever the module does.
    """

    def __init__(self, step: Step, *, wide: bool = False) -> None:
        self.step, self.wide = step, wide
        self.module = copy.deepcopy(step.training)
        if wide:
            self.module.double()

    def backward(self, state: State, tensors: Sequence[Tensor]) -> Backward:
        """Return loss and gradients at a state."""
        given = [self._as(tensor).clone() for tensor in tensors]
        parameters = dict(self.module.named_parameters())
        with torch.no_grad():
            for name, value in (*parameters.items(), *self.module.named_buffers()):
                value.copy_(state[name])
        for name, value in parameters.items():
            value.requires_grad_(name in self.step.trained)
            value.grad = None
        with torch.enable_grad(), CountedDropout(state[SEED], state[STEP]):
            loss = self.step.loss_of(self.module(*given[: self.step.n_inputs]), given)
            loss.backward()  # type: ignore[no-untyped-call]
        gradients = {name: value.grad.clone() for name, value in parameters.items() if value.grad is not None}
        return Backward(loss.detach(), gradients, {name: value.detach().clone() for name, value in self.module.named_buffers()})

    def update(self, state: State, found: Backward, nudge: Mapping[str, float] | None = None) -> dict[str, Tensor]:
        """Return the state after the step; ``nudge`` is added to the gradients, weight by weight."""
        numbers = [found.loss, *found.gradients.values()]
        if self.step.rules.skip_nonfinite and not all(bool(number.isfinite().all()) for number in numbers):
            return dict(state)
        weights = {name: self._as(state[name]).clone().requires_grad_() for name in found.gradients}
        for name, weight in weights.items():
            weight.grad = found.gradients[name] + (nudge or {}).get(name, 0.0)
        if self.step.rules.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(weights.values(), self.step.rules.clip_norm)
        if self.step.rules.clip_value is not None:
            torch.nn.utils.clip_grad_value_(weights.values(), self.step.rules.clip_value)
        optimizer = self._optimizer(state, weights)
        optimizer.step()
        new = dict(state) | found.buffers | {name: weight.detach() for name, weight in weights.items()}
        for name, weight in weights.items():
            new |= {slot_name(slot, name): value for slot, value in optimizer.state[weight].items() if slot != "step"}
        return new | {STEP: state[STEP] + 1, LAST_RATE: self.step.rate(state, 1.0).clone()}

    def _optimizer(self, state: State, weights: Mapping[str, Tensor]) -> torch.optim.Optimizer:
        """Return the optimizer as it is after the steps that a state has behind it."""
        done = state[STEP]
        momentum = scheduled_momentum(self.step.rules.schedule, done)
        groups: list[dict[str, Any]] = []
        for name, weight in weights.items():
            options = dict(self.step.choices[name].options)
            first = options.pop("beta_1", None) if "beta_1" in options else options.get("momentum")
            moving = first if momentum is None else float(momentum)
            if "beta_2" in options:
                options["betas"] = (moving, options.pop("beta_2"))
            else:
                options["momentum"] = moving
            options["lr"] = float(self.step.rate(state, self.step.shares[name]))
            del options["learning_rate"]
            groups.append({"params": [weight], **options})
        name_of_rule = self.step.rules.optimizer.name
        optimizer = _CLASSES[name_of_rule](groups, lr=0.0, foreach=False)  # type: ignore[call-arg]
        for name, weight in weights.items():
            kept = {slot: state[slot_name(slot, name)] for slot in self._slots(state, name)}
            if name_of_rule != "sgd":
                optimizer.state[weight]["step"] = done.float()
            if name_of_rule != "sgd" or int(done) > 0:  # the first gradient enters the momentum undamped
                optimizer.state[weight].update({slot: self._as(value).clone() for slot, value in kept.items()})
        return optimizer

    @staticmethod
    def _slots(state: State, name: str) -> list[str]:
        return [slot for slot in ("momentum_buffer", "exp_avg", "exp_avg_sq", "max_exp_avg_sq") if slot_name(slot, name) in state]

    def _as(self, tensor: Tensor) -> Tensor:
        return tensor.double() if self.wide and tensor.dtype in _NARROW else tensor.detach()
