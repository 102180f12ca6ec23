"""Networks as a scientist writes them: two inputs and a dictionary, a state in and out, attention, categories."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Block(nn.Sequential):
    """Two convolutions."""

    def __init__(self, n_in: int, n_out: int) -> None:
        layers = [
            nn.Conv2d(n_in, n_out, 3, padding=1),
            nn.BatchNorm2d(n_out),
            nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, padding=1),
            nn.ReLU(),
        ]
        super().__init__(*layers)


class UNet(nn.Module):
    """Precipitation from three fields, over land and sea."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.first, self.second, self.bottom = Block(4, width), Block(width, 2 * width), Block(2 * width, 4 * width)
        self.up_second = nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2)
        self.merge_second = Block(4 * width, 2 * width)
        self.up_first = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.merge_first = Block(2 * width, width)
        self.last = nn.Conv2d(width, 2, 1)

    def forward(self, field: Tensor, land: Tensor) -> dict[str, Tensor]:
        """Return rain and snow."""
        first = self.first(torch.cat([field, land[:, None]], dim=1))
        second = self.second(nn.functional.max_pool2d(first, 2))
        bottom = self.bottom(nn.functional.max_pool2d(second, 2))
        second = self.merge_second(torch.cat([self.up_second(bottom), second], dim=1))
        both = self.last(self.merge_first(torch.cat([self.up_first(second), first], dim=1)))
        return {"snow": both[:, 0], "rain": nn.functional.softplus(both[:, 1])}


class Soil(nn.Module):
    """A flux that depends on what came before."""

    def __init__(self) -> None:
        super().__init__()
        self.cells = nn.GRU(5, 8, num_layers=2, batch_first=True)
        self.head = nn.Linear(8, 1)

    def forward(self, forcing: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return the flux of a time step, and the state after it."""
        out, state = self.cells(forcing[:, None], state)
        return self.head(out[:, 0])[:, 0], state


class Heating(nn.Module):
    """Heating rates from whole columns: each level looks at all others."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(0.1 * torch.randn(20, 8))
        self.lift = nn.Linear(3, 8)
        self.look = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 1)

    def forward(self, column: Tensor) -> Tensor:
        """Return one number for each level."""
        levels = self.lift(column) + self.place
        seen, _ = self.look(levels, levels, levels, need_weights=False)
        rates: Tensor = self.head(self.norm(levels + seen))[..., 0]
        return rates


class Albedo(nn.Module):
    """Albedo from the category of land use and three numbers."""

    def __init__(self, categories: int = 12) -> None:
        super().__init__()
        self.table = nn.Embedding(categories, 4)
        self.net = nn.Sequential(nn.Linear(7, 16), nn.Tanh(), nn.Linear(16, 1), nn.Sigmoid())

    def forward(self, category: Tensor, numbers: Tensor) -> Tensor:
        """Return the albedo of each place."""
        albedo: Tensor = self.net(torch.cat([self.table(category), numbers], dim=1))[:, 0]
        return albedo
