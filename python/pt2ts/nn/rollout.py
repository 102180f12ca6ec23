"""Several time steps of a host in a row, for training a network through them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint as computed_again

from ..errors import DeclarationError

Tensors = Sequence[Tensor]


class Rollout(nn.Module):
    """Take a time step of a host again and again: from a state to those that follow, with derivatives back through all steps.

    Its inputs are those of ``step``: first the state, then what drives it, with a time for each step behind the batch, of which a
    step gets its own. It returns the states after each step, [batch, steps, ...]. Losses go by its result; `StepLoss` weights
    the steps.

    Parameters
    ----------
    step
        A time step of the host, written in PyTorch, with the network in it as a part. It takes the state [batch, ...] and what
        drives it in this step, and returns the state after it, of the same shape and dtype.
    steps
        How many steps there are in the result.
    states
        How many tensors the state has: so many arguments of ``step`` come first, and so many results.
    detach_every
        Derivatives run back through so many steps at most; 0 for all of them.
    pushforward
        So many steps come before those of the result, and derivatives do not run through them: the network meets states that it
        has made itself.
    checkpoint
        Keep the states alone, and compute each step again on the way back: less memory, more time.
    weighted
        Take the weights of the steps as a last input [steps], and return them as a last result, for `StepLoss`. Behind the last
        weight that is not zero the state stays as it is: a forecast that is not asked for cannot blow up.

    Examples
    --------
    >>> rollout = Rollout(HostStep(network), steps=10)  # doctest: +SKIP
    >>> pt2ts.export_training(rollout, "mse", "adam", state, states_that_followed, "train.pt2")  # doctest: +SKIP
    """

    def __init__(
        self,
        step: nn.Module,
        steps: int,
        *,
        states: int = 1,
        detach_every: int = 0,
        pushforward: int = 0,
        checkpoint: bool = False,
        weighted: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(step, nn.Module):
            raise DeclarationError(
                f"step is a {type(step).__name__}",
                "a torch.nn.Module that takes a time step, with the network as a part of it: else nobody knows its weights",
            )
        for name, value, least in (
            ("steps", steps, 1), ("states", states, 1), ("detach_every", detach_every, 0), ("pushforward", pushforward, 0),
        ):  # fmt: skip
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise DeclarationError(f"{name} is {value!r}", f"a whole number, {least} or more")
        self.step, self.steps, self.states = step, steps, states
        self.detach_every, self.pushforward = detach_every, pushforward
        self.checkpoint, self.weighted = checkpoint, weighted

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Return the states after each step, [batch, steps, ...]."""
        state, drivers, weights = self._told_apart(inputs)
        kept: list[tuple[Tensor, ...]] = []
        for number in range(self.pushforward + self.steps):
            after = self._after(state, [driver[:, number] for driver in drivers], number)
            place = number - self.pushforward
            if weights is not None and place >= 0:
                asked = weights[place:].count_nonzero() > 0
                after = tuple(torch.where(asked, new, old) for new, old in zip(after, state, strict=True))
            if place >= 0:
                kept.append(after)
            cut = place < 0 or (self.detach_every > 0 and (place + 1) % self.detach_every == 0)
            state = tuple(value.detach() for value in after) if cut else after
        results = [torch.stack(values, 1) for values in zip(*kept, strict=True)]
        if weights is not None:
            results.append(weights.clone())
        return results[0] if len(results) == 1 else tuple(results)

    def _told_apart(self, inputs: Tensors) -> tuple[tuple[Tensor, ...], Tensors, Tensor | None]:
        """Return the state, what drives it, and the weights of the steps."""
        least = self.states + self.weighted
        if len(inputs) < least:
            what = f"{self.states} of the state" + (" and the weights of the steps" if self.weighted else "")
            raise RuntimeError(f"a rollout got {len(inputs)} inputs, expected {what}, and what drives the host")
        weights = inputs[-1] if self.weighted else None
        if weights is not None:
            inputs = inputs[:-1]
            if tuple(weights.shape) != (self.steps,):
                shape = list(weights.shape)
                raise RuntimeError(f"the weights of {self.steps} steps, the last input of a rollout, have the shape {shape}")
        times = self.pushforward + self.steps
        for place, driver in enumerate(inputs[self.states :], self.states + 1):
            if driver.dim() < 2 or driver.shape[1] != times:
                raise RuntimeError(
                    f"input {place} of a rollout drives the host, and has the shape {list(driver.shape)}: expected "
                    f"[batch, {times}, ...], a time for each step"
                )
        return tuple(inputs[: self.states]), inputs[self.states :], weights

    def _after(self, state: tuple[Tensor, ...], drivers: Tensors, number: int) -> tuple[Tensor, ...]:
        """Take a step; refuse one after which the state is another kind of thing."""
        given = (*state, *drivers)
        found = computed_again(self.step, *given, use_reentrant=False) if self.checkpoint else self.step(*given)
        after = (found,) if isinstance(found, Tensor) else tuple(found) if isinstance(found, (tuple, list)) else ()
        if len(after) != len(state) or not all(isinstance(value, Tensor) for value in after):
            what = f"{len(after)} results" if after else f"a {type(found).__name__}"
            raise RuntimeError(f"step returns {what}, and the state has {self.states} tensors; states=... says how many")
        for place, (old, new) in enumerate(zip(state, after, strict=True), 1):
            if new.shape != old.shape or new.dtype != old.dtype:
                raise RuntimeError(
                    f"step {number + 1} makes {_kind(new)} of state {place}, {_kind(old)}: shape and dtype must stay"
                )
        return after


class StepLoss(nn.Module):
    """A loss of each step of a `Rollout`, averaged with weights.

    Of several states the losses are added up. It is a loss for `pt2ts.export_training` as well as for trainings in Python.

    Parameters
    ----------
    loss
        Takes a state of the forecast and the true one, both [batch, ...], and returns one number.
    weights
        One for each step. All are alike unless given, or an input of the `Rollout`.
    """

    def __init__(
        self, loss: Callable[[Tensor, Tensor], Tensor] = functional.mse_loss, weights: Sequence[float] | None = None
    ) -> None:
        super().__init__()
        self.loss = loss
        self.weights = None if weights is None else [float(weight) for weight in weights]
        if self.weights is not None and (not sum(self.weights) > 0 or min(self.weights) < 0):
            raise DeclarationError(
                f"weights is {list(self.weights)}", "numbers of which none is negative and one at least is not zero"
            )

    def forward(self, forecast: Tensor | Tensors, truth: Tensor | Tensors) -> Tensor:
        """Return the average over the steps."""
        forecasts, truths = _row(forecast), _row(truth)
        weights: Sequence[float] | Tensor | None = self.weights
        if len(forecasts) == len(truths) + 1:
            if self.weights is not None:
                raise RuntimeError(
                    "the weights of the steps are an input of the rollout and given to StepLoss: leave out one of them"
                )
            *forecasts, weights = forecasts
        if len(forecasts) != len(truths):
            raise RuntimeError(f"a forecast of {len(forecasts)} states is compared with {len(truths)}: one target for each state")
        for one, other in zip(forecasts, truths, strict=True):
            if one.shape != other.shape:
                raise RuntimeError(f"the forecast is {list(one.shape)} and the truth {list(other.shape)}: [batch, steps, ...] both")
        steps = forecasts[0].shape[1]
        if weights is None:
            weights = [1.0] * steps
        if len(weights) != steps:
            raise RuntimeError(f"there are {len(weights)} weights for {steps} steps")
        total = weights.sum() if isinstance(weights, Tensor) else sum(weights)
        average = torch.zeros((), dtype=forecasts[0].dtype, device=forecasts[0].device)
        for one, other in zip(forecasts, truths, strict=True):
            for step, weight in enumerate(weights):
                average = average + weight * self.loss(one[:, step], other[:, step]) / total
        return average


def _row(given: Tensor | Tensors) -> list[Tensor]:
    return [given] if isinstance(given, Tensor) else list(given)


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
