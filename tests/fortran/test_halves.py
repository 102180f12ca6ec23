"""Steps in two halves from Fortran: they are whole steps, gradients can be looked at and averaged, and mistakes are words."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from torch.nn import functional

from .. import training_files as files
from .conftest import Build, Run
from .package_runs import run_training

ARGUMENT, HANDLE, MODEL = 1, 2, 6

Scenario = Callable[[str, str], list[str]]


@pytest.fixture(scope="module")
def folder(models: Path) -> Path:
    for name, tensor in zip(("dropping_x", "dropping_y"), files.dropping_data(), strict=True):
        tensor.contiguous().numpy().tofile(models / f"{name}.bin")
    return models


@pytest.fixture
def scenario(build: Build, run: Run, folder: Path) -> Scenario:
    """Run a scenario on a package; return the lines it printed."""
    assert folder.is_dir()
    return partial(run_training, build, run, "halves.f90")


def numbers(lines: list[str]) -> list[list[float]]:
    return [[float(word) for word in line.split()] for line in lines]


@pytest.mark.parametrize("package", ["dropping", "grouped"])
def test_halves_are_whole_steps(scenario: Scenario, package: str) -> None:
    *lines, counts = scenario("steps", package)
    assert counts == "counts 30 30"
    losses = [loss for loss, *_ in numbers(lines)]
    assert len(set(losses)) == 30
    for step, (loss, first, second, rate) in enumerate(numbers(lines)):
        assert [first, second] == pytest.approx([loss] * 2, rel=1e-11), step
        assert rate == 0.0


def test_several_inputs_and_targets(scenario: Scenario) -> None:
    found = numbers(scenario("tensors", "coupled"))
    assert len({loss for loss, _ in found}) == 20
    for loss, half in found:
        assert half == pytest.approx(loss, rel=1e-5)


def test_gradients_are_those_of_torch(scenario: Scenario) -> None:
    kinds, norm, *lines = scenario("gradients", "grouped")
    assert kinds == "kinds T F"
    net = files.grouped_network()
    x, y = files.dropping_data()
    functional.mse_loss(net(x), y).backward()  # type: ignore[no-untyped-call]
    expected = [number for weight in net.parameters() if weight.grad is not None for number in weight.grad.flatten().tolist()]
    assert [float(line) for line in lines] == pytest.approx(expected, rel=1e-11)
    assert float(norm.split()[1]) == pytest.approx(sum(number**2 for number in expected) ** 0.5, rel=1e-11)
    assert float(norm.split()[2]) == 0.0, "the gradient of a weight by its name is that part of all of them"


def test_gradients_that_are_averaged_by_hand_are_those_of_the_whole_batch(scenario: Scenario) -> None:
    *lines, same = scenario("by_hand", "grouped")
    assert same == "same T"
    found = numbers(lines)
    assert len({loss for _, loss in found}) == 20
    for mean, whole in found:
        assert mean == pytest.approx(whole, rel=1e-12)


def test_a_batch_without_samples(scenario: Scenario) -> None:
    assert scenario("nothing", "dropping") == ["largest  0.0", "kept T  0.0 2"]


def test_what_is_not_finite_changes_nothing(scenario: Scenario) -> None:
    assert scenario("skipped", "dropping") == ["skipped T T 0"]


NONE = "torch_trainer_apply: there are no gradients to apply: call gradients before, for each apply"
MISTAKES = {
    "early": (ARGUMENT, NONE),
    "shape": (ARGUMENT, "torch_trainer_gradients: input 1 'x': expected float64 [batch, 3], got float64 [3, 32]"),
    "batch": (ARGUMENT, "target 1 'y': expected float64 [batch, 1], got float64 [5, 1]; batch is 32"),
    "dtype": (ARGUMENT, "input 1 'x': expected float64 [batch, 3], got float32 [32, 3]; pass convert=.true."),
    "refused": (ARGUMENT, NONE),
    "twice": (ARGUMENT, NONE),
    "step": (ARGUMENT, NONE),
    "restore": (ARGUMENT, NONE),
    "evaluate": (0, "-"),
    "null": (HANDLE, "torch_trainer_gradients: trainer is not initialised"),
    "deleted": (HANDLE, "torch_trainer_apply: trainer is used after delete"),
    "array": (HANDLE, "torch_trainer_gradient_array: trainer is used after delete"),
    "nothing": (HANDLE, "torch_trainer_no_gradients: trainer is used after delete"),
}


def compare(lines: list[str], expected: dict[str, tuple[int, str]]) -> None:
    assert len(lines) == len(expected)
    for line, (name, (status, words)) in zip(lines, expected.items(), strict=True):
        found, number, message = line.split(maxsplit=2)
        assert (found, int(number)) == (name, status), line
        assert words in message


def test_mistakes_are_told_and_change_nothing(scenario: Scenario) -> None:
    *lines, last = scenario("mistakes", "dropping")
    compare(lines, MISTAKES)
    assert last == "nothing happened -1.0 F"


def test_a_package_without_halves_says_how_to_make_one(scenario: Scenario) -> None:
    words = "the package has whole steps only, not their two halves; export it with halves=True (pt2ts export-training --halves)"
    compare(
        scenario("without", "line"),
        {
            "gradients": (MODEL, f"torch_trainer_gradients: {words}"),
            "apply": (MODEL, f"torch_trainer_apply: {words}"),
            "array": (MODEL, f"torch_trainer_gradient_array: {words}"),
            "nothing": (MODEL, f"torch_trainer_no_gradients: {words}"),
        },
    )


def test_ten_thousand_halves_are_flat_in_memory(scenario: Scenario) -> None:
    (line,) = scenario("flat", "dropping")
    assert int(line.split()[1]) < 256  # kB
