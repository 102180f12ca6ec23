"""Packages through the Fortran interface: the library runs what was compiled, and gives the module's numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import pt2ts
from pt2ts.runtime.bridge import FortranModel, live_handles

from ..cli.test_cli import pt2ts_command
from ..exporting.test_package import module_of


@pytest.fixture(autouse=True)
def nothing_is_left() -> object:
    """Compare the library's live handles before and after each test."""
    before = live_handles()
    yield
    assert live_handles() == before


@pytest.mark.parametrize("name", ["column", "narrow"])
def test_the_golden_sample(request: pytest.FixtureRequest, name: str) -> None:
    path = request.getfixturevalue(name)
    assert all(item.passed for item in pt2ts.verify(path))
    done = pt2ts_command("verify", path)
    assert (done.code, done.err) == (0, "")
    assert "reproduces the golden sample" in done.out


@pytest.mark.parametrize("rows", [1, 2, 33])
def test_every_number_of_columns(column: Path, rows: int) -> None:
    x = torch.randn(rows, 5)
    with FortranModel(column) as model:
        (y,) = model.forward([x], 1)
    assert torch.allclose(y, module_of("column")(x), atol=1e-6)


def test_several_inputs_and_outputs(mixed: Path) -> None:
    net, inputs = module_of("mixed").double(), [torch.randn(9, 4).double(), torch.arange(9), torch.tensor(0.5).double()]
    with FortranModel(mixed) as model:
        results = model.forward(inputs, 3)
    for have, name in zip(results, ("heat", "next", "wind"), strict=True):
        assert torch.allclose(have, net(*inputs)[name], atol=1e-12)


def test_the_library_names_the_input(column: Path) -> None:
    with (
        FortranModel(column) as model,
        pytest.raises(pt2ts.VerifyError, match=r"input 1 'column' \(K\): expected float32 \[batch, 5\]"),
    ):
        model.forward([torch.ones(4, 6)], 1)
