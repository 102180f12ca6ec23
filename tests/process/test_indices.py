"""Whole numbers that are indices: refused when they lie outside of what the contract says, in every format and at every size.

Compiled code that finds an index out of range ends the process where it runs on several threads, so each file is used in a process
of its own.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import pt2ts
from pt2ts.errors import VerifyError
from pt2ts.runtime.fresh import FreshModel

from ..support import shared_folder, sources_of_pt2ts

SIZES = (1, 7, 300, 5000)
#: Declared with a range: TorchScript, code on the host's threads and on one.
DECLARED = ("script.pt", "threads.pt2", "serial.pt2", "no_sample.pt2")


class Soil(torch.nn.Module):
    """A number for each of 24 categories, which are counted from 1."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(24, 8)
        torch.nn.init.uniform_(self.table.weight, -1, 1, generator=torch.Generator().manual_seed(0))

    def forward(self, category: torch.Tensor) -> torch.Tensor:
        return torch.cumsum(self.table((category - 1).long()), -1)


def _write(folder: Path) -> None:
    categories = torch.arange(1, 25, dtype=torch.int32).repeat(50)
    compiled = {"threads.pt2": 0, "serial.pt2": 1, "no_sample.pt2": 0}
    for name in DECLARED:
        form = pt2ts.Package(threads=compiled[name], batch=()) if name in compiled else pt2ts.TorchScript()
        declared, golden = ["category[batch] int32 1..24"], not name.startswith("no_")
        pt2ts.export(Soil(), categories, folder / name, inputs=declared, format=form, golden=golden)
    with pytest.warns(UserWarning, match="'category' is int32 without a range, and compiled code looks something up"):
        pt2ts.export(
            Soil(), categories, folder / "open.pt2", inputs=["category[batch] int32"], format=pt2ts.Package(threads=1, batch=())
        )


@pytest.fixture(scope="session")
def files() -> Path:
    return shared_folder("indices", [Path(__file__).read_bytes(), *sources_of_pt2ts()], _write)


@pytest.mark.parametrize("name", DECLARED)
def test_an_index_out_of_range_is_refused(files: Path, name: str) -> None:
    net = Soil().eval()
    with FreshModel(files / name) as model:
        for size in SIZES:
            category = (torch.arange(size) % 24 + 1).int()
            with torch.no_grad():
                assert torch.allclose(model.forward([category])[0], net(category), atol=1e-5)
            for place, value in ((0, 0), (size - 1, 25), (size // 2, -(2**31))):
                wrong = category.clone()
                wrong[place] = value
                words = f"input 1 'category': element ({place + 1}) is {value}, expected 1 to 24"
                with pytest.raises(VerifyError) as refusal:
                    model.forward([wrong])
                assert refusal.value.message == words
        assert len(model.forward([category])) == 1, "the model goes on"


def test_one_sample_and_other_kinds_of_whole_numbers(files: Path) -> None:
    """What a conversion would bring into the range is refused as it came."""
    with FreshModel(files / "serial.pt2") as model, pytest.raises(VerifyError, match="pass convert"):
        model.forward([torch.full((3,), 2**32 + 1, dtype=torch.int64)])


def test_without_a_range_the_cause_comes_first_and_nothing_is_written(files: Path) -> None:
    model = FreshModel(files / "open.pt2")
    with pytest.raises(VerifyError) as failure:
        model.forward([torch.full((3,), 99, dtype=torch.int32)])
    lines = failure.value.message.splitlines()
    assert lines[0].startswith("input 1 'category' goes from 99 to 99, and the network fails on it: PyTorch: index out of bounds")
    assert len(lines) == 1, "no trace"
    assert "/" not in lines[0], "no path of a source"
    model._errors.seek(0)
    assert model._errors.read() == b""
    assert len(model.forward([torch.ones(3, dtype=torch.int32)])) == 1
    model.close()
