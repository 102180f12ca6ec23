"""Train a network that takes the place of a column scheme. Put your own scheme, data and network here."""

from __future__ import annotations

import torch

LEVELS = 20


class Scheme(torch.nn.Module):
    """From the temperatures of a column to their tendencies.

    Scaling is part of the network: the Fortran program passes kelvin and receives kelvin per hour.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(LEVELS, 64), torch.nn.SiLU(), torch.nn.Linear(64, 64), torch.nn.SiLU(), torch.nn.Linear(64, LEVELS)
        )
        self.straight = torch.nn.Linear(LEVELS, LEVELS)  # the linear part of the scheme is none of the hidden layers' business
        self.register_buffer("mean", torch.full((LEVELS,), 260.0))
        self.register_buffer("width", torch.full((LEVELS,), 20.0))

    def forward(self, temperature: torch.Tensor) -> torch.Tensor:
        """Return K/h for K, both [batch, level]."""
        scaled = (temperature - self.mean) / self.width
        tendency: torch.Tensor = self.layers(scaled) + self.straight(scaled)
        return tendency


def build_model() -> torch.nn.Module:
    """Return the network without its weights: pt2ts export puts them in."""
    return Scheme()


def slow_scheme(temperature: torch.Tensor) -> torch.Tensor:
    """Return what the network learns: mixing between neighbouring levels, and radiation that drives each to 255 K."""
    padded = torch.cat([temperature[:, :1], temperature, temperature[:, -1:]], dim=1)
    mixing = 0.2 * (padded[:, 2:] - 2 * temperature + padded[:, :-2])
    return mixing + 2 * (1 - (temperature / 255) ** 4)


def columns(count: int, source: torch.Generator) -> torch.Tensor:
    """Return columns of many kinds: the ground between 265 and 305 K, colder above, with noise."""
    ground = 265 + 40 * torch.rand(count, 1, generator=source)
    lapse = 3 * torch.rand(count, 1, generator=source)
    return ground - lapse * torch.arange(LEVELS) + 2 * torch.randn(count, LEVELS, generator=source)


def main() -> None:
    """Train for a few seconds, say how good the network is, and save its weights."""
    torch.manual_seed(0)
    source = torch.Generator().manual_seed(1)
    model = build_model()
    steps = 800
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=steps)
    for _ in range(steps):
        temperature = columns(256, source)
        loss = torch.nn.functional.mse_loss(model(temperature), slow_scheme(temperature))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    unseen = columns(1000, source)
    with torch.no_grad():
        want = slow_scheme(unseen)
        error = (model(unseen) - want).square().mean().sqrt()
    print(f"error {error:.3f} K/h where tendencies vary by {want.std():.3f} K/h")
    print(f"temperatures in training: {unseen.min():.0f} to {unseen.max():.0f} K")
    torch.save(model.state_dict(), "weights.pt")


if __name__ == "__main__":
    main()
