"""Training packages: what is in them, and that the compiled steps are those of torch. Fortran runs them in tests/fortran."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

import pt2ts
from pt2ts.container.package import SPEC, digest, read_members, read_training_spec, save
from pt2ts.errors import DeclarationError, ExportError, SpecError, UnexportableError
from pt2ts.training.run import Trainer

from ... import training_files as files
from ..cli.test_cli import pt2ts_command


@pytest.fixture(scope="module")
def line() -> Path:
    return files.training_file("line")


@pytest.fixture(scope="module")
def dropping() -> Path:
    return files.training_file("dropping")


@pytest.fixture(scope="module")
def coupled() -> Path:
    return files.training_file("coupled")


def test_the_contract(dropping: Path) -> None:
    members = read_members(dropping)
    spec = json.loads(members[SPEC])
    assert (spec["kind"], spec["format"], spec["digest"]) == ("training", 1, digest(members))
    assert [item["name"] for item in spec["targets"]] == ["y"]
    assert spec["symbols"] == {"batch": {"min": 2, "max": 1000}}
    functions = ("step", "evaluate", "model", "gradients")
    names = [name for function in functions for name in (f"{function}_small", function)]
    assert [(item["name"], item["kind"], item["weights"]) for item in spec["variants"]] == [
        (name, "aoti", "shared") for name in (*names, "apply")
    ]
    assert all("avx2" in item["isa"]["flags"] for item in spec["variants"])
    roles = {item["name"]: item["role"] for item in spec["state"]}
    assert roles["net.0.weight"] == "parameter"
    assert roles["net.1.running_mean"] == "buffer"
    assert roles["trainer.exp_avg.net.0.weight"] == "moment"
    assert (roles["trainer.step"], roles["trainer.last_learning_rate"]) == ("counter", "counter")
    assert (roles["trainer.learning_rate"], roles["trainer.seed"]) == ("setting", "setting")
    assert sorted(item["name"] for item in spec["weights"]) == sorted(files.Dropping().state_dict())
    assert all(item["offset"] % 64 == 0 for item in spec["state"])
    assert spec["training"] == {
        "loss": "mse",
        "optimizer": "adamw learning_rate=0.01 beta_1=0.9 beta_2=0.999 eps=1e-08 weight_decay=0.001 amsgrad=false",
        "schedule": "cosine schedule_steps=400 min_learning_rate=0.0 warmup_steps=10",
        "groups": [],
        "clip_norm": 1.0,
        "clip_value": None,
        "skip_nonfinite": True,
    }


def test_inspect_shows_how_it_learns(dropping: Path) -> None:
    done = pt2ts_command("inspect", dropping)
    assert done.code == 0
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    for words in ("optimizer adamw learning_rate=0.01", "clip norm 1.0", "target 1 y float64", "evaluate compiled by AOTInductor"):
        assert any(line.startswith(words) for line in lines), words


def test_the_network_in_it_is_verified_compared_and_measured(line: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = pt2ts.verify(line, files.Line())
    assert {item.check for item in found if item.passed} >= {"golden", "random", "repeat", "batch", "nan", "edges", "layout"}
    assert not any(item.fault for item in found)
    other = files.Line()
    torch.nn.init.ones_(other.get_parameter("net.0.bias"))
    assert "the weights" in next(item.fault for item in pt2ts.verify(line, other) if item.check == "random")
    x, _ = files.line_data()
    for name, module in (("same.pt", files.Line()), ("other.pt", other)):
        pt2ts.export(module, x, tmp_path / name, inputs=["x[batch,1] float32 K"], outputs=["output"])
        matters = [item.what for item in pt2ts.diff(line, tmp_path / name) if item.matters]
        assert matters == ([] if name == "same.pt" else ["net.0.bias", "output"])
    monkeypatch.setattr("pt2ts.timing.bench._ROUNDS", 5)
    assert [row.batch for row in pt2ts.bench(line, (1, 32)).rows] == [1, 32]


def test_two_of_them_differ_in_how_they_learn(line: Path, tmp_path: Path) -> None:
    members, spec = read_members(line), read_training_spec(line)
    slower = replace(
        spec, targets=(replace(spec.targets[0], units="K/d"),), training={**(spec.training or {}), "clip_norm": 1.0}
    )  # fmt: skip
    with (tmp_path / "t.pt2").open("wb") as file:
        save(file, {name: content for name, content in members.items() if name != SPEC}, slower)
    found = {item.what: (item.first, item.second) for item in pt2ts.diff(line, tmp_path / "t.pt2") if item.matters}
    assert found == {"target 1 'y': units": ("K/s", "K/d"), "clip norm": ("none", "1.0")}


def test_it_learns_as_torch_does(line: Path) -> None:
    module = files.Line()
    x, y = files.line_data()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    expected = files.eager_losses(module, optimizer, functional.mse_loss, (x,), y, 200)
    trainer = Trainer(line)
    losses = [trainer.step(x, y).item() for _ in range(200)]
    assert losses == pytest.approx(expected, rel=1e-5)
    assert losses[-1] < losses[0] / 10
    assert trainer.state["trainer.step"].item() == 200
    torch.testing.assert_close(trainer.run_model(x)[0], module(x).detach(), rtol=1e-5, atol=1e-6)
    assert trainer.evaluate(x, y).item() == pytest.approx(functional.mse_loss(module(x), y).item(), rel=1e-5)


def test_two_inputs_two_targets_and_a_loss_of_ones_own(coupled: Path) -> None:
    module = files.Coupled()
    inputs, targets = files.coupled_data()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05, momentum=0.9, nesterov=True)
    expected = files.eager_losses(module, optimizer, files.coupled_loss, inputs, targets, 100)
    trainer = Trainer(coupled)
    losses = [trainer.step(*inputs, *targets).item() for _ in range(100)]
    assert losses == pytest.approx(expected, rel=1e-5)
    roles = {entry.place.name: entry.role for entry in read_training_spec(coupled).state}
    assert "constant" in roles.values()


@pytest.mark.parametrize("batch", [1, 2, 31, 33, 1000])
def test_any_batch(line: Path, batch: int) -> None:
    x = torch.linspace(-1, 1, batch)[:, None]
    y = torch.cos(x)
    trainer = Trainer(line)
    assert trainer.step(x, y).item() == pytest.approx(functional.mse_loss(files.Line()(x), y).item(), rel=1e-5)


def test_settings_count_from_the_next_step_on(dropping: Path) -> None:
    """Tensors of a single element too: a compiler that builds them into the code would be silently wrong."""
    x, y = files.dropping_data()
    first, second, third = Trainer(dropping), Trainer(dropping), Trainer(dropping)
    second.state["trainer.learning_rate"].fill_(0.0)
    third.state["trainer.seed"].fill_(12)
    before = {name: value.clone() for name, value in second.state.items()}
    losses = [trainer.step(x, y).item() for trainer in (first, second, third)]
    assert losses[0] == losses[1] != losses[2]
    assert torch.equal(second.state["net.0.weight"], before["net.0.weight"])
    assert not torch.equal(first.state["net.0.weight"], before["net.0.weight"])
    first.state["net.4.bias"].fill_(100.0)
    assert first.evaluate(x, y).item() > 5000
    for name in ("step", "last_learning_rate", "exp_avg_sq.net.4.bias"):
        value = first.state[f"trainer.{name}"].clone()
        first.step(x, y)
        assert not torch.equal(first.state[f"trainer.{name}"], value), name


def test_a_run_that_is_resumed_has_the_same_bits(dropping: Path) -> None:
    x, y = files.dropping_data()
    whole, part, resumed = Trainer(dropping), Trainer(dropping), Trainer(dropping)
    losses = [whole.step(x, y).item() for _ in range(60)]
    for _ in range(25):
        part.step(x, y)
    for name, value in part.state.items():
        resumed.state[name].copy_(value)
    assert [resumed.step(x, y).item() for _ in range(35)] == losses[25:]
    for name, value in whole.state.items():
        assert torch.equal(resumed.state[name], value), name


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_step_that_is_not_finite_changes_nothing(dropping: Path, bad: float) -> None:
    x, y = files.dropping_data()
    trainer = Trainer(dropping)
    trainer.step(x, y)
    before = {name: value.clone() for name, value in trainer.state.items()}
    x = x.clone()
    x[3, 1] = bad
    assert math.isnan(trainer.step(x, y).item())
    for name, value in trainer.state.items():
        assert torch.equal(value, before[name]), name


def test_two_exports_give_the_same_code_but_for_names(line: Path) -> None:
    assert read_training_spec(line).inputs[0].units == "K"
    with pytest.raises(SpecError, match="no training package"):
        read_training_spec(_inference(line.parent))


def _inference(folder: Path) -> Path:
    path = folder / "model.pt"
    pt2ts.export(files.Line(), files.line_data()[0], path)
    return path


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"path": "train.pt"}, "does not end in .pt2"),
        ({"path": "nowhere/train.pt2"}, "there is no folder"),
        ({"optimizer": "sgd nesterov=true"}, "nesterov needs momentum"),
        ({"optimizer": "adam learning_rate=0.1", "learning_rate": 0.2}, "learning_rate is given twice"),
        ({"learning_rate": -1.0}, "expected a number above 0"),
        ({"clip_norm": 0.0}, "clip_norm is 0.0"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"example_targets": None}, "neither example targets nor their declarations"),
        ({"targets": ["x[batch,1]"], "inputs": ["x[batch,1]"]}, "two inputs or targets are called 'x'"),
        ({"example_targets": torch.zeros(31, 1)}, "'batch' is 32 in one input and 31 in 'target'"),
        ({"loss": lambda out, y: (out - y).sum() / 0 if out.mean() > 0 else out.mean()}, "recorded"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_compiled(options: dict[str, Any], words: str, tmp_path: Path) -> None:
    x, y = files.line_data()
    given: dict[str, Any] = {"loss": "mse", "optimizer": "adam", "example_targets": y, "path": "train.pt2", **options}
    path = tmp_path / given.pop("path")
    with pytest.raises((DeclarationError, ExportError)) as caught:
        pt2ts.export_training(
            files.Line(), given.pop("loss"), given.pop("optimizer"), x, given.pop("example_targets"), path, **given
        )
    assert words in str(caught.value)
    assert not path.exists()


def test_random_numbers_that_are_not_ours_are_refused(tmp_path: Path) -> None:
    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(1, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.layer(x)
            return y + torch.randn_like(y) if self.training else y

    with pytest.raises(UnexportableError, match=r"draws random numbers by aten\.randn_like"):
        pt2ts.export_training(Noisy(), "mse", "adam", *files.line_data(), tmp_path / "train.pt2")


def test_a_network_that_cannot_take_one_sample_says_so(tmp_path: Path) -> None:
    x, y = files.dropping_data()
    with pytest.raises(ExportError, match="a step fails with batch=1") as caught:
        pt2ts.export_training(files.Dropping(), "mse", "adam", x, y, tmp_path / "train.pt2")
    assert "symbols={'batch': (2, None)}" in str(caught.value)


def test_the_command_line_says_what_is_wrong(tmp_path: Path) -> None:
    words = ("export-training", "user_modules:make_column", "mse", "adam", "-o", tmp_path / "t.pt2")
    done = pt2ts_command(*words, "--input", "column[batch,5] float32")
    assert done.code == 1
    assert "neither example targets nor their declarations" in done.err
    done = pt2ts_command(*words, "--input", "column[batch,5] float32", "--target", "y[batch,7] float32")
    assert done.code == 1
    assert "the loss 'mse' wants a target of" in done.err
    done = pt2ts_command("export-training", "user_modules:make_column", "user_modules:nothing", "adam", "-o", tmp_path / "t.pt2")
    assert "'user_modules' has no 'nothing'" in done.err


@pytest.mark.long
def test_a_direction_that_only_rounding_decides_is_no_mistake(tmp_path: Path) -> None:
    # The gradient of a bias before batch normalization is zero, and Adam makes full steps of its rounding.
    x, y = torch.randn(8, 5), torch.randn(8, 3)
    net = torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.BatchNorm1d(8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
    path = tmp_path / "t.pt2"
    pt2ts.export_training(
        net, "mse", "adam", x, y, path, inputs=["x[batch,5]"], targets=["y[batch,3]"], symbols={"batch": (2, None)}
    )
    assert path.exists()
