"""Compiled training without the compiler: the formulas against torch, step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pt2ts.training.losses import OPTIONS, make_loss
from pt2ts.training.plan import Rules, make_rules
from pt2ts.training.schedules import scheduled_rate
from pt2ts.training.state import STEP as COUNT
from pt2ts.training.step import Step, first_run

_STEPS = 200


def rules(optimizer: str, schedule: str = "constant", **more: Any) -> Rules:
    return make_rules(optimizer, None, schedule, **more)


def network(*, width: int = 8, out: int = 1, seed: int = 3) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, width), nn.Tanh(), nn.Linear(width, out)).double()


def batches(out: int = 1) -> list[tuple[Tensor, Tensor]]:
    source = torch.Generator().manual_seed(5)
    found = []
    for _ in range(7):
        x = torch.randn(16, 3, generator=source, dtype=torch.float64)
        found.append((x, torch.sin(x.sum(1, keepdim=True)).expand(16, out).clone()))
    return found


def train(
    net: nn.Module, chosen: Rules, loss: Any, data: list[tuple[Tensor, Tensor]], steps: int
) -> tuple[dict[str, Tensor], list[float]]:
    """Take steps by the functions that are compiled."""
    step = Step(net, make_loss(loss)[0], chosen, 1)
    state = {item.name: item.value for item in first_run(step, data[0], 0)}
    losses = []
    for number in range(steps):
        value, new = step.step(state, data[number % len(data)])
        state |= {name: item.detach() for name, item in new.items()}
        losses.append(float(value))
    return state, losses


def train_eagerly(
    net: nn.Module,
    make: Callable[[Any], torch.optim.Optimizer],
    loss: Callable[[Tensor, Tensor], Tensor],
    data: list[tuple[Tensor, Tensor]],
    steps: int,
    before: Callable[[Any], object] = lambda _: None,
    scheduler: Callable[[Any], Any] | None = None,
) -> tuple[dict[str, Tensor], list[float]]:
    """Take steps as one does in Python."""
    optimizer = make(net.parameters())
    plan = None if scheduler is None else scheduler(optimizer)
    losses = []
    for number in range(steps):
        x, y = data[number % len(data)]
        optimizer.zero_grad()
        value = loss(net(x), y)
        value.backward()  # type: ignore[no-untyped-call]
        before(net.parameters())
        optimizer.step()
        if plan is not None:
            plan.step()
        losses.append(value.item())
    return dict(net.state_dict()), losses


def agree(ours: dict[str, Tensor], theirs: dict[str, Tensor], tolerance: float = 1e-6) -> None:
    for name, want in theirs.items():
        torch.testing.assert_close(ours[name], want, rtol=tolerance, atol=tolerance * float(want.abs().max()), msg=name)


Optim = torch.optim
CASES: list[tuple[str, Callable[[Any], torch.optim.Optimizer]]] = [
    ("sgd learning_rate=0.05", lambda p: Optim.SGD(p, lr=0.05)),
    ("sgd learning_rate=0.05 momentum=0.9", lambda p: Optim.SGD(p, lr=0.05, momentum=0.9)),
    ("sgd learning_rate=0.02 momentum=0.9 nesterov=true weight_decay=0.01",
     lambda p: Optim.SGD(p, lr=0.02, momentum=0.9, nesterov=True, weight_decay=0.01)),
    ("sgd learning_rate=0.02 momentum=0.8 dampening=0.3", lambda p: Optim.SGD(p, lr=0.02, momentum=0.8, dampening=0.3)),
    ("adam learning_rate=0.01", lambda p: Optim.Adam(p, lr=0.01)),
    ("adam learning_rate=0.01 beta_1=0.8 beta_2=0.99 eps=1e-6 weight_decay=0.02",
     lambda p: Optim.Adam(p, lr=0.01, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.02)),
    ("adam learning_rate=0.01 amsgrad=true", lambda p: Optim.Adam(p, lr=0.01, amsgrad=True)),
    ("adam learning_rate=0.01 beta_1=0", lambda p: Optim.Adam(p, lr=0.01, betas=(0.0, 0.999))),
    ("adamw learning_rate=0.01", lambda p: Optim.AdamW(p, lr=0.01)),
    ("adamw learning_rate=0.01 weight_decay=0.2 amsgrad=true", lambda p: Optim.AdamW(p, lr=0.01, weight_decay=0.2, amsgrad=True)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "make"), CASES, ids=[case[0] for case in CASES])
def test_two_hundred_steps_are_those_of_torch(text: str, make: Callable[[Any], torch.optim.Optimizer]) -> None:
    ours, our_losses = train(network(), rules(text), "mse", batches(), _STEPS)
    theirs, their_losses = train_eagerly(network(), make, functional.mse_loss, batches(), _STEPS)
    agree(ours, theirs)
    assert our_losses == pytest.approx(their_losses, rel=1e-6)
    assert int(ours[COUNT]) == _STEPS


SCHEDULERS: list[tuple[str, Callable[[Any], Any]]] = [
    ("step schedule_steps=7 gamma=0.5", lambda o: Optim.lr_scheduler.StepLR(o, 7, 0.5)),
    ("exponential gamma=0.95", lambda o: Optim.lr_scheduler.ExponentialLR(o, 0.95)),
    ("linear schedule_steps=40", lambda o: Optim.lr_scheduler.LinearLR(o, 1.0, 0.0, 40)),
    ("polynomial schedule_steps=40 power=2", lambda o: Optim.lr_scheduler.PolynomialLR(o, 40, 2.0)),
    ("cosine schedule_steps=60 min_learning_rate=0.001", lambda o: Optim.lr_scheduler.CosineAnnealingLR(o, 60, 0.001)),
    ("cosine schedule_steps=50 warmup_steps=10", lambda o: Optim.lr_scheduler.SequentialLR(
        o, [Optim.lr_scheduler.LinearLR(o, 0.1, 1.0, 10), Optim.lr_scheduler.CosineAnnealingLR(o, 50)], [10])),
    ("constant warmup_steps=20", lambda o: Optim.lr_scheduler.LinearLR(o, 0.05, 1.0, 20)),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:The epoch parameter")
@pytest.mark.parametrize(("text", "make"), SCHEDULERS, ids=[case[0] for case in SCHEDULERS])
def test_schedules_are_those_of_torch(text: str, make: Callable[[Any], Any]) -> None:
    ours, _ = train(network(), rules("adam learning_rate=0.01", text), "mse", batches(), 60)
    theirs, _ = train_eagerly(network(), lambda p: Optim.Adam(p, lr=0.01), functional.mse_loss, batches(), 60, scheduler=make)
    agree(ours, theirs)


def test_a_schedule_that_is_over_stays_where_it_is() -> None:
    chosen = rules("sgd", "cosine schedule_steps=10 min_learning_rate=0.25 warmup_steps=2").schedule
    base = torch.tensor(1.0, dtype=torch.float64)
    rates = [float(scheduled_rate(chosen, base, torch.tensor(done))) for done in range(20)]
    assert rates[0] == 0.5
    assert rates[2] == 1.0
    assert rates[12:] == [0.25] * 8


def clip_by_norm(parameters: Any) -> object:
    return nn.utils.clip_grad_norm_(parameters, 0.2)


def clip_by_value(parameters: Any) -> object:
    return nn.utils.clip_grad_value_(parameters, 0.01)


@pytest.mark.parametrize(("options", "clip"), [({"clip_norm": 0.2}, clip_by_norm), ({"clip_value": 0.01}, clip_by_value)])
def test_clipping_is_that_of_torch(options: dict[str, Any], clip: Callable[[Any], object]) -> None:
    ours, _ = train(network(), rules("sgd learning_rate=0.1", **options), "mse", batches(), 50)
    theirs, _ = train_eagerly(network(), lambda p: Optim.SGD(p, lr=0.1), functional.mse_loss, batches(), 50, before=clip)
    agree(ours, theirs)


def classes() -> list[tuple[Tensor, Tensor]]:
    return [(x, (x.sum(1) > 0).long() + (x[:, 0] > 1).long()) for x, _ in batches()]


def shares(out: int) -> list[tuple[Tensor, Tensor]]:
    return [(x, torch.sigmoid(x[:, :1]).expand(16, out).clone()) for x, _ in batches()]


def gaussian_of_torch(outputs: Tensor, target: Tensor) -> Tensor:
    return functional.gaussian_nll_loss(outputs[:, :1], target, functional.softplus(outputs[:, 1:]))


class MeanAndVariance(nn.Module):
    """Two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.net = network(out=2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.net(x)
        return y[:, :1], functional.softplus(y[:, 1:])


class LogShares(nn.Module):
    """Probabilities or their logarithms."""

    def __init__(self, *, log: bool) -> None:
        super().__init__()
        self.net, self.log = network(out=3), log

    def forward(self, x: Tensor) -> Tensor:
        y = self.net(x)
        return functional.log_softmax(y, 1) if self.log else torch.sigmoid(y)


Pair = tuple[str, Callable[[], nn.Module], Callable[[Any, Tensor], Tensor], Callable[[], list[tuple[Tensor, Tensor]]]]
LOSSES: list[Pair] = [
    ("mse", network, functional.mse_loss, batches),
    ("l1", network, functional.l1_loss, batches),
    ("smooth_l1 beta=0.3", network, lambda a, b: functional.smooth_l1_loss(a, b, beta=0.3), batches),
    ("huber delta=0.2", network, lambda a, b: functional.huber_loss(a, b, delta=0.2), batches),
    ("cross_entropy", lambda: network(out=3), functional.cross_entropy, classes),
    ("cross_entropy label_smoothing=0.1 ignore_index=2", lambda: network(out=3),
     lambda a, b: functional.cross_entropy(a, b, label_smoothing=0.1, ignore_index=2), classes),
    ("nll", lambda: LogShares(log=True), functional.nll_loss, classes),
    ("bce", lambda: LogShares(log=False), functional.binary_cross_entropy, lambda: shares(3)),
    ("bce_with_logits", network, functional.binary_cross_entropy_with_logits, lambda: shares(1)),
    ("kl_div", lambda: LogShares(log=True), lambda a, b: functional.kl_div(a, b, reduction="none").mean(), lambda: shares(3)),
    ("kl_div log_target=true", lambda: LogShares(log=True),
     lambda a, b: functional.kl_div(a, b, reduction="none", log_target=True).mean(), lambda: shares(3)),
    ("gaussian_nll full=true", MeanAndVariance,
     lambda a, b: functional.gaussian_nll_loss(a[0], b, a[1], full=True), batches),
]  # fmt: skip


@pytest.mark.parametrize(("text", "make", "loss", "data"), LOSSES, ids=[case[0] for case in LOSSES])
def test_losses_are_those_of_torch(text: str, make: Any, loss: Any, data: Any) -> None:
    ours, our_losses = train(make(), rules("adam learning_rate=0.01"), text, data(), 60)
    theirs, their_losses = train_eagerly(make(), lambda p: Optim.Adam(p, lr=0.01), loss, data(), 60)
    assert our_losses == pytest.approx(their_losses, rel=1e-6)
    agree(ours, theirs)


def test_every_named_loss_is_compared() -> None:
    assert {case[0].split()[0] for case in LOSSES} == set(OPTIONS)


def test_a_loss_of_ones_own() -> None:
    def mine(outputs: Tensor, target: Tensor) -> Tensor:
        return ((outputs - target) ** 4).mean()

    ours, our_losses = train(network(), rules("adam"), mine, batches(), 20)
    _, their_losses = train_eagerly(network(), Optim.Adam, mine, batches(), 20)
    assert our_losses == pytest.approx(their_losses, rel=1e-9)
    assert make_loss(mine)[1] == "mine"
    assert ours


def test_batch_normalization_learns_its_means() -> None:
    def net() -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(3, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 1)).double()

    ours, _ = train(net(), rules("sgd learning_rate=0.05 momentum=0.9"), "mse", batches(), 50)
    theirs, _ = train_eagerly(net().train(), lambda p: Optim.SGD(p, lr=0.05, momentum=0.9), functional.mse_loss, batches(), 50)
    agree(ours, theirs)
    assert int(ours["1.num_batches_tracked"]) == 50


def test_frozen_and_unused_weights_stay() -> None:
    class Partly(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused, self.frozen = nn.Linear(3, 1), nn.Linear(3, 1), nn.Linear(3, 1)
            self.frozen.requires_grad_(False)

        def forward(self, x: Tensor) -> Tensor:
            result: Tensor = self.used(x) + self.frozen(x)
            return result

    net = Partly().double()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    ours, _ = train(net, rules("adam"), "mse", batches(), 3)
    for name, value in before.items():
        assert torch.equal(ours[name], value) is not name.startswith("used")
    assert [name for name in ours if name.startswith("trainer.exp_avg.")] == [
        "trainer.exp_avg.used.weight",
        "trainer.exp_avg.used.bias",
    ]
