"""What no status can answer: how a program is ended, as docs/host-process.md says; each seen to happen, with its way out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import pt2ts
from pt2ts.errors import VerifyError
from pt2ts.runtime.fresh import FreshModel

from ..support import shared_folder, sources_of_pt2ts

SMALLEST = -(2**31)


class Division(torch.nn.Module):
    """Division that cuts off."""

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.div(a, b, rounding_mode="trunc")


class Lookup(torch.nn.Module):
    """Code of it looks something up on all threads of the host."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(24, 64)

    def forward(self, category: torch.Tensor) -> torch.Tensor:
        return torch.sin(self.table(category))


def _write(folder: Path) -> None:
    numbers = [torch.arange(1, 9, dtype=torch.int32)] * 2
    for name, declared in (("open.pt", "b[n] int32"), ("open.pt2", "b[n] int32"), ("safe.pt2", "b[n] int32 1..9")):
        pt2ts.export(Division(), numbers, folder / name, inputs=["a[n] int32", declared])
    many = torch.arange(4800) % 24
    with pytest.warns(UserWarning, match="without a range"):
        pt2ts.export(Lookup(), many, folder / "lookup.pt2", inputs=["c[batch] int64"], format=pt2ts.Package(batch=()))


@pytest.fixture(scope="session")
def files() -> Path:
    return shared_folder("ends", [Path(__file__).read_bytes(), *sources_of_pt2ts()], _write)


@pytest.mark.parametrize(
    ("name", "a", "b", "words"),
    [
        ("open.pt", SMALLEST, -1, "was ended by SIGFPE"),
        ("open.pt", 5, 0, "ZeroDivisionError"),
        ("open.pt2", SMALLEST, -1, "was ended by SIGFPE"),
        ("open.pt2", 5, 0, "was ended by SIGFPE"),
        ("safe.pt2", SMALLEST, -1, "input 2 'b': element (1) is -1, expected 1 to 9"),
        ("safe.pt2", 5, 0, "input 2 'b': element (1) is 0, expected 1 to 9"),
    ],
)
def test_division_of_whole_numbers(files: Path, name: str, a: int, b: int, words: str) -> None:
    with FreshModel(files / name) as model, pytest.raises(VerifyError) as end:
        model.forward([torch.full((8,), number, dtype=torch.int32) for number in (a, b)])
    assert words in end.value.message


def test_an_index_without_a_declared_range(files: Path) -> None:
    with FreshModel(files / "lookup.pt2") as model, pytest.raises(VerifyError, match="was ended by SIGABRT"):
        model.forward([torch.full((4800,), 24)])
