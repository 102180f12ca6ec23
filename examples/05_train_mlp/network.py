"""Write the network that the Fortran programs train, with random weights, and the training step compiled as run.nml says.

``python network.py build/network.pt`` or ``python network.py build/train.pt2 run.nml``.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

import pt2ts


class Unresolved(nn.Module):
    """Tendency of a slow variable from itself and two neighbours on each side. Units of the host go in and come out."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(5, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))

    def forward(self, slow: Tensor) -> Tensor:
        """Map [batch, 5] to [batch, 1]."""
        tendency: Tensor = self.layers(slow / 10) * 10
        return tendency


def settings(namelist: Path) -> dict[str, str]:
    """Return the keys of the group &training."""
    group = namelist.read_text().split("&training")[1].split("\n/")[0]
    return {key: value.strip("'") for key, value in re.findall(r"(\w+)\s*=\s*('[^']*'|[^,\s]+)", group)}


def write_network(path: Path) -> None:
    """Export the network."""
    pt2ts.export(Unresolved(), torch.randn(8, 5), path, inputs=["slow[batch,5] float32 1"], outputs=["tendency 1"])


def write_training(path: Path, namelist: Path) -> None:
    """Compile the whole training step, with the optimizer and the schedule of the namelist file."""
    chosen = settings(namelist)
    schedule = f"{chosen['schedule']} schedule_steps={chosen['schedule_steps']} warmup_steps={chosen['warmup_steps']}"
    pt2ts.export_training(
        Unresolved(),
        "mse",
        chosen["optimizer"],
        torch.randn(8, 5),
        torch.randn(8, 1),
        path,
        inputs=["slow[batch,5] float32 1"],
        targets=["truth[batch,1] float32 1"],
        outputs=["tendency 1"],
        learning_rate=float(chosen["learning_rate"]),
        schedule=schedule,
        clip_norm=float(chosen["clip_norm"]),
        threads=1,
    )


if __name__ == "__main__":
    torch.manual_seed(1)
    target = Path(sys.argv[1])
    if target.suffix == ".pt2":
        write_training(target, Path(sys.argv[2]))
    else:
        write_network(target)
