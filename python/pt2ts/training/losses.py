"""Losses: the named ones, and what a user's own has to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ..contract.dtypes import name_of
from ..contract.structure import flatten
from ..errors import DeclarationError, ExportError
from .options import Choice, Option, choose, flag, fraction, positive, whole

#: A loss takes what forward returned and the target (a tuple where there are several) and returns one number.
Loss = Callable[[Any, Any], Tensor]

Named = Callable[..., Tensor]


def _gaussian(mean: Tensor, variance: Tensor, target: Tensor, *, full: bool, eps: float) -> Tensor:
    # torch's own asks whether a variance is negative, which a compiled step cannot; the limit below holds for those too.
    limited = variance + (variance.clamp(min=eps) - variance).detach()
    loss = 0.5 * (torch.log(limited) + (mean - target) ** 2 / limited)
    if full:
        loss = loss + 0.5 * torch.log(torch.tensor(2 * torch.pi, dtype=loss.dtype))
    return loss.mean()


#: Name -> number of outputs, options, function of outputs and target. Names, options and means are those of the library.
_LOSSES: dict[str, tuple[int, Mapping[str, Option], Named]] = {
    "mse": (1, {}, functional.mse_loss),
    "l1": (1, {}, functional.l1_loss),
    "smooth_l1": (1, {"beta": positive(1.0)}, functional.smooth_l1_loss),
    "huber": (1, {"delta": positive(1.0)}, functional.huber_loss),
    "cross_entropy": (1, {"ignore_index": whole(-100), "label_smoothing": fraction(0.0)}, functional.cross_entropy),
    "nll": (1, {"ignore_index": whole(-100)}, functional.nll_loss),
    "bce": (1, {}, functional.binary_cross_entropy),
    "bce_with_logits": (1, {}, functional.binary_cross_entropy_with_logits),
    "kl_div": (1, {"log_target": flag()}, functional.kl_div),
    "gaussian_nll": (2, {"full": flag(), "eps": positive(1e-6)}, _gaussian),
}

#: These compare classes or probabilities with logits; all others want equal shapes.
_CLASSES = ("cross_entropy", "nll")

OPTIONS: dict[str, Mapping[str, Option]] = {name: row[1] for name, row in _LOSSES.items()}


def make_loss(given: str | Loss) -> tuple[Loss, str]:
    """Return a loss, and what it is called in messages and in the file."""
    if callable(given):
        return given, getattr(given, "__name__", type(given).__name__)
    if not isinstance(given, str):
        raise DeclarationError(f"loss is a {type(given).__name__}", "the name of one, or a function loss(outputs, target)")
    choice = choose("loss", given, OPTIONS)
    return _NamedLoss(choice), choice.text()


class _NamedLoss:
    """A row of the table as a function of outputs and target; never broadcasts."""

    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        self.n_outputs, _, self.function = _LOSSES[choice.name]

    def __call__(self, outputs: Any, target: Any) -> Tensor:
        tensors = [tensor for _, tensor in flatten(outputs)]
        if len(tensors) != self.n_outputs or not isinstance(target, Tensor):
            n_targets = 1 if isinstance(target, Tensor) else len(target)
            what = "mean and variance" if self.n_outputs == 2 else "one output"
            raise ExportError(
                f"the loss '{self.choice.name}' compares {what} with one target; forward gives {len(tensors)} outputs and there "
                f"are {n_targets} targets",
                "write a function loss(outputs, targets) of your own and pass it",
            )
        self._check(tensors[0], target)
        return self.function(*tensors, target, **self.choice.options)

    def _check(self, output: Tensor, target: Tensor) -> None:
        if self.choice.name in _CLASSES and target.dtype == torch.int64:
            if output.dim() > 1 and tuple(target.shape) == (output.shape[0], *output.shape[2:]):
                return
        elif target.is_floating_point() and target.shape == output.shape:
            return
        wants = "int64 classes [batch, ...]" if self.choice.name in _CLASSES else f"{name_of(output)} {list(output.shape)}"
        raise ExportError(
            f"the loss '{self.choice.name}' wants a target of {wants} for an output of {list(output.shape)}, got "
            f"{name_of(target)} {list(target.shape)}",
            "nothing is broadcast: give output and target the same shape (unsqueeze adds a dimension of 1)",
        )


def reduce_targets(targets: Sequence[Tensor]) -> Any:
    """Return the targets as a loss takes them: one as it is, several as a tuple."""
    return targets[0] if len(targets) == 1 else tuple(targets)
