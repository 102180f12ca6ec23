"""Compiled training from Fortran: the steps are those of torch, a resumed run has the same bits, and mistakes are words."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

import pt2ts
from pt2ts.container.package import read_training_spec
from pt2ts.training.run import Trainer

from .. import training_files as files
from ..support import BuildFortran
from .conftest import HERE, Build, Run
from .package_runs import run_training
from .test_generated_modules import strict

ARGUMENT, HANDLE, FILE = 1, 2, 3

Scenario = Callable[[str, str], list[str]]


class Other(torch.nn.Module):
    """Not the network that is trained."""

    def __init__(self) -> None:
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Linear(1, 4), torch.nn.Linear(4, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.net(x)
        return y


@pytest.fixture(scope="module")
def folder(models: Path) -> Path:
    (x, kind), (first, second) = files.coupled_data()
    arrays = {"coupled_x": x, "coupled_kind": kind, "coupled_first": first, "coupled_second": second}
    for name, data in (("line", files.line_data()), ("dropping", files.dropping_data())):
        arrays |= {f"{name}_x": data[0], f"{name}_y": data[1]}
    for name, tensor in arrays.items():
        tensor.contiguous().numpy().tofile(models / f"{name}.bin")
    pt2ts.export(files.Line(), files.line_data()[0], models / "line.pt")
    pt2ts.export(Other(), files.line_data()[0], models / "other.pt")
    whole = files.training_file("line").read_bytes()
    middle = len(whole) // 2
    (models / "flipped.pt2").write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    (models / "short.pt2").write_bytes(whole[: len(whole) // 2])
    torch.save({"net.0.weight": torch.zeros(2, 2), "more": torch.zeros(1)}, models / "other.state")
    return models


@pytest.fixture
def scenario(build: Build, run: Run, folder: Path) -> Scenario:
    """Run a scenario on a package; return the lines it printed."""
    assert folder.is_dir()
    return partial(run_training, build, run, "trainer.f90")


def test_two_hundred_steps_are_those_of_torch(scenario: Scenario) -> None:
    *losses, evaluation, count = scenario("line", "line")
    module = files.Line()
    x, y = files.line_data()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    expected = files.eager_losses(module, optimizer, functional.mse_loss, (x,), y, 200)
    assert [float(loss) for loss in losses] == pytest.approx(expected, rel=1e-5)
    assert count == "count 200"
    assert float(evaluation.split()[1]) == pytest.approx(functional.mse_loss(module(x), y).item(), rel=1e-5)


def test_layouts_sections_and_dtypes(scenario: Scenario) -> None:
    losses = [float(loss) for loss in scenario("shapes", "line")]
    x, y = files.line_data()
    expected = functional.mse_loss(files.Line()(x), y).item()
    assert losses[:5] == pytest.approx([expected] * 5, rel=1e-5)
    assert losses[5] == pytest.approx(functional.mse_loss(files.Line()(x[:7]), y[:7]).item(), rel=1e-5)


def test_several_inputs_and_targets(scenario: Scenario) -> None:
    *losses, count = scenario("coupled", "coupled")
    module = files.Coupled()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05, momentum=0.9, nesterov=True)
    expected = files.eager_losses(module, optimizer, files.coupled_loss, *files.coupled_data(), 100)
    assert [float(loss) for loss in losses] == pytest.approx(expected, rel=1e-5)
    assert count == "count 100"


def test_a_schedule_and_groups_are_those_of_torch(scenario: Scenario) -> None:
    found = [[float(word) for word in line.split()] for line in scenario("grouped", "grouped")]
    net = files.grouped_network()
    highest = 0.05
    start, slow = highest / 25, files.GROUPS["0.*"]["learning_rate"]
    groups: list[dict[str, Any]] = [
        {"params": [net.get_parameter("2.weight")]},
        {"params": [net.get_parameter("2.bias")], "weight_decay": 0.0},
        {"params": [net.get_parameter("0.weight")]},
        {"params": [net.get_parameter("0.bias")], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.1)
    peaks = [highest, highest, highest * slow / start, highest * slow / start]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, peaks, 260, three_phase=True)
    x, y = files.dropping_data()
    for step, (loss, rate) in enumerate(found):
        assert rate == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12, abs=0), step
        optimizer.zero_grad()
        value = functional.mse_loss(net(x), y)
        value.backward()  # type: ignore[no-untyped-call]
        assert loss == pytest.approx(value.item(), rel=1e-9), step
        optimizer.step()
        if step < 259:
            schedule.step()


def test_a_plateau_moves_the_base_rate(scenario: Scenario) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.01)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=3)
    expected = []
    for epoch in range(1, 41):
        schedule.step(1 / min(epoch, 10))
        expected.append(optimizer.param_groups[0]["lr"])
    assert len(set(expected)) > 4
    assert [float(line) for line in scenario("plateau", "line")] == pytest.approx(expected, rel=1e-12)


def test_the_same_bits_as_in_python_and_after_a_restart(scenario: Scenario, folder: Path) -> None:
    whole = [line.split()[0] for line in scenario("dropping", "dropping")]
    resumed = [line.strip() for line in scenario("resume", "dropping")]
    assert resumed.pop(25) == "count 25"
    assert resumed == whole
    trainer = Trainer(files.training_file("dropping"))
    x, y = files.dropping_data()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    losses = [trainer.step(x, y).item() for _ in range(60)]
    torch.set_num_threads(threads)
    assert [float(loss) for loss in whole] == losses
    state = torch.load(folder / "trainer.state", weights_only=True)
    assert list(state) == list(trainer.state)
    assert state["trainer.step"].item() == 25
    files.Dropping().load_state_dict({key: value for key, value in state.items() if not key.startswith("trainer")})


def test_settings_and_state(scenario: Scenario) -> None:
    before, after, *rest = scenario("settings", "dropping")
    assert [float(word) for word in before.split()[1:]] == [0.01, 0.0]
    # The warm-up of ten steps starts with a tenth.
    assert [float(word) for word in after.split()[1:]] == pytest.approx([0.5, 0.5 * 0.19])
    names = [entry.place.name for entry in read_training_spec(files.training_file("dropping")).state]
    assert rest == [
        "names T",
        f"count {len(names)} {names[0]} {names[-1]}",
        "contract T",
        "values  1.0  1.0",
        "arrays   0.0   0.0   1.0  16.0   3.0  16.0",
        "number 2 1",
        "skipped T 2",
    ]


def test_a_model_takes_the_weights(scenario: Scenario) -> None:
    loss, own, script = (float(line) for line in scenario("weights", "line"))
    assert loss < 0.02
    assert [own, script] == pytest.approx([loss] * 2, rel=1e-4)


def test_a_generated_module_takes_what_a_trainer_has_learned(
    fc: str, build_fortran: BuildFortran, run: Run, folder: Path, tmp_path: Path
) -> None:
    assert (folder / "line_x.bin").exists()
    package = files.training_file("line")
    source = tmp_path / "line_network.f90"
    source.write_text(pt2ts.fortran_module(package, "line_network"))
    done = run(build_fortran(source, HERE / "generated_training.f90", compiler=fc, flags=strict(fc)), str(package))
    assert done.returncode == 0, done.stdout + done.stderr
    found = dict(line.strip().split(maxsplit=1) for line in done.stdout.splitlines())
    assert found["early"].startswith(f"{HANDLE} torch_model_take_weights: model is not initialised")
    assert found["nobody"].startswith(f"{HANDLE} torch_model_take_weights: trainer is not initialised")
    assert (found["test"], found["sample"], found["live"]) == ("T", "T", "0")
    x, y = files.line_data()
    before = functional.mse_loss(files.Line()(x), y).item()
    assert [float(found[name]) for name in ("first", "still")] == pytest.approx([before] * 2, rel=1e-5)
    assert float(found["taken"]) == pytest.approx(float(found["learned"]), rel=1e-5)
    assert float(found["taken"]) < before / 2


MISTAKES = {
    "shape": (
        ARGUMENT,
        "input 1 'x' (K): expected float32 [batch, 1], got float32 [1, 32]; if the dimensions are only in another order",
    ),
    "batch": (ARGUMENT, "target 1 'y' (K/s): expected float32 [batch, 1], got float32 [5, 1]; batch is 32"),
    "dtype": (ARGUMENT, "input 1 'x' (K): expected float32 [batch, 1], got float64 [32, 1]; pass convert=.true."),
    "rank": (ARGUMENT, "expected float32 [batch, 1], got float32 [32]"),
    "backwards": (ARGUMENT, "torch_trainer_step: "),
    "count": (ARGUMENT, "the trainer takes 1 input, got 2"),
    "null": (HANDLE, "trainer is not initialised"),
    "rate": (ARGUMENT, "argument 'learning_rate': expected a number, 0 or more, got -1"),
    "name": (ARGUMENT, "the trainer has no tensor 'nothing'; it has: net.0.weight net.0.bias"),
    "values": (ARGUMENT, "'net.0.weight': expected float32 [16, 1], got float32 [32, 1]"),
    "array": (ARGUMENT, "torch_trainer_set_tensor: 'net.0.weight': expected float32 [16, 1], got float32 [1, 32]"),
    "kind": (ARGUMENT, "'net.0.bias': expected float32 [16], got float64 [16]; pass convert=.true. or values of that dtype"),
    "unknown": (ARGUMENT, "torch_trainer_get_tensor: argument 'name': the trainer has no tensor 'nothing'; it has: net.0.weight"),
    "room": (ARGUMENT, "torch_trainer_get_tensor: shapes differ: the target is float32 [1, 32], the values are float32 [16, 1]"),
    "holds": (ARGUMENT, "torch_trainer_get_tensor: data_out is float64, the tensor is float32 [16]; pass convert=.true."),
    "names": (HANDLE, "torch_trainer_names: trainer is not initialised"),
    "weights": (ARGUMENT, "the trainer does not fit the model: of another dtype or shape: net.0.weight (float32 [4, 1]"),
}


def test_mistakes_are_told_and_change_nothing(scenario: Scenario) -> None:
    *lines, last = scenario("mistakes", "line")
    assert len(lines) == len(MISTAKES)
    for line, (name, (status, words)) in zip(lines, MISTAKES.items(), strict=True):
        found, number, message = line.split(maxsplit=2)
        assert (found, int(number)) == (name, status)
        assert words in message
    assert last == "nothing happened -1.0 0"


FILES = {
    "missing": (FILE, "nothing.pt2"),
    "torchscript": (FILE, "'line.pt' is no training package; make one with pt2ts export-training"),
    "flipped": (FILE, "'flipped.pt2' is corrupt"),
    "short": (FILE, "short.pt2"),
    "sha256": (ARGUMENT, "argument 'sha256': expected 64 hexadecimal digits"),
    "state": (FILE, "nothing.state"),
    "other": (ARGUMENT, "the state in 'other.state' is not one of this trainer: 'net.0.weight' is float32 [16, 1] in the trainer"),
    "save": (FILE, "cannot write 'no_folder/some.state'"),
}


def test_files_that_are_none(scenario: Scenario) -> None:
    lines = scenario("files", "line")
    assert len(lines) == len(FILES)
    for line, (name, (status, words)) in zip(lines, FILES.items(), strict=True):
        found, number, message = line.split(maxsplit=2)
        assert (found, int(number)) == (name, status), line
        assert words in message


def test_twenty_thousand_steps_are_flat_in_memory(scenario: Scenario) -> None:
    (line,) = scenario("flat", "line")
    assert int(line.split()[1]) < 256  # kB
