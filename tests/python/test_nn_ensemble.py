"""`pt2ts.nn.Ensemble`: several networks in one file, with the numbers that each has alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import pt2ts
from pt2ts.errors import DeclarationError
from pt2ts.nn import Ensemble

X = torch.linspace(-1.0, 2.0, 15).reshape(5, 3)


class Two(nn.Module):
    """Two results of other shapes."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3, 4), nn.Linear(3, 2)

    def forward(self, x: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        return torch.tanh(self.a(x)) * scale, self.b(x)


def networks(make: Callable[[], nn.Module], count: int = 3) -> list[nn.Module]:
    """Return networks that differ in their weights."""
    torch.manual_seed(7)
    return [make() for _ in range(count)]


def column() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))


@pytest.mark.parametrize("answer", ["members", "mean", "moments"])
def test_numbers(answer: str) -> None:
    members = networks(column)
    alone = [member(X) for member in members]
    found = Ensemble(members, answer)(X)
    if answer == "members":
        assert torch.equal(found, torch.stack(alone, 1))
        return
    mean, *spread = found if answer == "moments" else [found]
    torch.testing.assert_close(mean, (alone[0] + alone[1] + alone[2]) / 3)
    for item in spread:
        torch.testing.assert_close(item, torch.sqrt(sum((one - mean) ** 2 for one in alone) / 2))


@pytest.mark.parametrize("form", ["pt", pytest.param("pt2", marks=pytest.mark.long)])
def test_both_formats(form: str, tmp_path: Path) -> None:
    ensemble = Ensemble(networks(Two), "moments")
    results = ["a[batch,4]", "a_spread[batch,4]", "b[batch,2]", "b_spread[batch,2]"]
    inputs = ["x[batch,3] float32", "scale[] float32"]
    options: dict[str, object] = {"format": pt2ts.Package(batch=(), threads=1)} if form == "pt2" else {}
    path = tmp_path / f"ensemble.{form}"
    spec = pt2ts.export(ensemble, None, path, inputs=inputs, outputs=results, **options)  # type: ignore[arg-type]
    assert [item.name for item in spec.outputs] == ["a", "a_spread", "b", "b_spread"]
    assert [found.fault for found in pt2ts.verify(path, against=ensemble) if not found.passed] == []


class Named(nn.Module):
    """A result by name."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"y": x}


def test_results_by_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(pt2ts.UnexportableError, match="a member returns a dict, and an ensemble joins tensors or tuples of them"):
        pt2ts.export(Ensemble([Named(), Named()]), X, tmp_path / "m.pt")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Ensemble([], "members"), "there are 0 members, 'members' needs 1 or more"),
        (lambda: Ensemble(networks(column, 1), "moments"), "there are 1 members, 'moments' needs 2 or more"),
        (
            lambda: Ensemble([column]),  # type: ignore[list-item]
            "a member is a function, not a torch.nn.Module",
        ),
        (lambda: Ensemble(networks(column), "median"), "answer is 'median'\n  hint: one of members, mean, moments"),
    ],
)
def test_misuse(make: Callable[[], nn.Module], words: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        make()
    assert words in str(caught.value)
