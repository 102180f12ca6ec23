"""Steps of training with planted faults: each is found whatever the size of the gradients, and a right step passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import pt2ts
from pt2ts.report import Check, listening
from pt2ts.training import optimizers as training_optimizers
from pt2ts.training.comparison import StepCheck, check_training
from pt2ts.training.losses import make_loss
from pt2ts.training.plan import make_rules
from pt2ts.training.step import Step, first_run

from ... import training_files

State = dict[str, Tensor]
Fault = Callable[[State, State], State]


class Imitation:
    """Stands for a compiled step: the functions that would be compiled, run as they are; a fault may change what they leave."""

    def __init__(self, step: Step, state: State, fault: Fault = lambda _old, new: new) -> None:
        self.made_of, self.values, self.fault = step, state, fault

    def step(self, tensors: Sequence[Tensor], n_inputs: int) -> float:
        assert n_inputs == self.made_of.n_inputs
        loss, new = self.made_of.step(self.values, tensors)
        old, whole = self.values, self.values | {name: value.detach().clone() for name, value in new.items()}
        self.values = self.fault(old, whole)
        return float(loss)

    def evaluate(self, tensors: Sequence[Tensor], n_inputs: int) -> float:
        assert n_inputs == self.made_of.n_inputs
        return float(self.made_of.evaluate(self.values, tensors))

    def state(self) -> State:
        return dict(self.values)

    def set_state(self, values: Mapping[str, Tensor]) -> None:
        self.values = {name: value.clone() for name, value in values.items()}


def data(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    source = torch.Generator().manual_seed(7)
    x = torch.randn(16, 5, generator=source, dtype=torch.float64)
    return x.to(dtype), torch.sin(x[:, :3]).to(dtype)


def step_of(optimizer: str, size: float = 1.0, dtype: torch.dtype = torch.float32, schedule: str = "constant") -> Step:
    """Return a step of a network with all that a step can change, whose gradients are of a given size."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 3)).to(dtype)

    def loss(output: Any, target: Any) -> Tensor:
        error: Tensor = output - target
        return error.square().mean() * size

    return Step(net, loss, make_rules(optimizer, None, schedule, None, None, None, skip_nonfinite=True), 1)


def examine_step(step: Step, dtype: torch.dtype = torch.float32, fault: Fault = lambda _old, new: new) -> list[Check]:
    x, y = data(dtype)
    notes: list[Check] = []
    state = {item.name: item.value for item in first_run(step, (x, y), 0)}
    with listening(lambda _: None, notes.append):
        StepCheck(Imitation(step, state, fault), step).check([(x, y), (x[:7], y[:7])])
    return notes


@pytest.mark.parametrize("size", [1.0, 1e-10])
@pytest.mark.parametrize(
    ("optimizer", "dtype"),
    [
        ("sgd", torch.float32),
        ("sgd momentum=0.9 nesterov=true weight_decay=0.01", torch.float32),
        ("sgd momentum=0.9 dampening=0.5", torch.float64),
        ("adam", torch.float32),
        ("adam weight_decay=0.1", torch.float64),
        ("adamw amsgrad=true", torch.float32),
    ],
)
def test_a_right_step_passes(optimizer: str, dtype: torch.dtype, size: float) -> None:
    schedule = "cosine schedule_steps=50 warmup_steps=5"
    notes = examine_step(step_of(optimizer, size, dtype, schedule), dtype)
    near = max((note.difference / note.allowed, note.form, note.output) for note in notes if note.allowed)
    assert near[0] < 0.5, near  # with room: other processors round otherwise


def weights_of(state: State) -> list[str]:
    return [name for name in state if name.endswith((".weight", ".bias")) and name[0].isdigit()]


def same_weights(old: State, new: State) -> State:
    return new | {name: old[name] for name in weights_of(new)}


def opposite_step(old: State, new: State) -> State:
    return new | {name: 2 * old[name] - new[name] for name in weights_of(new)}


def one_weight_kept(old: State, new: State) -> State:
    value = new["4.weight"].clone()
    value[1, 2] = old["4.weight"][1, 2]
    return new | {"4.weight": value}


def stale_buffer(old: State, new: State) -> State:
    return new | {"1.running_mean": old["1.running_mean"]}


def not_a_number(_: State, new: State) -> State:
    value = new["4.bias"].clone()
    value[1] = torch.nan
    return new | {"4.bias": value}


@pytest.mark.parametrize("size", [1.0, 1e-10])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (same_weights, r"'\d\.\w+' differs by .*: it is not moved at all"),
        (opposite_step, r"'\d\.\w+' differs by .*: it is moved in the opposite direction"),
        (one_weight_kept, r"'4\.weight' differs by"),
        (stale_buffer, r"'1\.running_mean' differs by .*: it is not moved at all"),
        (not_a_number, r"'4\.bias' differs: 1 of 3 numbers are NaN or infinite on one side only"),
    ],
)
def test_a_wrong_step_is_found_whatever_the_size_of_the_gradients(fault: Fault, words: str, optimizer: str, size: float) -> None:
    with pytest.raises(pt2ts.CheckError, match=words):
        examine_step(step_of(optimizer, size), fault=fault)


def plant_rule(monkeypatch: pytest.MonkeyPatch, name: str, **changed: Any) -> None:
    """Change the source of a rule of optimization."""
    monkeypatch.setitem(training_optimizers.OPTIMIZERS, name, training_optimizers.OPTIMIZERS[name]._replace(**changed))


@pytest.mark.parametrize("size", [1.0, 1e-10])
@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
@pytest.mark.parametrize("number", ["size", "root"])
def test_a_wrong_bias_correction_is_found(monkeypatch: pytest.MonkeyPatch, optimizer: str, number: str, size: float) -> None:
    right = training_optimizers.OPTIMIZERS[optimizer]

    def numbers(*arguments: Any) -> dict[str, Tensor]:
        found = right.numbers(*arguments)
        return found | {number: found["rate"] if number == "size" else torch.ones_like(found["root"])}

    plant_rule(monkeypatch, optimizer, numbers=numbers)
    with pytest.raises(pt2ts.CheckError, match=r"disagrees with torch\.optim .* differs by"):
        examine_step(step_of(optimizer, size))


@pytest.mark.parametrize("optimizer", ["sgd weight_decay=1e-4", "adam weight_decay=1e-4", "adamw weight_decay=1e-4"])
def test_a_forgotten_weight_decay_is_found(monkeypatch: pytest.MonkeyPatch, optimizer: str) -> None:
    name = optimizer.split()[0]
    right = training_optimizers.OPTIMIZERS[name]

    def update(choice: Any, *arguments: Any) -> Any:
        return right.update(replace(choice, options={**choice.options, "weight_decay": 0.0}), *arguments)

    plant_rule(monkeypatch, name, update=update)
    with pytest.raises(pt2ts.CheckError, match=r"disagrees with torch\.optim .* differs by"):
        examine_step(step_of(optimizer))


def test_a_step_of_which_nothing_can_be_seen_does_not_pass() -> None:
    with pytest.raises(pt2ts.CheckError, match="no weight is moved further than rounding"):
        examine_step(step_of("sgd", 0.0))


def test_the_steps_of_a_file_run_in_a_fresh_process() -> None:
    """A file is compared with a module that learns in another way than what was compiled."""
    file = training_files.training_file("line")
    step = Step(training_files.Line(), make_loss("mse")[0], make_rules("adam", 0.01, "constant"), 1)
    examples = training_files.line_data()
    first_run(step, examples, 0)
    notes: list[Check] = []
    with listening(lambda _: None, notes.append):
        check_training(file, step, [examples])
    assert {"step 1", "state after step 3", "model"} <= {note.form for note in notes}
    other = Step(training_files.Line(), make_loss("mse")[0], make_rules("adam beta_2=0.99", 0.01, "constant"), 1)
    first_run(other, examples, 0)
    with pytest.raises(pt2ts.CheckError, match=r"disagrees with torch\.optim on \[32, 1\], \[32, 1\]: after step 1"):
        check_training(file, other, [examples])
    with pytest.raises(pt2ts.CheckError, match="no weight is moved further than rounding"):
        check_training(file, step, [(examples[0] * torch.nan, examples[1])])


@pytest.mark.long
def test_a_step_that_is_compiled_wrong_is_not_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    right = training_optimizers.OPTIMIZERS["adam"]

    def update(choice: Any, weight: Tensor, *arguments: Any) -> Any:
        new, kept = right.update(choice, weight, *arguments)
        return 2 * weight - new, kept

    plant_rule(monkeypatch, "adam", update=update)
    x, y = training_files.line_data()

    def small(output: Any, target: Any) -> Tensor:
        error: Tensor = output - target
        return error.square().mean() * 1e-12

    with pytest.raises(pt2ts.CheckError, match="it is moved in the opposite direction"):
        pt2ts.export_training(training_files.Line(), small, "adam", x, y, tmp_path / "train.pt2")
    assert not list(tmp_path.iterdir())
