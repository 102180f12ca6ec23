"""Compiled training without the compiler: what is not finite, and the words when something is wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pt2ts.contract.spec import TensorSpec
from pt2ts.errors import DeclarationError, ExportError, UnexportableError
from pt2ts.training.losses import make_loss
from pt2ts.training.pieces import Pieces
from pt2ts.training.random import CountedDropout
from pt2ts.training.state import LAST_RATE
from pt2ts.training.state import STEP as COUNT
from pt2ts.training.step import Step, first_run
from pt2ts.training.trace import trace

from .test_step import batches, network, rules


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_step_that_is_not_finite_changes_nothing(bad: float) -> None:
    step = Step(network(), make_loss("mse")[0], rules("adam"), 1)
    x, y = batches()[0]
    state = {item.name: item.value for item in first_run(step, (x, y), 0)}
    loss, new = step.step(state, (torch.full_like(x, bad), y))
    assert math.isnan(float(loss))
    for name, value in new.items():
        assert torch.equal(value, state[name]), name
    careless = Step(network(), make_loss("mse")[0], rules("adam", skip_nonfinite=False), 1)
    _, new = careless.step(state, (torch.full_like(x, bad), y))
    assert bool(new["0.weight"].isnan().any())


def test_gradients_that_are_not_finite_are_skipped_too() -> None:
    class Root(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.zeros(1, dtype=torch.float64))

        def forward(self, x: Tensor) -> Tensor:
            return (x[:, :1] * self.scale).abs().sqrt()

    step = Step(Root(), make_loss("l1")[0], rules("sgd"), 1)
    state = {item.name: item.value for item in first_run(step, batches()[0], 0)}
    loss, new = step.step(state, batches()[0])
    assert math.isnan(float(loss))
    assert float(new["scale"]) == 0.0
    assert int(new[COUNT]) == 0
    assert float(new[LAST_RATE]) == 0.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("adamm", "there is no optimizer 'adamm'"),
        ("", "there is no optimizer ''"),
        ("adam beta=0.9", "the optimizer 'adam' has no option 'beta'"),
        ("adam fast", "cannot read 'fast'"),
        ("adam eps=0", "eps of the optimizer 'adam' is 0.0"),
        ("adam eps=nan", "eps of the optimizer 'adam' is nan"),
        ("adam beta_1=1", "expected a number from 0 to below 1"),
        ("adam amsgrad=2", "expected true or false"),
        ("sgd momentum=much", "momentum of the optimizer 'sgd' is 'much'"),
    ],
)
def test_wrong_optimizers(text: str, words: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        rules(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cosine", "the schedule 'cosine' needs schedule_steps"),
        ("step schedule_steps=2.5", "expected a whole number, 1 or more"),
        ("exponential gamma=1.5", "expected a number above 0, at most 1"),
        ("plateau", "one of constant, step"),
        ("multistep gamma=0.5", "the schedule 'multistep' needs milestones"),
        ("multistep milestones=5,x", "milestones of the schedule 'multistep' is '5,x'"),
        ("multistep milestones=5,0", "expected whole numbers, 1 or more, with commas between"),
        ("cosine_restarts schedule_steps=5 t_mult=1.5", "expected a whole number, 1 or more"),
        ("one_cycle schedule_steps=5", "the schedule 'one_cycle' needs max_learning_rate"),
        ("one_cycle schedule_steps=5 max_learning_rate=1 anneal_strategy=cosine", "expected cos or linear"),
        ("one_cycle schedule_steps=5 max_learning_rate=1 base_momentum=0", "expected a number between 0 and 1"),
        ("one_cycle schedule_steps=5 max_learning_rate=1 warmup_steps=2", "has no option 'warmup_steps'"),
    ],
)
def test_wrong_schedules(text: str, words: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        rules("adam", text)
    assert words in str(caught.value)


def test_schedules_that_do_not_go_with_the_optimizer() -> None:
    cycle = "one_cycle schedule_steps=5 max_learning_rate=1"
    with pytest.raises(DeclarationError, match="moves the momentum, and 'sgd' is without one"):
        rules("sgd", cycle)
    assert rules("sgd", f"{cycle} cycle_momentum=false").optimizer["learning_rate"] == 0.04
    with pytest.raises(DeclarationError, match="brings its learning rates with it"):
        rules("adam learning_rate=0.1", cycle)


def test_shapes_that_would_be_broadcast_are_refused() -> None:
    x, y = batches()[0]
    step = Step(network(), make_loss("mse")[0], rules("adam"), 1)
    with pytest.raises(ExportError, match=r"wants a target of float64 \[16, 1\].*got float64 \[16\]"):
        first_run(step, (x, y[:, 0]), 0)
    step = Step(network(out=3), make_loss("cross_entropy")[0], rules("adam"), 1)
    with pytest.raises(ExportError, match="int64 classes"):
        first_run(step, (x, y[:, 0].int()), 0)


def test_losses_that_are_none() -> None:
    x, y = batches()[0]
    losses: list[tuple[Callable[..., Any], str]] = [
        (lambda out, target: out - target, r"\[16, 1\]"),
        (lambda *_: 1.0, "the loss is float"),
        (lambda *both: both[1].mean(), "does not depend on any weight"),
        (lambda *both: both[0].undefined, "AttributeError"),
    ]
    for loss, words in losses:
        with pytest.raises(ExportError, match=words):
            first_run(Step(network(), make_loss(loss)[0], rules("adam"), 1), (x, y), 0)
    with pytest.raises(DeclarationError, match="there is no loss 'mean_squared'"):
        make_loss("mean_squared")
    with pytest.raises(DeclarationError, match="loss is a int"):
        make_loss(3)  # type: ignore[arg-type]


def test_networks_without_weights_and_with_our_names() -> None:
    with pytest.raises(ExportError, match="no weights to train"):
        Step(nn.Tanh(), make_loss("mse")[0], rules("adam"), 1)
    net = nn.ModuleDict({"trainer": nn.Linear(3, 1).double()})
    net.forward = net["trainer"].forward
    with pytest.raises(ExportError, match="a part called 'trainer'"):
        first_run(Step(net, make_loss("mse")[0], rules("adam"), 1), batches()[0], 0)


def test_other_random_numbers_are_refused() -> None:
    with CountedDropout(torch.tensor(0), torch.tensor(0)), pytest.raises(UnexportableError, match="alpha_dropout"):
        nn.AlphaDropout(0.5)(torch.ones(3))


class Looks(nn.Module):
    """Attention, which PyTorch computes by one operation."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.lift, self.look = nn.Linear(1, 4), nn.MultiheadAttention(4, 2, dropout, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """Let the numbers of a row look at each other."""
        lifted = self.lift(x[..., None])
        seen: Tensor = self.look(lifted, lifted, lifted, need_weights=False)[0]
        return seen.mean(dim=2)


def record_gradient(net: nn.Module) -> None:
    """Record a backward pass as a step has it."""
    x = torch.randn(4, 3)
    weights = {name: value.detach() for name, value in net.named_parameters()}

    def gradients(*tensors: Tensor) -> list[Tensor]:
        values = {name: value.requires_grad_() for name, value in zip(weights, tensors, strict=False)}
        loss = torch.func.functional_call(net, values, tensors[-1:]).square().sum()
        return list(torch.autograd.grad(loss, list(values.values())))

    trace(gradients, weights, list(weights), [x], [TensorSpec("x", "float32", ("batch", 3))], Pieces())


def test_attention_without_dropout_is_not_random() -> None:
    record_gradient(Looks(0.0).train())
    record_gradient(Looks(0.5).eval())
    with pytest.raises(UnexportableError, match="draws random numbers by aten"):
        record_gradient(Looks(0.5).train())
