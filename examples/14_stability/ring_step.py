"""The time step of ring.f90 once more, in PyTorch, with a network in it: what a training step is compiled from."""

from __future__ import annotations

from torch import Tensor, nn

#: Width of a cell, length of a step, and the share of the damping that stays in the host: as ring.f90 has them.
DX, DT, KEPT = 1.0, 0.2, 0.2


class RingStep(nn.Module):
    """One step of the host for u[member, cell]: advance.inc."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, u: Tensor) -> Tensor:
        """Return u after the step."""
        flux: Tensor = self.network(u)
        first = tendency(u)
        second = tendency(u + (DT / 2) * first)
        third = tendency(u + (DT / 2) * second)
        fourth = tendency(u + DT * third)
        return u + (DT / 6) * (first + 2 * second + 2 * third + fourth) + (DT / DX) * (neighbour(flux, -1) - flux)


def tendency(u: Tensor) -> Tensor:
    """Return what the host alone does to u: tendency.inc."""
    ahead, two_ahead, behind = (neighbour(u, distance) for distance in (1, 2, -1))
    flux = (u * u + u * ahead + ahead * ahead) / 6 + (ahead - u) / DX
    flux = flux + KEPT * (two_ahead - 3 * ahead + 3 * u - behind) / DX**3
    return (neighbour(flux, -1) - flux) / DX


def neighbour(u: Tensor, distance: int) -> Tensor:
    """Return what the cells so many further on have."""
    return u.roll(-distance, 1)


def forecast_loss(forecast: Tensor, truth: Tensor) -> Tensor:
    """Return the mean squared error of all steps, per unit of time."""
    return ((forecast - truth) ** 2).mean() / DT**2
