"""A material law as a network: strains in, stresses out. Writes ``material.pt`` for the Fortran program.

Usage: ``python material.py build/material.pt``

The weights are made up, not trained: the example is about derivatives, and it should print the same numbers everywhere.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor, nn

import pt2ts

#: Plane stress elasticity of steel: Young's modulus in MPa and Poisson's ratio.
YOUNG, POISSON = 210e3, 0.3


class Material(nn.Module):
    """Linear elasticity, and a network for what softens it."""

    stiffness: Tensor

    def __init__(self) -> None:
        super().__init__()
        rows = [[1, POISSON, 0], [POISSON, 1, 0], [0, 0, (1 - POISSON) / 2]]
        self.register_buffer("stiffness", torch.tensor(rows) * (YOUNG / (1 - POISSON**2)))
        self.softening = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 3))
        for number, weight in enumerate(self.softening.parameters(), start=1):
            wave = torch.sin(number * torch.arange(1.0, weight.numel() + 1))
            weight.data = wave.reshape(weight.shape) / 2

    def forward(self, strain: Tensor) -> Tensor:
        """Stresses (xx, yy, xy) in MPa from strains (xx, yy, xy), both [batch, 3]."""
        elastic: Tensor = strain @ self.stiffness
        softer: Tensor = self.softening(strain * 200)
        return elastic * (1 - 0.2 * torch.tanh(softer) ** 2)


def main(path: Path) -> None:
    """Export the material."""
    strain = torch.tensor([[0.001, -0.0003, 0.0005], [0.002, 0.001, -0.001]], dtype=torch.float64)
    pt2ts.export(
        Material().double(),
        strain,
        path,
        description="Plane stress of a softening metal",
        inputs=["strain[batch,3] float64 1 -0.01..0.01 -- xx, yy, and the engineering shear xy"],
        outputs=["stress MPa -- xx, yy, xy"],
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
