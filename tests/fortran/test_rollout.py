"""A network that is trained through several steps of its host, from Fortran, and goes back into a model of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import pt2ts

from ..training_files import ROLLOUT_STEPS, Growing, rollout_data, training_file
from .conftest import Build, Run


class Source(nn.Module):
    """One of the two networks in the host's step, under the name that it has there."""

    def __init__(self, step: Growing) -> None:
        super().__init__()
        self.source = step.source

    def forward(self, u: Tensor) -> Tensor:
        """Return what it says."""
        change: Tensor = self.source(u)
        return change


class Other(nn.Module):
    """A network that the host has not."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(4, 4).double()

    def forward(self, u: Tensor) -> Tensor:
        """Return what it says."""
        change: Tensor = self.net(u)
        return change


def test_forecasts_that_grow_longer_and_their_networks(build: Build, run: Run, models: Path) -> None:
    state, driver, truth = rollout_data()
    (models / "rollout.bin").write_bytes(b"".join(part.numpy().tobytes() for part in (state, driver, truth)))
    pt2ts.export(Growing(), [state, driver[:, 0]], models / "growing.pt")
    for name, module in (("part", Source(Growing())), ("one", Growing().source), ("other", Other())):
        pt2ts.export(module, state, models / f"{name}.pt")
    done = run(build("rollout.f90"), str(training_file("rollout")), env={"OMP_NUM_THREADS": "1"}, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    *numbers, several, other, live = (line.strip() for line in done.stdout.splitlines())
    assert live == "live 0"
    step = Growing()
    optimizer = torch.optim.Adam(step.parameters(), lr=0.01)
    losses = []
    for update in range(5 * ROLLOUT_STEPS):
        optimizer.zero_grad()
        u, asked = state, update // 5 + 1
        loss = torch.zeros((), dtype=torch.float64)
        for place in range(asked):
            u = step(u, driver[:, place])
            loss = loss + functional.mse_loss(u, truth[:, place]) / asked
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        learned = sum(float(weight.square().sum()) for weight in step.parameters())
        changed = float(step.source(state).square().sum())
    assert [float(number) for number in numbers] == pytest.approx([*losses, learned, changed], rel=1e-9)
    assert several == (
        "several 1 torch_model_take_weights: several parts of what the trainer trains have the model's weights: 'step.sink.', "
        "'step.source.'; take them by name, with torch_trainer_get_tensor and torch_model_set_parameter"
    )
    assert "missing there: net.weight, net.bias; unknown to the model: step.length" in other
