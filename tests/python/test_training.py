"""Compiled training without the compiler: the formulas against torch, step by step, and the words when something is wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pt2ts.errors import DeclarationError, ExportError, UnexportableError
from pt2ts.training_losses import OPTIONS, make_loss
from pt2ts.training_options import choose
from pt2ts.training_random import CountedDropout, uniform_bits
from pt2ts.training_rules import OPTIMIZERS, SCHEDULES, scheduled_rate
from pt2ts.training_state import LAST_RATE, SEED
from pt2ts.training_state import STEP as COUNT
from pt2ts.training_step import Rules, Step, first_run

_STEPS = 200


def rules(optimizer: str, schedule: str = "constant", **more: Any) -> Rules:
    return Rules(
        choose("optimizer", optimizer, {name: row.options for name, row in OPTIMIZERS.items()}),
        choose("schedule", schedule, {name: row[0] for name, row in SCHEDULES.items()}),
        more.get("clip_norm"),
        more.get("clip_value"),
        more.get("skip_nonfinite", True),
    )


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


# --------------------------------------------------------------------------------------------------------------- dropout


def numbers(seed: int = 7, step: int = 3, layer: int = 1, count: int = 4096) -> Tensor:
    return uniform_bits(torch.tensor(seed), torch.tensor(step), layer, count, torch.device("cpu"))


def test_the_random_numbers_are_even_and_of_their_own() -> None:
    bits = numbers(count=200_000)
    assert int(bits.min()) >= 0
    assert int(bits.max()) < 1 << 32
    shares_of = torch.histc((bits >> 24).double(), 256, 0, 255) / bits.numel()
    assert float((shares_of * 256 - 1).abs().max()) < 0.15
    for bit in range(32):
        assert abs(float(((bits >> bit) & 1).double().mean()) - 0.5) < 0.006
    for other in (numbers(seed=8), numbers(seed=7 + (1 << 40)), numbers(step=4), numbers(layer=2), numbers(seed=-7)):
        same = (numbers() == other).sum()
        assert int(same) == 0
        assert abs(float(torch.corrcoef(torch.stack([numbers().double(), other.double()]))[0, 1])) < 0.06
    assert torch.equal(numbers(), numbers())


def in_plain_python(seed: int, step: int, layer: int, index: int) -> int:
    """The generator as it was first released: a state that was saved then must go on with the same masks."""

    def mix(x: int) -> int:
        x ^= x >> 16
        x = x * 0x7FEB352D % 2**32
        x ^= x >> 15
        x = x * 0x846CA68B % 2**32
        return x ^ x >> 16

    keys = []
    for salt in (0x9E3779B9, 0x3C6EF372):
        key = mix(seed % 2**32 ^ salt)
        for part in (seed // 2**32 % 2**32, step % 2**32, step // 2**32 % 2**32, layer):
            key = mix(key ^ part)
        keys.append(key)
    return mix(mix((index + keys[0]) % 2**32) ^ keys[1])


@pytest.mark.parametrize("seed", [0, 7, -7, 2**40 + 5, -(2**63), 2**63 - 1])
def test_the_random_numbers_are_those_of_every_version(seed: int) -> None:
    for step, layer in [(0, 1), (3, 2), (2**33 + 1, 40)]:
        expected = [in_plain_python(seed, step, layer, index) for index in range(20)]
        assert numbers(seed, step, layer, 20).tolist() == expected


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_drops_its_share_and_keeps_the_mean(rate: float) -> None:
    with CountedDropout(torch.tensor(1), torch.tensor(0)):
        dropped = functional.dropout(torch.ones(400, 100), rate)
    assert abs(float((dropped == 0).double().mean()) - rate) < 0.01
    assert float(dropped.max()) == pytest.approx(1 / (1 - rate))


def test_dropout_of_channels_drops_whole_ones() -> None:
    with CountedDropout(torch.tensor(1), torch.tensor(0)):
        dropped = nn.Dropout2d(0.5)(torch.ones(8, 16, 5, 5))
    kept = dropped.flatten(2)
    assert torch.equal(kept.amin(2), kept.amax(2))
    assert 0 < int((kept[..., 0] == 0).sum()) < 128


def test_dropout_in_evaluation_mode_and_of_nothing_and_all() -> None:
    x = torch.ones(10)
    with CountedDropout(torch.tensor(1), torch.tensor(0)) as source:
        assert nn.Dropout(0.5).eval()(x) is x
        assert functional.dropout(x, 0.0) is x
        assert source.layer == 0
        assert int(functional.dropout(x, 1.0).count_nonzero()) == 0


def test_two_layers_and_two_steps_have_other_masks() -> None:
    x = torch.ones(64)
    with CountedDropout(torch.tensor(1), torch.tensor(0)):
        first, second = functional.dropout(x), functional.dropout(x)
    with CountedDropout(torch.tensor(1), torch.tensor(1)):
        third = functional.dropout(x)
    with CountedDropout(torch.tensor(1), torch.tensor(0)):
        again = functional.dropout(x)
    assert not torch.equal(first, second)
    assert not torch.equal(first, third)
    assert torch.equal(first, again)


def test_a_seed_makes_another_run_and_the_same_seed_the_same() -> None:
    def losses(seed: int) -> list[float]:
        net = nn.Sequential(network(out=6), nn.Dropout(0.5), nn.Linear(6, 1).double())
        for value in net[2].parameters():
            torch.nn.init.constant_(value, 0.3)
        step = Step(net, make_loss("mse")[0], rules("adam"), 1)
        state = {item.name: item.value for item in first_run(step, batches()[0], 0)} | {SEED: torch.tensor(seed)}
        found = []
        for batch in batches():
            loss, new = step.step(state, batch)
            state |= new
            found.append(float(loss))
        return found

    assert losses(1) == losses(1)
    assert losses(1) != losses(2)


# ---------------------------------------------------------------------------------------------------------- what fails


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
    ],
)
def test_wrong_schedules(text: str, words: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        rules("adam", text)
    assert words in str(caught.value)


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
