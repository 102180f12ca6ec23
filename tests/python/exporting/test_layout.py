"""``layout="fortran"`` in both formats: it says the same, every command knows it, and a forward that cannot is told so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import pt2ts
from pt2ts.contract.formats import choose_files, with_options
from pt2ts.runtime.bridge import live_handles

from .. import faulty_modules as modules
from ..cli.test_cli import pt2ts_command

INPUTS, OUTPUTS = ["x[batch,4] float32 K 0..1"], ["y K/s"]
SCRIPT, PACKAGE = pt2ts.TorchScript(layout="fortran"), pt2ts.Package(layout="fortran", threads=1, batch=())
FAST = ("--batch", "none", "--threads", "1")


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Compare the library's live handles before and after each test."""
    before = live_handles()
    yield
    assert live_handles() == before


def export(path: Path, form: Any, module: torch.nn.Module | None = None) -> pt2ts.Spec:
    x = torch.linspace(0, 1, 12).reshape(3, 4)
    return pt2ts.export(module or modules.Layers(), x, path, inputs=INPUTS, outputs=OUTPUTS, format=form)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    export(tmp_path / "a.pt", SCRIPT)
    return tmp_path / "a.pt"


@pytest.mark.parametrize("method", ["auto", "script", "trace"])
def test_a_script_says_and_passes_what_a_package_does(tmp_path: Path, method: Any) -> None:
    path = tmp_path / "a.pt"
    spec = export(path, pt2ts.TorchScript(method, layout="fortran"))
    assert [item.layout for item in (*spec.inputs, *spec.outputs)] == ["fortran"] * 2
    assert pt2ts.read_spec(path) == spec
    found = pt2ts.verify(path, modules.Layers())
    assert {item.check for item in found if item.passed} == {
        "golden", "random", "repeat", "batch", "nan", "edges", "layout", "mode"
    }  # fmt: skip
    assert [row[4] for row in pt2ts.inspect(path).tensors()] == ["fortran", "fortran"]


def test_both_formats_side_by_side_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export(tmp_path / "a.pt", (SCRIPT, PACKAGE))
    assert [item.what for item in pt2ts.diff(tmp_path / "a.pt", tmp_path / "a.pt2") if item.matters] == []
    export(tmp_path / "plain.pt", pt2ts.TorchScript())
    matters = [item.what for item in pt2ts.diff(tmp_path / "a.pt", tmp_path / "plain.pt") if item.matters]
    assert matters == ["input 1 'x': layout", "output 1 'y': layout"]
    monkeypatch.setattr("pt2ts.timing.bench._ROUNDS", 5)
    assert [row.batch for row in pt2ts.bench(tmp_path / "a.pt", (1, 4)).rows] == [1, 4]


@pytest.mark.parametrize(("options", "layout"), [((), "fortran"), (("--layout", "torch"), "torch")])
def test_a_converted_file_keeps_its_layout(script: Path, options: tuple[str, ...], layout: str) -> None:
    done = pt2ts_command("convert", script, "--module", "faulty_modules:Layers", *FAST, *options)
    assert done.code == 0, done.err
    spec = pt2ts.read_spec(script.with_suffix(".pt2"))
    assert [item.layout for item in (*spec.inputs, *spec.outputs)] == [layout] * 2


def test_inputs_of_one_dimension_have_one_order(tmp_path: Path) -> None:
    spec = pt2ts.export(torch.nn.Tanh(), torch.rand(3), tmp_path / "a.pt", inputs=["x[batch]"], format=SCRIPT)
    assert [item.layout for item in (*spec.inputs, *spec.outputs)] == ["torch"] * 2


class View(torch.nn.Module):
    """It asks for memory in PyTorch's order."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.view(-1).reshape(x.shape) * 2


@pytest.mark.parametrize(("name", "form"), [("a.pt", SCRIPT), ("a.pt2", PACKAGE)])
def test_a_forward_that_wants_the_other_order_is_told_so(tmp_path: Path, name: str, form: Any) -> None:
    with pytest.raises(pt2ts.UnexportableError) as caught:
        export(tmp_path / name, form, View())
    assert "forward fails with inputs in the memory order 'fortran': RuntimeError: view size is not compatible" in str(caught.value)
    assert "return x.view(-1).reshape(x.shape) * 2" in str(caught.value)
    assert "call reshape; or take the other order of arrays, layout='torch'" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_on_the_command_line(tmp_path: Path) -> None:
    words = ("export", "faulty_modules:Layers", "--input", "x[batch,4] float32", "--layout", "fortran")
    done = pt2ts_command(*words, "-o", tmp_path / "a.pt")
    assert done.code == 0, done.err
    assert pt2ts.read_spec(tmp_path / "a.pt").inputs[0].layout == "fortran"
    assert "fortran" in pt2ts_command("inspect", tmp_path / "a.pt").out


def test_the_option_is_one_of_both_formats() -> None:
    files = with_options(choose_files(Path("a.pt"), "both"), layout="fortran", method="trace", fallback=True)
    script, package = (file.format for file in files)
    assert script == pt2ts.TorchScript("trace", "fortran")
    assert package == pt2ts.Package("fortran", fallback=pt2ts.TorchScript("trace"))
    assert [form.order for form in (pt2ts.TorchScript(), pt2ts.Package())] == ["torch", "torch"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: pt2ts.TorchScript(layout="column"), "layout is 'column'\n  hint: one of torch, fortran"),  # type: ignore[arg-type]
        (
            lambda: pt2ts.Package(fallback=pt2ts.TorchScript(layout="fortran")),
            "the fallback has the layout 'fortran', and the package 'torch'\n  hint: there is one contract for both",
        ),
    ],
)
def test_layouts_that_cannot_be(make: Any, words: str) -> None:
    with pytest.raises(pt2ts.DeclarationError) as caught:
        make()
    assert words in str(caught.value)
