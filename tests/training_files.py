"""Training packages for the tests of Python and Fortran: compiling takes long, so they are kept while nothing they need changes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from torch import Tensor, nn

import pt2ts
from pt2ts.nn import Rollout, StepLoss

from . import support
from .support import BUILD

BATCH = 32


class Line(nn.Module):
    """1-16-1, float32: the network of the benchmark."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.net(x)
        return y


class Dropping(nn.Module):
    """Dropout and batch normalization, float64: all that a training can keep."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.net = nn.Sequential(nn.Linear(3, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Dropout(0.25), nn.Linear(16, 1)).double()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.net(x)
        return y


class Coupled(nn.Module):
    """Two inputs of two dtypes, two outputs, and tensors in the code."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.a, self.b = nn.Linear(3, 4), nn.Embedding(5, 4)
        self.mean = torch.tensor([0.5, -0.5, 0.25])  # no buffer, as people write it

    def forward(self, x: Tensor, kind: Tensor) -> tuple[Tensor, Tensor]:
        y = torch.tanh(self.a(x - self.mean)) + self.b(kind)
        return y[:, :2], y[:, 2:] * torch.tensor([2.0, 3.0])


def coupled_loss(outputs: tuple[Tensor, Tensor], targets: tuple[Tensor, Tensor]) -> Tensor:
    """Smooth on purpose: an absolute value turns one bit of the weights into 4 % of the loss within 90 steps, this into 2e-7."""
    return ((outputs[0] - targets[0]) ** 2).mean() + nn.functional.smooth_l1_loss(outputs[1], targets[1])


def line_data() -> tuple[Tensor, Tensor]:
    x = torch.linspace(-1, 1, BATCH)[:, None]
    return x, torch.sin(3 * x)


def dropping_data() -> tuple[Tensor, Tensor]:
    x = torch.randn(BATCH, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    return x, torch.sin(x.sum(1, keepdim=True))


def coupled_data() -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    source = torch.Generator().manual_seed(6)
    x = torch.randn(BATCH, 3, generator=source)
    kind = torch.randint(0, 5, (BATCH,), generator=source)
    return (x, kind), (x[:, :2].clone(), torch.cos(x[:, 1:]))


def _write_line(path: Path) -> None:
    pt2ts.export_training(
        Line(), "mse", "adam", *line_data(), path,
        inputs=["x[batch,1] float32 K"], targets=["y[batch,1] float32 K/s"], learning_rate=0.01, threads=1,
    )  # fmt: skip


def _write_dropping(path: Path) -> None:
    pt2ts.export_training(
        Dropping(), "mse", "adamw weight_decay=0.001", *dropping_data(), path,
        inputs=["x[batch,3] float64"], targets=["y[batch,1] float64"], symbols={"batch": (2, 1000)}, learning_rate=0.01,
        schedule="cosine schedule_steps=400 warmup_steps=10", clip_norm=1.0, seed=11, threads=1, halves=True,
    )  # fmt: skip


def _write_coupled(path: Path) -> None:
    pt2ts.export_training(
        Coupled(), coupled_loss, "sgd momentum=0.9 nesterov=true", *coupled_data(), path,
        inputs=["x[batch,3] float32", "kind[batch] int64"], targets=["first[batch,2]", "second[batch,2]"], learning_rate=0.05,
        threads=1, halves=True,
    )  # fmt: skip


class Growing(nn.Module):
    """A time step that blows up when it begins far out, with two networks in it and a buffer; what drives it comes from outside."""

    length: Tensor

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.source, self.sink = (nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 4)).double() for _ in range(2))
        self.register_buffer("length", torch.tensor(0.1, dtype=torch.float64))

    def forward(self, u: Tensor, driver: Tensor) -> Tensor:
        moved: Tensor = u + self.length * (self.source(u) - self.sink(u.roll(1, 1)) + driver + u**3)
        return moved


#: Of the package of several steps.
ROLLOUT_STEPS, ROLLOUT_BATCH = 4, 6


def rollout_data() -> tuple[Tensor, Tensor, Tensor]:
    """Return a state, what drives the steps that follow, and what shall come of them."""
    source = torch.Generator().manual_seed(8)
    made = [(ROLLOUT_BATCH, 4), (ROLLOUT_BATCH, ROLLOUT_STEPS, 4), (ROLLOUT_BATCH, ROLLOUT_STEPS, 4)]
    state, driver, truth = (0.3 * torch.randn(shape, generator=source, dtype=torch.float64) for shape in made)
    return state, driver, truth


def _write_rollout(path: Path) -> None:
    state, driver, truth = rollout_data()
    pt2ts.export_training(
        Rollout(Growing(), ROLLOUT_STEPS, weighted=True), StepLoss(), "adam",
        [state, driver, torch.ones(ROLLOUT_STEPS, dtype=torch.float64)], truth, path,
        inputs=["u[6,4] float64", "driver[6,4,4] float64", "weights[4] float64"], targets=["truth[6,4,4] float64"],
        dynamic_batch=False, learning_rate=0.01, threads=1, halves=True,
    )  # fmt: skip


#: What `_write_grouped` compiles.
CYCLE = "one_cycle schedule_steps=260 max_learning_rate=0.05 three_phase=true"
GROUPS = {"0.*": {"learning_rate": 2e-4}, "*bias": {"weight_decay": 0.0}}


def grouped_network() -> nn.Module:
    torch.manual_seed(4)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)).double()


def _write_grouped(path: Path) -> None:
    pt2ts.export_training(
        grouped_network(), "mse", "adamw weight_decay=0.1", *dropping_data(), path,
        inputs=["x[batch,3] float64"], targets=["y[batch,1] float64"], schedule=CYCLE, groups=GROUPS, threads=1, halves=True,
    )  # fmt: skip


WRITERS: dict[str, Callable[[Path], None]] = {
    "line": _write_line, "dropping": _write_dropping, "coupled": _write_coupled, "grouped": _write_grouped,
    "rollout": _write_rollout,
}  # fmt: skip


def state() -> str:
    """Return a digest of everything that makes the packages."""
    return support.digest_of(*support.sources_of_pt2ts(), Path(__file__).read_bytes())


def training_file(name: str) -> Path:
    """Return one of the packages, made now or by an earlier run."""
    folder = BUILD / "training"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{state()}.pt2"
    with FileLock(path.with_suffix(".lock")):
        if not path.exists():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                WRITERS[name](path)
    return path


def eager_losses(
    module: nn.Module, optimizer: Any, loss: Callable[..., Tensor], inputs: Any, targets: Any, steps: int
) -> list[float]:
    """Return the losses of a training as one writes it in Python."""
    found = []
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(module(*inputs), targets)
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        found.append(value.item())
    return found
