"""The compiled forms of a training's functions: for which sizes they are made, which one a call takes, and that all agree."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from pt2ts.container.package import CODE, SPEC, digest, read_members, read_training_spec, save
from pt2ts.contract.spec import Symbol
from pt2ts.contract.variants import choose
from pt2ts.errors import VerifyError
from pt2ts.runtime.fresh import FreshTrainer
from pt2ts.training.forms import Form, fixed_forms, general_form, serial_form, small_form, uncovered
from pt2ts.training.pieces import SMALL, Pieces

from ... import training_files as files
from ..cli.test_cli import pt2ts_command

#: The largest batch of the 1-16-1 network whose products are loops.
LIMIT = SMALL // 16


def data(batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.linspace(-1, 1, batch)[:, None]
    return x, torch.sin(3 * x)


@pytest.fixture(scope="module")
def line() -> Path:
    return files.training_file("line")


def test_what_the_package_has(line: Path) -> None:
    """The limit goes by the network, not by the 32 samples of the example."""
    spec = read_training_spec(line)
    steps = [variant for variant in spec.variants if variant.name.startswith("step")]
    assert [(variant.name, dict(variant.sizes)) for variant in steps] == [("step_small", {"batch": (1, LIMIT)}), ("step", {})]
    names = {batch: chosen.name for batch in (1, LIMIT, LIMIT + 1) if (chosen := choose(steps, {"batch": batch}))}
    assert names == {1: "step_small", LIMIT: "step_small", LIMIT + 1: "step"}


@pytest.mark.parametrize("batch", [1, LIMIT, LIMIT + 1, 3 * LIMIT])
def test_the_library_takes_each_for_its_sizes(line: Path, batch: int) -> None:
    x, y = data(batch)
    module = files.Line()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    expected = files.eager_losses(module, optimizer, functional.mse_loss, (x,), y, 5)
    with FreshTrainer(line) as trainer:
        assert [trainer.step([x, y], 1) for _ in range(5)] == pytest.approx(expected, rel=1e-5)
        assert trainer.evaluate([x, y], 1) == pytest.approx(functional.mse_loss(module(x), y).item(), rel=1e-5)


@pytest.mark.parametrize("left", ["step_small", "step"])
def test_only_the_forms_that_are_there_are_taken(line: Path, left: str, tmp_path: Path) -> None:
    """Each form alone: what it computes is right, and what it is not for is refused."""
    spec = read_training_spec(line)
    gone = {"step_small", "step"} - {left}
    kept = replace(spec, variants=tuple(variant for variant in spec.variants if variant.name not in gone))
    members = {name: content for name, content in read_members(line).items() if name != SPEC and not _of(name, gone)}
    path = tmp_path / "part.pt2"
    with path.open("wb") as file:
        save(file, members, kept)
    assert json.loads(read_members(path)[SPEC])["digest"] == digest(read_members(path))
    with FreshTrainer(path) as trainer:
        x, y = data(64)
        assert trainer.step([x, y], 1) == pytest.approx(functional.mse_loss(files.Line()(x), y).item(), rel=1e-5)
        if left == "step_small":
            with pytest.raises(VerifyError, match="no compiled form of 'step' is for batch=2049"):
                trainer.step(list(data(LIMIT + 1)), 1)


def _of(member: str, variants: set[str]) -> bool:
    return any(member.startswith(f"{CODE}{name}/") for name in variants)


@pytest.mark.long  # three compilations
def test_sizes_with_code_of_their_own(tmp_path: Path) -> None:
    """By the command line, from examples in files."""

    def pair(batch: int) -> list[torch.Tensor]:
        source = torch.Generator().manual_seed(batch)
        return [torch.randn(batch, 16, generator=source) for _ in range(2)]

    for name, tensor in zip("xy", pair(8), strict=True):
        np.save(tmp_path / f"{name}.npy", tensor.numpy())
    path = tmp_path / "t.pt2"
    words = ["export-training", "torch.nn:Linear", "mse", "adam", "-o", path, "--arg", "in_features=16", "--arg", "out_features=16"]
    words += ["--batch", "48"]
    done = pt2ts_command(*words, "--example", tmp_path / "x.npy", "--example-target", tmp_path / "y.npy")
    assert done.code == 0, done.err
    spec = read_training_spec(path)
    assert [(variant.name, variant.sizes.get("batch")) for variant in spec.variants if variant.name.startswith("step")] == [
        ("step_48", (48, 48)), ("step_small", (1, 128)), ("step_serial", (1, 2048)), ("step", None),
    ]  # fmt: skip
    assert [variant.name for variant in spec.variants if "_48" in variant.name] == ["step_48", "evaluate_48", "model_48"]
    with FreshTrainer(path) as trainer:
        start = trainer.state()
        for batch in (47, 48, 49, 300, 3000):
            x, y = pair(batch)
            trainer.set_state(start)
            expected = functional.mse_loss(functional.linear(x, start["weight"], start["bias"]), y)
            assert trainer.evaluate([x, y], 1) == pytest.approx(expected.item(), rel=1e-5)
            assert trainer.step([x, y], 1) == pytest.approx(expected.item(), rel=1e-5)
    for sizes, words_of_it in (("0", "positive whole numbers"), ("x", "write them as 1,32,1024")):
        done = pt2ts_command(*words[:-1], sizes, "--input", "x[batch,16] float32", "--target", "y[batch,16] float32")
        assert done.code == 1
        assert words_of_it in done.err
    done = pt2ts_command(*words, "--input", "x[8,16] float32", "--target", "y[8,16] float32")
    assert "no input has a symbolic batch dimension" in done.err
    done = pt2ts_command(*words, "--input", "x[batch,16] float32", "--target", "y[batch,16] float32", "--symbol", "batch=1..9")
    assert "batch has the size 48, outside the bounds batch=1..9" in done.err
    done = pt2ts_command(*words, "--example", tmp_path / "none.npy", "--target", "y[batch,16] float32")
    assert "there is no file" in done.err


def met(largest: int) -> Pieces:
    pieces = Pieces()
    pieces.largest = largest
    return pieces


def test_which_forms_there_are() -> None:
    """From the largest product that the form for any size has met."""
    general = Form(size=4096)
    assert small_form(general, Symbol(), met(4096 * 256)) == Form("_small", 128, (1, 128))
    assert small_form(general, Symbol(), met(0)) is None, "no products at all"
    assert small_form(general, Symbol(), met(4096 * 8)) is None, "loops at every size"
    assert small_form(general, Symbol(), met(4096 * 128 * 128)) is None, "for two samples it is not worth it"
    assert small_form(general, Symbol(min=200), met(4096 * 256)) is None, "such small ones do not come"
    few = [torch.zeros(2, 5), torch.zeros(2, 3)]
    assert general_form("batch", few, {"batch": 2}, Symbol(), 0).size == 4096
    assert general_form("batch", few, {"batch": 2}, Symbol(max=100), 0).size == 100
    image = torch.zeros(1, 512, 512)
    assert general_form("batch", [image.expand(2, -1, -1)], {"batch": 2}, Symbol(), 0).size == 16
    assert general_form("batch", [image.expand(32, -1, -1)], {"batch": 32}, Symbol(), 0).size == 32, "as large as the example"


def test_loops_too_short_for_threads_run_on_one() -> None:
    program = torch.export.export(torch.nn.Tanh(), (torch.randn(4096, 64),))
    general, small = Form(size=4096), Form("_small", 128, (1, 128))
    serial = Form("_serial", 512, (1, 512))
    assert serial_form(general, Symbol(), program, small) == serial_form(general, Symbol(), program, None) == serial
    assert serial_form(general, Symbol(min=513), program, None) is None, "such small ones do not come"
    assert serial_form(general, Symbol(), program, Form("_small", 512, (1, 512))) is None, "those of the small ones are as short"
    assert serial_form(replace(general, threads=1), Symbol(), program, None) is None, "they run on one thread anyway"
    assert general.loop_threads(program, Symbol()) == 0
    short = torch.export.export(torch.nn.Tanh(), (torch.randn(512, 64),))
    assert serial.loop_threads(short, Symbol()) == 1
    assert Form(size=512).loop_threads(short, Symbol(max=512)) == 1
    assert Form(size=512).loop_threads(short, Symbol()) == 0, "larger ones will come"
    assert Form().loop_threads(short, None) == 1, "the batch is fixed"
    assert Form(threads=2).loop_threads(short, None) == 2


def test_every_form_is_compared() -> None:
    forms = [*fixed_forms([48], 0), Form("_small", 128, (1, 128)), Form(size=4096)]
    assert uncovered(forms, Symbol(), [8, 11, 1]) == [48, 129]
    assert uncovered(forms, Symbol(max=128), [8]) == [48], "nothing is left for the last form"
    assert uncovered(forms, Symbol(), [48, 8, 1000]) == []
