"""``pt2ts tune``: the fastest of several forms is kept, the file stays right, nothing else changes."""

from __future__ import annotations

import io
import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import pt2ts
from pt2ts.capture.forms import Forms
from pt2ts.capture.program import flat_module
from pt2ts.capture.retrace import script_of
from pt2ts.compile.aoti import Recipe
from pt2ts.compile.variants import Built
from pt2ts.container.package import PROGRAM, read_members, save
from pt2ts.contract.spec import Symbol, TensorSpec
from pt2ts.contract.variants import Variant
from pt2ts.pytorch import torchscript
from pt2ts.report import listening
from pt2ts.runtime.measure import beyond, samples
from pt2ts.runtime.runner import PackageRunner
from pt2ts.toolchain.isa import find_isa
from pt2ts.tuning import candidates
from pt2ts.tuning import tune as tuner
from pt2ts.tuning.candidates import Candidate

from ..cli.test_cli import pt2ts_command
from ..conftest import sha256
from ..exporting.test_package import module_of


def entrants(*kinds: tuple[str, str]) -> list[Candidate]:
    """Return candidates of these kinds and weights."""
    return [Candidate(kind, Built(Variant(kind, kind, weights=weights), {})) for kind, weights in kinds]


@pytest.mark.parametrize(
    ("seconds", "best"),
    [
        ({0: 2.0, 1: 1.0, 2: 3.0}, 1),
        ({0: 1.02, 1: 1.0, 2: 3.0}, 0),  # as good as equal: rather one whose weights can be replaced
        ({0: 1.02, 1: 1.0, 2: 1.01}, 1),  # but never one that is slower than TorchScript
        ({0: 1.5, 1: 1.2, 2: 1.0}, 2),
        ({1: 2.0}, 1),
        ({0: 1.0, 2: 1.0}, 0),
    ],
)
def test_the_choice(seconds: Mapping[int, float], best: int) -> None:
    all_of_them = entrants(("aoti", "shared"), ("aoti", "own"), ("torchscript", "own"))
    assert tuner._best(all_of_them, seconds) == best


def test_the_measurement_takes_turns() -> None:
    order: list[str] = []

    def slow_call() -> None:
        time.sleep(1e-3)
        order.append("slow")

    quick, slow = samples([lambda: order.append("quick"), slow_call], 3)
    assert len(quick) == len(slow) == 3
    assert 0 < min(quick) < 1e-3 < min(slow)
    turns = [name for name, _ in itertools.groupby(order)]
    assert turns[-6:] == ["quick", "slow"] * 3
    assert beyond([2.0, 1.0], [5.0, 3.0, 0.5]) == [4.0, 2.0, pytest.approx(0.0, abs=1e-6)]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile one form only."""
    monkeypatch.setattr(candidates, "_RECIPES", ((Recipe("freezing", freeze=True), False),))
    monkeypatch.setattr(candidates, "can_fuse", lambda _: False)
    monkeypatch.setattr(candidates, "_FEW_OPERATIONS", 0)
    monkeypatch.setattr(tuner, "_ROUNDS", 3)


@pytest.mark.usefixtures("few")
def test_tuning_keeps_the_fastest_and_the_numbers(column: Path, own_copy: Callable[[Path], Path]) -> None:
    path, before = own_copy(column), pt2ts.read_spec(column)
    said: list[str] = []
    with listening(said.append):
        rows = pt2ts.tune(path, (1,))
    assert {"any size", "freezing, 1 thread", "TorchScript"} <= {row.candidate for row in rows}
    assert sum(row.chosen for row in rows) == 1
    chosen = next(row for row in rows if row.chosen)
    script = next(row for row in rows if row.candidate == "TorchScript")
    assert chosen.seconds is not None
    assert script.seconds is not None
    assert chosen.seconds <= script.seconds
    assert any("measuring" in text for text in said)

    runner, net = PackageRunner(path), module_of("column")
    spec = runner.spec
    assert [item.name for item in spec.variants][-2:] == ["model", "fallback"]
    assert replace(spec, variants=(), tuning=(), digest="") == replace(before, variants=(), tuning=(), digest="")
    assert len(spec.tuning) == len(rows)
    assert {"sizes", "candidate", "seconds", "chosen", "cpu", "threads"} == set(spec.tuning[0])
    for variant in spec.variants:
        x = torch.randn(1, 5)
        assert torch.allclose(runner.call(variant)(x)[0], net(x), atol=1e-6), variant.name
    assert [item.name for item in path.parent.iterdir()] == [path.name]
    assert ("tuned for", "batch=1") in pt2ts.inspect(path).facts()


def test_small_networks_are_kernels(column: Path, own_copy: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else is compiled for them, so that tuning takes seconds; large batches are another matter."""
    compiled: list[str] = []

    def build(name: str, *_: object) -> Built:
        compiled.append(name)
        return Built(Variant(name, "aoti"), {})

    monkeypatch.setattr(candidates, "build_aoti", build)
    opened = tuner._open(own_copy(column))
    forms, isa = opened.forms, find_isa("x86-64-v3")
    for size in (1, 32, 1_000_000):
        assert list(candidates.candidates(forms, size, forms.fixed(size), opened.program, opened.weights, isa))
    assert set(compiled) == {"b1000000"}


def test_a_limit_of_time(column: Path, own_copy: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """What there is when it is reached is measured; the file is whole."""
    monkeypatch.setattr(tuner, "_ROUNDS", 3)
    said: list[str] = []
    with listening(said.append):
        rows = pt2ts.tune(own_copy(column), (1, 32), limit=0)
    assert {row.candidate for row in rows} <= {"any size", "as in the file", "TorchScript"}
    assert sum("0 seconds are over" in text for text in said) == 1
    monkeypatch.setattr(candidates, "_FEW_OPERATIONS", 0)
    clock = iter([0.0, 0.0, *[9.0] * 99])
    monkeypatch.setattr(tuner, "monotonic", lambda: next(clock))
    rows = pt2ts.tune(own_copy(column), (1,), limit=5)
    assert [row.candidate for row in rows if row.candidate not in ("any size", "as in the file", "TorchScript")] == ["kernel"]
    for limit in (-1.0, float("nan")):
        with pytest.raises(pt2ts.DeclarationError, match="limit is"):
            pt2ts.tune(column, (1,), limit=limit)


def test_a_candidate_with_wrong_numbers_cannot_win(
    column: Path, own_copy: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = own_copy(column)
    monkeypatch.setattr(tuner, "candidates", lambda *_: iter(()))
    monkeypatch.setattr(tuner, "_ROUNDS", 2)
    agrees = tuner._agrees
    monkeypatch.setattr(
        tuner, "_agrees", lambda file, *rest: pt2ts.read_spec(file).variants[0].kind == "torchscript" and agrees(file, *rest)
    )
    rows = pt2ts.tune(path, (3,))
    assert [(row.candidate, row.seconds is None, row.chosen) for row in rows] == [
        ("any size", True, False),
        ("TorchScript", False, True),
    ]
    assert pt2ts.read_spec(path).variants[0].name == "torchscript_b3"
    assert tuner.table(rows)[0][2] == "wrong numbers"
    before = sha256(path)
    monkeypatch.setattr(tuner, "_agrees", lambda *_: False)
    with pytest.raises(pt2ts.CheckError, match="no candidate gives the right numbers for batch=3"):
        pt2ts.tune(path, (3,))
    assert sha256(path) == before


def test_what_cannot_be_tuned(column: Path, narrow: Path, tmp_path: Path, own_copy: Callable[[Path], Path]) -> None:
    with pytest.raises(pt2ts.LoadError, match="there is no file"):
        pt2ts.tune(tmp_path / "missing.pt2")
    pt2ts.export(torch.nn.Tanh(), torch.ones(2, 3), tmp_path / "m.pt")
    with pytest.raises(pt2ts.LoadError, match="is no compiled package"):
        pt2ts.tune(tmp_path / "m.pt")
    with pytest.raises(pt2ts.DeclarationError, match="no input has a symbolic batch dimension"):
        pt2ts.tune(narrow, (1,))
    with pytest.raises(pt2ts.DeclarationError, match="isa is 'mmx'"):
        pt2ts.tune(column, (1,), isa="mmx")
    with pytest.raises(pt2ts.DeclarationError, match="batch has the size 0"):
        pt2ts.tune(column, (0,))
    path = own_copy(column)
    members = {name: content for name, content in read_members(path).items() if name not in (PROGRAM, "extra/ftorch_spec.json")}
    for kind, words in (("inference", "holds no program"), ("training", "is of the kind 'training'")):
        with path.open("wb") as file:
            save(file, members, replace(pt2ts.read_spec(column), kind=kind))
        with pytest.raises(pt2ts.LoadError, match=words):
            pt2ts.tune(path)


@pytest.mark.usefixtures("few")
def test_the_command_prints_the_table(column: Path, own_copy: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path = own_copy(column)
    monkeypatch.setattr(tuner, "candidates", lambda *_: iter(()))
    done = pt2ts_command("tune", path, "--batch", "1,2")
    assert done.code == 0, done.err
    assert done.out.splitlines()[0].split() == ["sizes", "candidate", "microseconds", "ratio"]
    assert sum(line.endswith("chosen") for line in done.out.splitlines()) == 2
    assert "pt2ts: batch=1: measuring" in done.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["missing.pt2"], 1, "there is no file"),
        (["missing.pt2", "--batch", "1,x"], 1, "cannot read the batch sizes '1,x'"),
        (["missing.pt2", "--nonsense"], 2, ""),
        (["missing.pt2", "--limit", "soon"], 2, ""),
        ([], 2, ""),
    ],
)
def test_wrong_use(arguments: list[str], code: int, words: str) -> None:
    done = pt2ts_command("tune", *arguments)
    assert done.code == code
    assert words in done.err
    assert "Traceback" not in done.err


def test_convolutions_are_tried_in_both_layouts(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Recipe] = []

    def built(name: str, *others: object) -> Built:
        tried.extend(item for item in others if isinstance(item, Recipe))
        return Built(Variant(name, "aoti"), {})

    monkeypatch.setattr(candidates, "build_aoti", built)
    bounds = {"batch": Symbol(2, None)}
    for module, x, keeps in (
        (torch.nn.Conv2d(2, 3, 3), torch.randn(4, 2, 6, 6), True),
        (torch.nn.ReLU(), torch.randn(4, 5), False),
    ):
        tried.clear()
        spec = TensorSpec("x", "float32", ("batch", *x.shape[1:]))
        forms = Forms(flat_module(module.eval()), False, [spec], [x], {"batch": 4}, bounds)
        found = list(candidates.candidates(forms, 8, forms.fixed(8), forms.fixed(8), {}, find_isa("x86-64-v3")))
        assert any(item.label.startswith("layout kept") for item in found) == keeps
        assert any(recipe.options().get("layout_optimization") is False for recipe in tried) == keeps


class Sizes(torch.nn.Module):
    """Computes with its sizes, and makes tensors of them."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return one row for every two numbers of a row."""
        batch, numbers = x.shape
        pairs = x.reshape(batch * (numbers // 2), 2) + torch.ones(batch, 1).repeat(1, numbers // 2).reshape(-1, 1)
        return torch.cat([pairs, torch.full((2 * batch + 1, 2), 3.0), torch.zeros_like(pairs)]) / batch


def test_torchscript_of_a_program_runs_at_every_size() -> None:
    x, spec = torch.randn(4, 6), TensorSpec("x", "float32", ("batch", 6))
    bounds = {"batch": Symbol(2, None)}
    module = flat_module(Sizes().eval())
    program = Forms(module, False, [spec], [x], {"batch": 4}, bounds).general()[0]
    script = script_of(Forms(program.module(check_guards=False), True, [spec], [x], {"batch": 4}, bounds))
    assert script is not None
    made = torchscript.load(io.BytesIO(script))
    for batch in (2, 4, 9):
        x = torch.randn(batch, 6)
        assert torch.equal(made(x)[0], Sizes()(x))


def test_torchscript_takes_part_without_a_fallback(
    mixed: Path, own_copy: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuner, "candidates", lambda *_: iter(()))
    monkeypatch.setattr(tuner, "_ROUNDS", 2)
    rows = pt2ts.tune(own_copy(mixed), (7,))
    assert [(row.candidate, row.seconds is None) for row in rows] == [("any size", False), ("TorchScript", False)]


def test_a_model_of_fixed_sizes(narrow: Path, own_copy: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path = own_copy(narrow)
    monkeypatch.setattr(tuner, "candidates", lambda *_: iter(()))
    monkeypatch.setattr(tuner, "_ROUNDS", 2)
    for _ in range(2):  # a tuned file can be tuned
        rows = pt2ts.tune(path)
        # TorchScript comes from the program in the file, which has no fallback.
        assert [(row.sizes, row.candidate) for row in rows] == [("fixed sizes", "as in the file"), ("fixed sizes", "TorchScript")]
        names = [item.name for item in pt2ts.read_spec(path).variants]
        assert len(set(names)) == len(names)
        assert "model" in names
        runner, x = PackageRunner(path), torch.randn(3, 8)
        for variant in runner.spec.variants:
            assert torch.allclose(runner.call(variant)(x)[0], module_of("narrow")(x), atol=0.05)
