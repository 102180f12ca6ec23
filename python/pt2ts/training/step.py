"""A whole step of training as one function of tensors: state, inputs and targets in, loss and new state out."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..contract.structure import flatten
from ..errors import ExportError, UnexportableError
from ..explain import explain_run
from .groups import assign
from .losses import Loss, reduce_targets
from .optimizers import OPTIMIZERS
from .options import Choice
from .plan import Rules
from .random import CountedDropout
from .schedules import scheduled_momentum, scheduled_rate
from .state import LAST_RATE, RATE, SEED, STEP, StateTensor, initial_state, slot_name

State = dict[str, Tensor]


class Backward(NamedTuple):
    """What comes before the optimizer: the loss, the gradients, and the buffers as forward left them."""

    loss: Tensor
    gradients: dict[str, Tensor]
    buffers: dict[str, Tensor]


class Step:
    """The functions that are compiled, and what they work on.

    Parameters
    ----------
    module
        The network, on the CPU; it is copied.
    loss
        The loss.
    rules
        How the weights change.
    n_inputs
        How many of the tensors are inputs; the others are targets.
    """

    def __init__(self, module: torch.nn.Module, loss: Loss, rules: Rules, n_inputs: int) -> None:
        self.training, self.evaluation = copy.deepcopy(module).train(), copy.deepcopy(module).eval()
        self.loss, self.rules, self.n_inputs = loss, rules, n_inputs
        self.parameters = [name for name, _ in module.named_parameters()]
        self.buffers = [name for name, _ in module.named_buffers()]
        self.trained = [name for name, value in module.named_parameters() if value.requires_grad]
        if not self.trained:
            raise ExportError("the network has no weights to train", "set requires_grad of those that shall be trained")
        self._assign_groups()

    def _assign_groups(self) -> None:
        """Say which options each weight that is trained has, and what part of the base rate."""
        choice = self.rules.optimizer
        own = assign(self.rules.groups, self.trained)
        self.choices = {name: Choice(choice.name, {**choice.options, **own[name]}) for name in self.trained}
        self.shares = {name: mine["learning_rate"] / choice["learning_rate"] for name, mine in self.choices.items()}

    def start(self, tensors: Sequence[Tensor], seed: int) -> tuple[StateTensor, ...]:
        """Return the state before the first step; weights that the loss does not depend on are left alone from now on."""
        everything = initial_state(self.training, {}, 0.0, seed)
        state = {item.name: item.value for item in everything}
        _, gradients, _ = self._gradients(state, tensors)
        unused = [name for name in self.trained if gradients[name] is None]
        self.trained = [name for name in self.trained if name not in unused]
        self._assign_groups()
        names = OPTIMIZERS[self.rules.optimizer.name].slots(self.rules.optimizer)
        rate = self.rules.optimizer["learning_rate"]
        return initial_state(self.training, dict.fromkeys(self.trained, names), rate, seed)

    def _gradients(self, state: Mapping[str, Tensor], tensors: Sequence[Tensor]) -> tuple[Tensor, dict[str, Tensor | None], State]:
        """Return loss, gradients by weight, and the buffers as forward left them."""
        weights = {name: state[name].detach() for name in self.parameters}
        for name in self.trained:
            weights[name].requires_grad_()
        buffers = {name: state[name].clone() for name in self.buffers}
        given = [{f"network.{name}": value for name, value in values.items()} for values in (weights, buffers)]
        with torch.enable_grad(), CountedDropout(state[SEED], state[STEP]):
            whole = _LossAndGradients(self, [weights[name] for name in self.trained])
            loss, *found = torch.func.functional_call(whole, tuple(given), tuple(tensors))
        return loss.detach(), dict(zip(self.trained, found, strict=True)), {key: value.detach() for key, value in buffers.items()}

    def loss_of(self, outputs: object, tensors: Sequence[Tensor]) -> Tensor:
        """Return the loss of what forward gave."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r"reduction: 'mean' divides")  # as the library's own loss does
            loss = self.loss(outputs, reduce_targets(tensors[self.n_inputs :]))
        if not isinstance(loss, Tensor) or loss.numel() != 1 or not loss.is_floating_point():
            what = f"{list(loss.shape)} {loss.dtype}" if isinstance(loss, Tensor) else type(loss).__name__
            raise ExportError(f"the loss is {what}, not one real number", "end it with .mean() or .sum()")
        return loss.reshape(())

    def step(self, state: Mapping[str, Tensor], tensors: Sequence[Tensor]) -> tuple[Tensor, State]:
        """Return the loss before the step, and all that it changes."""
        return self.update(state, self.backward(state, tensors))

    def backward(self, state: Mapping[str, Tensor], tensors: Sequence[Tensor]) -> Backward:
        """Return what the first half of a step finds; it changes nothing."""
        loss, found, buffers = self._gradients(state, tensors)
        return Backward(loss, {name: value.detach() for name, value in found.items() if value is not None}, buffers)

    def update(self, state: Mapping[str, Tensor], found: Backward) -> tuple[Tensor, State]:
        """Return what the second half makes of it: the loss, and all that the step changes."""
        loss, new = found.loss, dict(found.buffers)
        gradients = self._clipped(found.gradients)
        choice, done = self.rules.optimizer, state[STEP]
        optimizer = OPTIMIZERS[choice.name]
        momentum = scheduled_momentum(self.rules.schedule, done)
        rates = {share: self.rate(state, share) for share in sorted({1.0, *self.shares.values()})}
        numbers = {share: optimizer.numbers(choice, done + 1, rate, momentum) for share, rate in rates.items()}
        slots = optimizer.slots(choice)
        for name, gradient in gradients.items():
            remembered = {slot: state[slot_name(slot, name)] for slot in slots}
            new[name], kept = optimizer.update(self.choices[name], state[name], gradient, remembered, numbers[self.shares[name]])
            new |= {slot_name(slot, name): value for slot, value in kept.items()}
        new |= {STEP: done + 1, LAST_RATE: rates[1.0].clone()}
        if self.rules.skip_nonfinite:
            good = _all_finite(loss, gradients.values())
            new = {name: torch.where(good, value, state[name]) for name, value in new.items()}
            loss = torch.where(good, loss, torch.nan)
        return loss, new

    def rate(self, state: Mapping[str, Tensor], share: float) -> Tensor:
        """Return the learning rate of the next step for weights that learn with a part of the base rate."""
        base = state[RATE] if share == 1.0 else state[RATE] * share
        return scheduled_rate(self.rules.schedule, base, state[STEP])

    def evaluate(self, state: Mapping[str, Tensor], tensors: Sequence[Tensor]) -> Tensor:
        """Return the loss in evaluation mode."""
        values = {name: state[name] for name in (*self.parameters, *self.buffers)}
        outputs = torch.func.functional_call(self.evaluation, values, tuple(tensors[: self.n_inputs]))
        return self.loss_of(outputs, tensors).detach()

    def outputs(self, state: Mapping[str, Tensor], inputs: Sequence[Tensor]) -> list[Tensor]:
        """Return the results in evaluation mode, flattened."""
        values = {name: state[name] for name in (*self.parameters, *self.buffers)}
        return [tensor for _, tensor in flatten(torch.func.functional_call(self.evaluation, values, tuple(inputs)))]

    def _clipped(self, gradients: State) -> State:
        if self.rules.clip_norm is not None:
            norms = torch.stack([torch.linalg.vector_norm(gradient) for gradient in gradients.values()])
            scale = (self.rules.clip_norm / (torch.linalg.vector_norm(norms) + 1e-6)).clamp(max=1.0)
            gradients = {name: gradient * scale.to(gradient.dtype) for name, gradient in gradients.items()}
        if self.rules.clip_value is not None:
            limit = self.rules.clip_value
            gradients = {name: gradient.clamp(-limit, limit) for name, gradient in gradients.items()}
        return gradients


class _LossAndGradients(torch.nn.Module):
    """A network that is called for its loss and gradients.

    The backward pass belongs into the call, for parts of the network that run again in it (torch.utils.checkpoint) must find the
    weights that they had.
    """

    def __init__(self, step: Step, weights: Sequence[Tensor]) -> None:
        super().__init__()
        self.network, self.step, self.weights = step.training, step, weights

    def forward(self, *tensors: Tensor) -> tuple[Tensor | None, ...]:
        """Return the loss, and a gradient for each weight."""
        loss = self.step.loss_of(self.network(*tensors[: self.step.n_inputs]), tensors)
        if not loss.requires_grad:
            raise ExportError("the loss does not depend on any weight", "compute it from what forward returns, without detach()")
        return loss, *torch.autograd.grad(loss, self.weights, allow_unused=True)


def _all_finite(loss: Tensor, gradients: object) -> Tensor:
    """Whether the loss and each gradient is finite; the largest magnitude tells, for it hides neither infinity nor NaN."""
    largest = [loss.abs().double(), *(gradient.abs().amax().double() for gradient in gradients if gradient.numel())]  # type: ignore[attr-defined]
    return torch.stack(largest).isfinite().all()


def first_run(step: Step, tensors: Sequence[Tensor], seed: int) -> tuple[StateTensor, ...]:
    """Return the state before the first step; what fails in the user's code is told in plain words."""
    try:
        return step.start(tensors, seed)
    except ExportError:
        raise
    except Exception as error:  # whatever the user's own code raises
        why = explain_run(error)
        hint = "forward and loss must run in Python on the examples, in training mode, before they can be compiled"
        raise UnexportableError(f"the training step fails on the examples: {why.reason}", hint, why.where, why.code) from error
