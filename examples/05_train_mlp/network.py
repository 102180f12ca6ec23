"""Write the network that the Fortran program trains, with random weights: ``python network.py build/network.pt``."""

from __future__ import annotations

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


def main(path: Path) -> None:
    """Export the network."""
    torch.manual_seed(1)
    pt2ts.export(Unresolved(), torch.randn(8, 5), path, inputs=["slow[batch,5] float32 1"], outputs=["tendency 1"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
