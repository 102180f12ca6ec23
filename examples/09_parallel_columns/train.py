"""Train a network on a longwave scheme for grey air, and write it as a package: ``train.py heating.pt2``.

The scheme stands for one that would be too slow: it heats a column of 20 levels by the divergence of the fluxes up and down.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor, nn

import pt2ts

LEVELS = 20
STEFAN = 5.670374e-8
#: Pa of a level, J/(kg K) of air, m/s2, s a day; m2/kg that water vapour and the rest of the air absorb.
THICKNESS, HEAT, GRAVITY, DAY = 5000.0, 1004.0, 9.81, 86400.0
VAPOUR, AIR = 0.05, 1.5e-4


def scheme(temperature: Tensor, humidity: Tensor) -> Tensor:
    """Return the heating in K/day; levels are counted from the ground, which has the temperature of the lowest."""
    through = torch.exp(-1.66 * (VAPOUR * humidity + AIR) * THICKNESS / GRAVITY)
    emitted = STEFAN * temperature**4
    up, down = [emitted[:, 0]], [torch.zeros_like(emitted[:, 0])]
    for level in range(LEVELS):
        up.append(up[-1] * through[:, level] + emitted[:, level] * (1 - through[:, level]))
        top = LEVELS - 1 - level
        down.append(down[-1] * through[:, top] + emitted[:, top] * (1 - through[:, top]))
    net = torch.stack(up, 1) - torch.stack(down[::-1], 1)
    return (net[:, :-1] - net[:, 1:]) * GRAVITY / (HEAT * THICKNESS) * DAY


def columns(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return columns of temperature (K) and humidity (kg/kg) as the atmosphere may have them."""
    source = torch.Generator().manual_seed(seed)
    height = torch.linspace(0, 1, LEVELS)
    ground = 260 + 50 * torch.rand(count, 1, generator=source)
    lapse = 50 + 40 * torch.rand(count, 1, generator=source)
    wave = torch.sin(height * 6 * torch.rand(count, 1, generator=source) + 6 * torch.rand(count, 1, generator=source))
    temperature = ground - lapse * height + 5 * wave * torch.rand(count, 1, generator=source)
    moist = 0.02 * torch.rand(count, 1, generator=source)
    return temperature, moist * torch.exp(-3 * height) * (1 + 0.3 * wave)


class Heating(nn.Module):
    """A perceptron on both profiles."""

    def __init__(self) -> None:
        super().__init__()
        width = 128
        self.layers = nn.Sequential(
            nn.Linear(2 * LEVELS, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, LEVELS)
        )

    def forward(self, temperature: Tensor, humidity: Tensor) -> Tensor:
        """Return the heating in K/day."""
        return self.layers(torch.cat(((temperature - 255) / 30, (humidity - 0.004) / 0.005), 1))


def main() -> None:
    """Train, say how good it is, write."""
    torch.manual_seed(1)
    network = Heating()
    temperature, humidity = columns(60_000, 2)
    wanted = scheme(temperature, humidity)
    steps, batch = 3000, 512
    optimizer = torch.optim.Adam(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    for step in range(steps):
        chosen = torch.randint(len(wanted), (batch,))
        loss = nn.functional.mse_loss(network(temperature[chosen], humidity[chosen]), wanted[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if (step + 1) % 500 == 0:
            print(f"step {step + 1}: off by {loss.item() ** 0.5:.3f} K/day", flush=True)
    temperature, humidity = columns(5000, 3)
    with torch.no_grad():
        off = (network(temperature, humidity) - scheme(temperature, humidity)).square().mean().sqrt()
        spread = scheme(temperature, humidity).std()
    print(f"columns it has not seen: off by {off:.3f} K/day of {spread:.2f} K/day")
    pt2ts.export(
        network.eval(), (temperature[:8], humidity[:8]), Path(sys.argv[1]),
        inputs=[f"temperature[batch,{LEVELS}] float32 K", f"humidity[batch,{LEVELS}] float32 kg/kg"],
        outputs=["heating K/day"], format=pt2ts.Package(batch=()),
    )  # fmt: skip


if __name__ == "__main__":
    main()
