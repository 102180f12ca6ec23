"""Which variants a package has is decided by rules: the same on every machine, at any load."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import pt2ts
from pt2ts.compile import assemble


class ChosenError(Exception):
    """What is to be compiled is known."""


class Sums(nn.Module):
    """Small linear layers beside an operation that no kernel knows."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(5, 5)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cumsum(torch.tanh(self.inner(x)), 1)


@pytest.mark.parametrize(
    ("make", "declared", "batch", "names"),
    [
        (lambda: nn.Conv2d(2, 2, 3), "x[batch,2,8,8] float32", None, ["small", "model"]),
        (lambda: nn.Conv2d(2, 2, 3), "x[batch,2,8,8] float32", (1, 32), ["small", "model", "b1", "b32"]),
        (Sums, "x[batch,5] float32", None, ["small", "model", "b1"]),
        (Sums, "x[batch,5] float32", (), ["small", "model"]),
    ],
)
def test_what_is_compiled(
    make: Callable[[], nn.Module], declared: str, batch: tuple[int, ...] | None, names: list[str],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    asked = []

    def start(name: str, *_: object) -> Callable[[], None]:
        def finish() -> None:
            raise ChosenError

        asked.append(name)
        return finish

    monkeypatch.setattr(assemble, "start_aoti", start)
    with pytest.raises(ChosenError):
        pt2ts.export(make(), None, tmp_path / "m.pt2", inputs=[declared], format=pt2ts.Package(batch=batch))
    assert asked == names
