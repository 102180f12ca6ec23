"""A step in two halves is the step: what passes between them, in Python and in compiled packages, and planted faults."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import pt2ts
from pt2ts.container.package import read_training_spec
from pt2ts.report import Check, listening
from pt2ts.training.comparison import InHalves, StepCheck, check_training
from pt2ts.training.halves import Halves
from pt2ts.training.losses import make_loss
from pt2ts.training.plan import make_rules
from pt2ts.training.run import Trainer
from pt2ts.training.state import LOSS
from pt2ts.training.state import STEP as COUNT
from pt2ts.training.step import Step, first_run

from ... import training_files
from .test_planted_steps import Fault, Imitation, State, data, not_a_number, one_weight_kept, same_weights, stale_buffer, step_of


class Kept(nn.Module):
    """A buffer that forward only reads, one that it writes into without changing it, a weight that stays, and several dtypes."""

    mean: Tensor
    zeros: Tensor
    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Linear(3, 4).to(torch.bfloat16), nn.Linear(4, 1)
        self.frozen = nn.Parameter(torch.ones(2), requires_grad=False)
        self.register_buffer("mean", torch.full((3,), 0.1))
        self.register_buffer("zeros", torch.zeros(2))
        self.register_buffer("calls", torch.zeros(1, dtype=torch.int32))

    def forward(self, x: Tensor) -> Tensor:
        self.zeros.mul_(2.0)
        self.calls.add_(1)
        inner = torch.tanh(self.first((x - self.mean).to(torch.bfloat16)))
        result: Tensor = self.last(inner.float()) * self.frozen.sum()
        return result


def halves_of(step: Step, tensors: Sequence[Tensor]) -> tuple[Halves, State]:
    state = {item.name: item.value for item in first_run(step, tensors, 0)}
    return Halves(step, state, tensors), state


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("optimizer", ["sgd momentum=0.9 nesterov=true", "adam", "adamw weight_decay=0.1 amsgrad=true"])
def test_both_halves_are_the_step_to_the_bit(optimizer: str, dtype: torch.dtype) -> None:
    step = step_of(optimizer, dtype=dtype, schedule="cosine schedule_steps=20 warmup_steps=3")
    halves, state = halves_of(step, data(dtype))
    for _ in range(5):
        loss, new = step.step(state, data(dtype))
        passed_loss, passed = halves.gradients(state, data(dtype))
        applied, also = halves.apply(state | passed)
        assert float(loss) == float(passed_loss) == float(applied)
        assert set(new) == set(also)
        for name, value in new.items():
            assert torch.equal(value, also[name]), name
        state |= new


def test_what_passes_on() -> None:
    x = torch.randn(6, 3)
    step = Step(Kept(), make_loss("mse")[0], make_rules("sgd", 0.1, clip_norm=0.5), 1)
    halves, state = halves_of(step, (x, torch.sin(x[:, :1])))
    assert [(item.name, item.elements, item.role) for item in halves.layout.tensors] == [
        ("trainer.gradients.float32", 21, "gradient"),
        ("trainer.pending.float32", 2, "buffer"),
        ("trainer.pending.int32", 1, "buffer"),
        (LOSS, 1, "loss"),
    ]
    assert [(part.name, part.offset) for part in halves.layout.parts] == [
        ("first.weight", 0), ("first.bias", 12), ("last.weight", 16), ("last.bias", 20), ("zeros", 0), ("calls", 0),
    ]  # fmt: skip
    _, passed = halves.gradients(state, (x, torch.sin(x[:, :1])))
    assert int(passed["trainer.pending.int32"]) == 1
    assert int(state["calls"]) == 0, "nothing is written before it is applied"
    found = step.backward(state, (x, torch.sin(x[:, :1]))).gradients
    assert torch.equal(passed["trainer.gradients.float32"][:12], found["first.weight"].float().reshape(-1))
    _, new = halves.apply(state | passed)
    assert new["first.weight"].dtype is torch.bfloat16
    assert "mean" not in new


@pytest.mark.parametrize("place", ["trainer.gradients.float32", LOSS])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_is_skipped_by_the_second_half(place: str, bad: float) -> None:
    step = step_of("adam")
    halves, state = halves_of(step, data(torch.float32))
    _, passed = halves.gradients(state, data(torch.float32))
    passed[place][0] = bad
    loss, new = halves.apply(state | passed)
    assert math.isnan(float(loss))
    assert int(new[COUNT]) == 0
    for name, value in new.items():
        assert torch.equal(value, state[name]), name


def test_a_running_mean_that_did_not_move_by_chance_is_passed_on() -> None:
    net = nn.Sequential(nn.BatchNorm1d(1), nn.Linear(1, 1))
    x = torch.tensor([[-1.0], [1.0], [-2.0], [2.0]])
    halves, _ = halves_of(Step(net, make_loss("mse")[0], make_rules("sgd", 0.1), 1), (x, x))
    assert "0.running_mean" in [part.name for part in halves.layout.parts]


def test_weights_that_cannot_be_exchanged_are_named() -> None:
    class Complex(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1, dtype=torch.complex64))

        def forward(self, x: Tensor) -> Tensor:
            return (x * self.scale).abs()

    x = torch.randn(4, 1)
    with pytest.raises(pt2ts.ExportError, match="the weight 'scale' is complex64: ranks exchange real gradients"):
        halves_of(Step(Complex(), make_loss("mse")[0], make_rules("sgd", 0.1), 1), (x, x))


class ImitationInHalves(Imitation):
    """Its second half may be wrong, or its first one."""

    def __init__(self, step: Step, state: State, first: Fault, second: Fault) -> None:
        super().__init__(step, state)
        self.halves, self.first, self.second = Halves(step, state, data(torch.float32)), first, second
        self.passed: State = {}
        self.writes_too_early: State = {}

    def gradients(self, tensors: Sequence[Tensor], n_inputs: int) -> float:
        assert n_inputs == self.made_of.n_inputs
        loss, self.passed = self.halves.gradients(self.values, tensors)
        self.passed, self.values = self.first(self.values, self.passed), self.values | self.writes_too_early
        return float(loss)

    def apply(self) -> float:
        loss, new = self.halves.apply(self.values | self.passed)
        self.values = self.second(self.values, self.values | {name: value.detach().clone() for name, value in new.items()})
        return float(loss)


def unchanged(_: State, new: State) -> State:
    return new


def scaled(_: State, passed: State) -> State:
    return passed | {name: value * 1.01 for name, value in passed.items() if "gradients" in name}


def in_another_order(_: State, passed: State) -> State:
    return passed | {name: value.flip(0) for name, value in passed.items() if "gradients" in name}


def other_loss(_: State, passed: State) -> State:
    return passed | {LOSS: passed[LOSS] + 1e-3}


def old_means(_: State, passed: State) -> State:
    return passed | {name: torch.zeros_like(value) for name, value in passed.items() if "pending" in name}


def examine(first: Fault = unchanged, second: Fault = unchanged, early: State | None = None) -> list[Check]:
    step = step_of("adamw weight_decay=0.01", schedule="cosine schedule_steps=50 warmup_steps=5")
    x, y = data(torch.float32)
    state = {item.name: item.value for item in first_run(step, (x, y), 0)}
    trainer = ImitationInHalves(step, state, first, second)
    trainer.writes_too_early = early or {}
    notes: list[Check] = []
    with listening(lambda _: None, notes.append):
        StepCheck(InHalves(trainer), step, None, "step in halves").check([(x, y), (x[:7], y[:7])])
    return notes


def test_right_halves_pass() -> None:
    assert {"step in halves 1", "state after step in halves 3"} <= {note.form for note in examine()}


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ({"first": scaled}, r"step in halves disagrees with torch\.optim .* differs by"),
        ({"first": in_another_order}, r"step in halves disagrees with torch\.optim .* differs by"),
        ({"first": other_loss}, r"the halves of the compiled step have two losses"),
        ({"first": old_means}, r"step in halves disagrees with torch\.optim .*'1\.running_mean' differs by"),
        ({"second": same_weights}, r"step in halves disagrees with torch\.optim .*: it is not moved at all"),
        ({"second": one_weight_kept}, r"'4\.weight' differs by"),
        ({"second": stale_buffer}, r"'1\.running_mean' differs by .*: it is not moved at all"),
        ({"second": not_a_number}, r"'4\.bias' differs: 1 of 3 numbers are NaN"),
        ({"early": {"1.running_mean": torch.ones(8)}}, r"the compiled first half of a step changes '1\.running_mean'"),
    ],
)
def test_wrong_halves_are_found(faults: dict[str, Any], words: str) -> None:
    with pytest.raises(pt2ts.CheckError, match=words):
        examine(**faults)


@pytest.mark.parametrize("name", ["dropping", "grouped"])
def test_compiled_halves_are_the_compiled_step(name: str) -> None:
    whole, halves = Trainer(training_files.training_file(name)), Trainer(training_files.training_file(name))
    x, y = training_files.dropping_data()
    for size in (32, 7, 32, 32, 19):
        loss = whole.step(x[:size], y[:size])
        before = {key: value.clone() for key, value in halves.state.items()}
        halves.gradients(x[:7], y[:7])
        first = halves.gradients(x[:size], y[:size])  # which replaces those
        for key, value in before.items():
            assert torch.equal(halves.state[key], value), key
        assert [first.item(), halves.apply().item()] == pytest.approx([loss.item()] * 2, rel=1e-14)
        for key, value in whole.state.items():
            torch.testing.assert_close(halves.state[key], value, rtol=1e-12, atol=1e-15, msg=key)


def test_the_contract_says_where_the_gradient_of_a_weight_lies() -> None:
    trainer = Trainer(training_files.training_file("grouped"))
    x, y = training_files.dropping_data()
    trainer.gradients(x, y)
    net = training_files.grouped_network()
    functional.mse_loss(net(x), y).backward()  # type: ignore[no-untyped-call]
    exchange = trainer.spec.exchange
    assert exchange is not None
    assert [part.name for part in exchange.parts] == [name for name, _ in net.named_parameters()]
    for part, (_, weight) in zip(exchange.parts, net.named_parameters(), strict=True):
        assert weight.grad is not None
        found = trainer.exchange[part.tensor][part.offset : part.offset + weight.numel()].view_as(weight)
        torch.testing.assert_close(found, weight.grad, rtol=1e-12, atol=1e-15)


def test_a_package_without_halves_says_nothing_of_them() -> None:
    spec = read_training_spec(training_files.training_file("line"))
    assert spec.exchange is None
    assert "exchange" not in spec.to_dict()
    assert not [variant.name for variant in spec.variants if variant.name.startswith(("gradients", "apply"))]
    spec = read_training_spec(training_files.training_file("grouped"))
    assert {"gradients", "apply"} <= {variant.name for variant in spec.variants}


def test_the_halves_of_a_file_run_in_a_fresh_process() -> None:
    """A file is compared with a module that learns in another way than what was compiled."""
    file = training_files.training_file("grouped")
    examples = training_files.dropping_data()

    def learning(decay: float) -> Step:
        rules = make_rules(f"adamw weight_decay={decay}", None, training_files.CYCLE, training_files.GROUPS)
        step = Step(training_files.grouped_network(), make_loss("mse")[0], rules, 1)
        first_run(step, examples, 0)
        return step

    notes: list[Check] = []
    with listening(lambda _: None, notes.append):
        check_training(file, learning(0.1), [examples], halves=True)
    assert {"step 1", "step in halves 1", "state after step in halves 3"} <= {note.form for note in notes}
    with pytest.raises(pt2ts.CheckError, match=r"disagrees with torch\.optim"):
        check_training(file, learning(0.2), [examples], halves=True)
    with pytest.raises(pt2ts.CheckError, match="the package has whole steps only, not their two halves"):
        check_training(training_files.training_file("line"), line_step(), [training_files.line_data()], halves=True)


def line_step() -> Step:
    step = Step(training_files.Line(), make_loss("mse")[0], make_rules("adam", 0.01, "constant"), 1)
    first_run(step, training_files.line_data(), 0)
    return step


@pytest.mark.long
def test_halves_that_are_compiled_wrong_are_not_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """The step is right, its second half is not: only a comparison of the halves can tell."""
    right = Halves.apply

    def apply(self: Halves, state: State) -> tuple[Tensor, State]:
        loss, new = right(self, state)
        return loss, new | {name: 2 * value - state[name] for name, value in new.items() if name == "net.0.weight"}

    monkeypatch.setattr(Halves, "apply", apply)
    x, y = training_files.line_data()
    with pytest.raises(pt2ts.CheckError, match=r"the compiled step in halves disagrees .*'net\.0\.weight' differs by"):
        pt2ts.export_training(training_files.Line(), "mse", "adam", x, y, tmp_path / "train.pt2", halves=True)
    assert not list(tmp_path.iterdir())
