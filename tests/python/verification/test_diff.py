"""``pt2ts diff``: what differs between two files, and what does not count."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import pt2ts
from pt2ts.runtime.bridge import live_handles
from pt2ts.verification.diff import Difference, diff

from .. import faulty_modules as modules
from ..cli.test_cli import pt2ts_command
from ..exporting.test_package import module_of

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Compare the library's live handles before and after each test."""
    before = live_handles()
    yield
    assert live_handles() == before


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a file with `Layers` and declarations."""

    def make(name: str, module: torch.nn.Module | None = None, **options: Any) -> Path:
        path = tmp_path / name
        given = {"inputs": ["x[batch,4] float32 K 0..1"], "outputs": ["y K/s"], **options}
        pt2ts.export(module or modules.Layers(), torch.linspace(0, 1, 12).reshape(3, 4), path, **given)
        return path

    return make


def matters(found: list[Difference]) -> dict[str, Difference]:
    """Return what counts, by what it is."""
    return {item.what: item for item in found if item.matters}


def test_equal_files(write: Write) -> None:
    a, b = write("a.pt"), write("b.pt", description="the same again")
    found = diff(a, b)
    assert matters(found) == {}
    assert {item.what for item in found} == {"name", "description", "y"}
    done = pt2ts_command("diff", a, b)
    assert (done.code, done.err) == (0, "")
    assert "are the same, within rounding" in done.out


def test_contracts(write: Write) -> None:
    a = write("a.pt")
    b = write("b.pt", inputs=["z[batch,4] float32 degC 0..2"], outputs=["y"], symbols={"batch": (1, 9)}, normalization="host")
    found = matters(diff(a, b))
    assert set(found) == {
        "normalization", "input 1 'x': name", "input 1 'x': units", "input 1 'x': range", "output 1 'y': units", "size 'batch'",
    }  # fmt: skip
    assert (found["input 1 'x': units"].first, found["input 1 'x': units"].second) == ("K", "degC")
    assert (found["size 'batch'"].first, found["size 'batch'"].second) == ("1 or more", "1 to 9")
    assert pt2ts_command("diff", a, b).code == 1


def test_weights_and_numbers(write: Write) -> None:
    other = modules.Layers()
    with torch.no_grad():
        other.two.bias[1] += 0.25
    a, b = write("a.pt"), write("b.pt", other)
    found = matters(diff(a, b))
    assert set(found) == {"two.bias", "y"}
    assert found["two.bias"].absolute == pytest.approx(0.25)
    assert found["y"].absolute == pytest.approx(0.25, rel=1e-3)
    largest = max(float(net.two.bias.detach().abs().max()) for net in (other, modules.Layers()))
    assert found["two.bias"].relative == pytest.approx(0.25 / largest)
    assert matters(diff(a, b, tolerance=10.0)) == {}
    done = pt2ts_command("diff", a, b, "--json")
    assert done.code == 1
    data = json.loads(done.out)
    assert data["same"] is False
    assert {item["what"] for item in data["differences"] if item["matters"]} == {"two.bias", "y"}


def test_other_code_with_the_same_weights(write: Write) -> None:
    found = matters(diff(write("a.pt"), write("b.pt", modules.OutputOrder())))
    assert set(found) == {"y"}


def test_other_shapes_are_not_run(write: Write) -> None:
    wide = torch.nn.Linear(4, 3).double()
    b = write("b.pt", wide, inputs=["x[batch,4]"], dtype="float64")
    found = matters(diff(write("a.pt"), b))
    assert "input 1 'x': dtype" in found
    assert any(what.startswith("not compared") for what in found)


def test_a_package_and_its_fallback(column: Path, tmp_path: Path) -> None:
    path = tmp_path / "column.pt"
    pt2ts.export(module_of("column"), torch.randn(6, 5), path, inputs=["column[batch,5] float32 K"])
    assert set(matters(diff(column, path))) == {"input 1 'column': layout", "output 1 'output': layout"}


@pytest.mark.parametrize("files", [("missing.pt", "a.pt"), ("a.pt", "missing.pt"), ("a.pt", "user_modules.py")])
def test_mistakes(write: Write, files: tuple[str, str]) -> None:
    here = write("a.pt").parent
    (here / "user_modules.py").write_text("x = 1")
    done = pt2ts_command("diff", *files, cwd=here)
    assert done.code == 1
    assert done.err.startswith("pt2ts: ")
    assert "missing.pt" in done.err or "user_modules.py is no model file" in done.err
    assert "Traceback" not in done.err
