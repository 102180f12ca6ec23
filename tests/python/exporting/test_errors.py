"""``pt2ts.export`` refuses in plain words, names the place, says what to do, and writes nothing."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch

import pt2ts

from .. import user_modules as modules

X = torch.ones(4, 5)


def line_of(code: str) -> int:
    """Return the line of user_modules.py that holds ``code``."""
    lines = Path(modules.__file__).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if code in line)


@pytest.mark.parametrize(
    ("module", "example", "kind", "words"),
    [
        (modules.BakedBatch(), X, pt2ts.CheckError, "right for batch=4 only"),
        (modules.BakedBatch(), X, pt2ts.CheckError, "froze a size"),
        (modules.Branch(), X, pt2ts.UnexportableError, "depends on the input"),
        (modules.Rows(), X, pt2ts.CheckError, "right for batch=4 only"),
        (modules.UsesNumpy(), X, pt2ts.UnexportableError, "register_buffer"),
        (modules.WritesInput(), X, pt2ts.ExportError, "writes into its input 1"),
        (modules.Noise(), X, pt2ts.ExportError, "other numbers when called again"),
        (modules.Fails(), X, pt2ts.UnexportableError, "fails on the example inputs: RuntimeError: mat1 and mat2"),
        (modules.Squeezes(), torch.ones(4, 1), pt2ts.ExportError, "squeeze"),
        (modules.Text(), X, pt2ts.ExportError, "returns a str where a tensor is needed"),
        (modules.Column, X, pt2ts.ExportError, "a class, not an instance"),
        (torch.tanh, X, pt2ts.ExportError, "expected a torch.nn.Module"),
        (modules.Alias(), [], pt2ts.ExportError, "no example inputs"),
        (modules.Alias(), "text", pt2ts.ExportError, "example input 1 is a str"),
        (modules.MaybeSecond(), (None, X), pt2ts.UnexportableError, "fails on the example inputs: TypeError: unsupported operand"),
        (modules.Alias(), {"y": X}, pt2ts.ExportError, "no argument 'y'"),
        (modules.Alias(), X.to_sparse(), pt2ts.ExportError, "give a dense one"),
        (modules.Alias(), X.to(torch.float8_e4m3fn), pt2ts.DeclarationError, "no Fortran counterpart"),
        (modules.TwoSizes(), (torch.ones(4, 3), torch.ones(3, 2)), pt2ts.DeclarationError, "not all one batch"),
        (torch.nn.Linear(3, 2), torch.ones(3), pt2ts.UnexportableError, "fails with batch=4"),
    ],
)
def test_module_or_example_is_refused(tmp_path: Path, module: Any, example: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind) as caught:
        pt2ts.export(module, example, tmp_path / "m.pt")
    assert words in str(caught.value)
    assert "hint:" in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("module", "example", "words"),
    [
        (
            torch.nn.Linear(5, 3),
            X.double(),
            "input float64 [4, 5] before it can be exported; its weights are float32: pass float32, or",
        ),
        (torch.nn.Linear(5, 3).double(), X, "its weights are float64: pass float64, or convert the network, dtype='float32'"),
        (torch.nn.Linear(5, 3), X.half(), "with input float16 [4, 5] before it can be exported; its weights are float32"),
        (
            modules.Gather(),
            (X, torch.full((4,), 12), X),
            "field float32 [4, 5], month int64 [4] from 12 to 12, scale float32 [4, 5] bef",
        ),
    ],
)
def test_what_forward_was_called_with_is_told(tmp_path: Path, module: torch.nn.Module, example: Any, words: str) -> None:
    with pytest.raises(pt2ts.UnexportableError) as caught:
        pt2ts.export(module, example, tmp_path / "m.pt")
    assert words in caught.value.hint


def test_a_declared_range_with_an_index_too_large(tmp_path: Path) -> None:
    declared = ["field[batch,4] float32", "month[batch] int64 1..12", "scale[] float32"]
    with pytest.raises(pt2ts.UnexportableError, match=r"index out of range[^$]*month int64 \[4\] from 1 to 12") as caught:
        pt2ts.export(modules.Gather(), None, tmp_path / "m.pt", inputs=declared)
    assert caught.value.code == "return field * scale + self.table(month), month + 1"
    assert not list(tmp_path.iterdir())


def test_the_line_of_the_users_code_is_named(tmp_path: Path) -> None:
    with pytest.raises(pt2ts.UnexportableError) as caught:
        pt2ts.export(modules.UsesNumpy(), X, tmp_path / "m.pt", format=pt2ts.TorchScript(method="script"))
    assert caught.value.where == f"{modules.__file__}:{line_of('column * self.scale')}"
    assert "self.scale" in caught.value.code
    with pytest.raises(pt2ts.UnexportableError) as caught:
        pt2ts.export(modules.Fails(), X, tmp_path / "m.pt")
    assert caught.value.where == f"{modules.__file__}:{line_of('torch.ones(7, 7)')}"
    assert caught.value.code == "return x @ torch.ones(7, 7)"


def test_script_only_does_not_fall_back(tmp_path: Path) -> None:
    with pytest.raises(pt2ts.UnexportableError, match="keyword"):
        pt2ts.export(modules.Keywords(), X, tmp_path / "m.pt", format=pt2ts.TorchScript(method="script"))


def test_why_a_wrong_trace_was_taken_is_told(tmp_path: Path) -> None:
    with pytest.raises(pt2ts.CheckError, match="it was traced because"):
        pt2ts.export(modules.BakedBatch(), X, tmp_path / "m.pt")
    pt2ts.export(modules.BakedBatch(), X, tmp_path / "m.pt", dynamic_batch=False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"inputs": ["x[4,6]"]}, "declared float32 [4, 6], but the example is float32 [4, 5]"),
        ({"inputs": ["x[batch,5] float64"]}, "declared float64 [batch, 5], but the example is float32 [4, 5]"),
        ({"inputs": ["x[4,5,1]"]}, "declared float32 [4, 5, 1]"),
        ({"inputs": ["y", "z"]}, "2 inputs are declared but there are 1 example inputs\n  hint: the arguments of forward are x"),
        ({"outputs": ["a", "b"]}, "the declared outputs (a, b) are not those that forward gives (output)"),
        ({"outputs": []}, "the declared outputs () are not"),
        ({"outputs": ["a[batch,6]"]}, "declared float32 [batch, 6], but forward gives float32 [batch, 5]"),
        ({"outputs": ["a int64"]}, "declared int64 [batch, 5]"),
        ({"symbols": {"ncol": (1, 3)}}, "'ncol', which is in no input"),
        ({"symbols": {"batch": (5, 9)}}, "the example has batch=4, and 5 to 9 is declared"),
        ({"inputs": ["x[n,n]"]}, "'n' is 4 in one input and 5"),
        ({"normalization": "none"}, "either 'inside' or 'host'"),
        ({"method": "export"}, "one of 'auto', 'script', 'trace'"),
        ({"example": None}, "neither example inputs nor declarations"),
        ({"example": None, "inputs": ["x[batch,5]"]}, "must give shape and dtype"),
    ],
)
def test_declarations_that_contradict(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    example = options.pop("example", X)
    with pytest.raises(pt2ts.DeclarationError) as caught:
        pt2ts.export(modules.Alias(), example, tmp_path / "m.pt", **options)
    assert words in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("module", "outputs"),
    [
        (modules.Water(), ["snow", "rain", "clouds"]),
        (modules.Water(), ["snow", "rain"]),
        (modules.Water(), ["snow", "rain", "cloud", "ice"]),
        (modules.Water(), ["snow", "rain", "rain"]),
        (modules.Fields(), ["spread", "average"]),
        (modules.Deep(), ["snow", "rain", "frost"]),
    ],
)
def test_outputs_half_of_whose_names_are_known(tmp_path: Path, module: torch.nn.Module, outputs: list[str]) -> None:
    with pytest.raises(pt2ts.DeclarationError) as caught:
        pt2ts.export(module, X, tmp_path / "m.pt", outputs=outputs)
    known = {"Water": "cloud, rain, snow", "Fields": "mean, spread", "Deep": "air.ice, air.rain, soil.snow"}[type(module).__name__]
    assert f"the declared outputs ({', '.join(outputs)}) are not those that forward gives ({known})" in str(caught.value)


@pytest.mark.parametrize("example", [(X, X.T), {"a": X, "b": X.T}])
def test_arguments_in_another_order(tmp_path: Path, example: Any) -> None:
    with pytest.raises(pt2ts.DeclarationError, match=r"\(b, a\) are in another order than the arguments of forward \(a, b\)"):
        pt2ts.export(modules.TwoSizes(), example, tmp_path / "m.pt", inputs=["b", "a"], dynamic_batch=False)


def test_same_name_twice(tmp_path: Path) -> None:
    with pytest.raises(pt2ts.DeclarationError, match="two inputs are called 'a'"):
        pt2ts.export(modules.TwoSizes(), (X, X.T), tmp_path / "m.pt", inputs=["a[4,5]", "a[5,4]"])


@pytest.mark.parametrize("name", ["no/such/folder/m.pt", "."])
def test_place_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(pt2ts.ExportError, match="cannot write"):
        pt2ts.export(modules.Alias(), X, tmp_path / name)


def test_messages_name_no_internals() -> None:
    public = [item for _, item in inspect.getmembers(pt2ts, inspect.isclass) if issubclass(item, Exception)]
    assert all(issubclass(item, pt2ts.Pt2tsError) for item in public)
