"""Networks of the literature on climate and its models, written from the papers: as their authors write them, at a smaller width.

What they share is that nobody wrote them for this library.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class Convection(nn.Module):
    """Tendencies of a column by moist processes: five dense layers, 61 numbers in, 148 out (Yuval, O'Gorman and Hill 2021).

    What comes out are fluxes, rates and sources, which lie eleven decades apart.
    """

    scale: Tensor

    def __init__(self, inputs: int = 61, outputs: int = 148, width: int = 128) -> None:
        super().__init__()
        self.linear1, self.linear2 = nn.Linear(inputs, width), nn.Linear(width, width)
        self.linear3, self.linear4 = nn.Linear(width, width), nn.Linear(width, width)
        self.linear5 = nn.Linear(width, outputs)
        self.register_buffer("scale", torch.logspace(-8, 3, outputs))

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.linear1(x))
        x = functional.relu(self.linear2(x))
        x = functional.relu(self.linear3(x))
        x = functional.relu(self.linear4(x))
        y: Tensor = self.linear5(x) * self.scale
        return y


class GravityWaves(nn.Module):
    """Drag by gravity waves: a trunk, and a branch of its own for each level (Espinosa et al. 2022)."""

    def __init__(self, inputs: int = 83, levels: int = 33, width: int = 32) -> None:
        super().__init__()
        self.trunk = nn.ModuleList([nn.Linear(inputs if number == 0 else width, width) for number in range(3)])
        self.branches = nn.ModuleList([self.branch(width, level) for level in range(levels)])

    @staticmethod
    def branch(width: int, level: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        for _ in range(1 + level % 2):
            layers += [nn.Linear(width, width // 2), nn.ReLU()] if not layers else [nn.Linear(width // 2, width // 2), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(width // 2, 1))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.trunk:
            x = torch.relu(layer(x))
        return torch.cat([branch(x) for branch in self.branches], dim=-1)


class SoftPlusPrecision(nn.Module):
    """Makes some channels positive, above a smallest value that is learned too."""

    def __init__(self, indices: list[int]) -> None:
        super().__init__()
        self._min_value = nn.Parameter(torch.tensor(-2.0))
        self._indices = indices

    @property
    def min_value(self) -> Tensor:
        return functional.softplus(self._min_value)

    @property
    def indices(self) -> list[int]:
        return self._indices

    def forward(self, x: Tensor) -> Tensor:
        result = torch.clone(x)
        result[:, self.indices, :, :] = functional.softplus(x[:, self.indices, :, :]) + self.min_value
        return result


class OceanClosure(nn.Module):
    """Momentum that ocean eddies take and give: mean and precision of both components (Guillaumin and Zanna 2021).

    Eight convolutions without padding; the channels of the precision are assigned by a list of their numbers.
    """

    def __init__(self, widths: tuple[int, ...] = (16, 8, 4, 4, 4, 4, 4)) -> None:
        super().__init__()
        sizes, channels = (5, 5, 3, 3, 3, 3, 3, 3), (2, *widths, 4)
        layers: list[nn.Module] = []
        for number, size in enumerate(sizes):
            layers.append(nn.Conv2d(channels[number], channels[number + 1], size))
            if number < len(sizes) - 1:
                layers += [nn.ReLU(), nn.BatchNorm2d(channels[number + 1])]
        self.layers = nn.Sequential(*layers)
        self.final_transformation = SoftPlusPrecision([2, 3])

    def forward(self, velocity: Tensor) -> Tensor:
        y: Tensor = self.final_transformation(self.layers(velocity))
        return y


class Radiation(nn.Module):
    """Fluxes of radiation by a recurrent network down and up the column (Ukkonen 2022), with the surface as its beginning."""

    def __init__(self, features: int = 8, surface: int = 3, width: int = 16) -> None:
        super().__init__()
        self.start = nn.Linear(surface, 2 * width)
        self.rnn1 = nn.LSTM(features, width, batch_first=True, bidirectional=True)
        self.rnn2 = nn.LSTM(2 * width, width, batch_first=True, bidirectional=True)
        self.out = nn.Linear(4 * width, 2)

    def forward(self, levels: Tensor, surface: Tensor) -> Tensor:
        h = torch.tanh(self.start(surface)).reshape(levels.shape[0], 2, -1).transpose(0, 1).contiguous()
        first, _ = self.rnn1(levels, (h, torch.zeros_like(h)))
        second, (last, _) = self.rnn2(first)
        y = torch.sigmoid(self.out(torch.cat([first, second], -1)))
        flux: Tensor = y * last.abs().mean((0, 2))[:, None, None]
        return flux


class CloudCover(nn.Module):
    """Cloud cover of a cell in per cent (Grundner et al. 2022), cut to what can be; no condensate is no cloud."""

    def __init__(self, inputs: int = 24, width: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(inputs, width), nn.Tanh(), nn.Linear(width, width), nn.LeakyReLU(0.2), nn.BatchNorm1d(width),
            nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1),
        )  # fmt: skip

    def forward(self, cell: Tensor) -> Tensor:
        cover: Tensor = self.layers(cell).squeeze(-1).clamp(0.0, 100.0)
        condensate = cell[:, 0] + cell[:, 1]
        cover[condensate < 1e-20] = 0.0
        return cover


class SpectralConv(nn.Module):
    """Products with the lowest modes of a field (Li et al. 2021)."""

    def __init__(self, width: int, modes: tuple[int, int]) -> None:
        super().__init__()
        self.modes = modes
        scale = 1.0 / (width * width)
        self.weights1 = nn.Parameter(scale * torch.rand(width, width, *modes, dtype=torch.cfloat))
        self.weights2 = nn.Parameter(scale * torch.rand(width, width, *modes, dtype=torch.cfloat))

    def forward(self, x: Tensor) -> Tensor:
        m1, m2 = self.modes
        x_ft = torch.fft.rfft2(x)
        out_ft = torch.zeros(x.shape[0], x.shape[1], x.size(-2), x.size(-1) // 2 + 1, dtype=torch.cfloat, device=x.device)
        out_ft[:, :, :m1, :m2] = torch.einsum("bixy,ioxy->boxy", x_ft[:, :, :m1, :m2], self.weights1)
        out_ft[:, :, -m1:, :m2] = torch.einsum("bixy,ioxy->boxy", x_ft[:, :, -m1:, :m2], self.weights2)
        y: Tensor = torch.fft.irfft2(out_ft, s=(x.size(-2), x.size(-1)))
        return y


class FourierOperator(nn.Module):
    """A Fourier neural operator on a grid of odd sizes, with the coordinates as further channels."""

    def __init__(self, channels: int = 2, width: int = 6, modes: tuple[int, int] = (4, 5)) -> None:
        super().__init__()
        self.p = nn.Linear(channels + 2, width)
        self.convs = nn.ModuleList([SpectralConv(width, modes) for _ in range(2)])
        self.ws = nn.ModuleList([nn.Conv2d(width, width, 1) for _ in range(2)])
        self.q = nn.Conv2d(width, 1, 1)

    def grid(self, shape: torch.Size, device: torch.device) -> Tensor:
        gridx = torch.linspace(0, 1, shape[1], device=device).reshape(1, shape[1], 1, 1).repeat([shape[0], 1, shape[2], 1])
        gridy = torch.linspace(0, 1, shape[2], device=device).reshape(1, 1, shape[2], 1).repeat([shape[0], shape[1], 1, 1])
        return torch.cat((gridx, gridy), dim=-1)

    def forward(self, field: Tensor) -> Tensor:
        x = torch.cat((field, self.grid(field.shape, field.device)), dim=-1)
        x = self.p(x).permute(0, 3, 1, 2)
        x = functional.pad(x, [0, 9, 0, 9])
        for conv, w in zip(self.convs, self.ws, strict=True):
            x = functional.gelu(conv(x) + w(x))
        y: Tensor = self.q(x[..., :-9, :-9])
        return y.permute(0, 2, 3, 1)


class Potential(nn.Module):
    """Energy and forces of atoms by continuous filters (SchNet, Schütt et al. 2017); forces are its derivative."""

    offsets: Tensor

    def __init__(self, kinds: int = 5, width: int = 8, filters: int = 12, cutoff: float = 5.0) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.register_buffer("offsets", torch.linspace(0, cutoff, filters))
        self.embedding = nn.Embedding(kinds, width)
        self.filter = nn.Sequential(nn.Linear(filters, width), nn.Softplus(), nn.Linear(width, width))
        self.inner, self.outer = nn.Linear(width, width), nn.Sequential(nn.Linear(width, width), nn.Softplus(), nn.Linear(width, 1))

    def energy(self, place: Tensor, kind: Tensor, pairs: Tensor) -> Tensor:
        i, j = pairs[0], pairs[1]
        distance = (place[j] - place[i]).square().sum(-1).add(1e-6).sqrt()
        smooth = 0.5 * (torch.cos(distance * math.pi / self.cutoff) + 1) * (distance < self.cutoff)
        radial = torch.exp(-2.0 * (distance[:, None] - self.offsets) ** 2)
        h = self.embedding(kind)
        h = h + torch.zeros_like(h).index_add(0, i, self.inner(h)[j] * self.filter(radial) * smooth[:, None])
        total: Tensor = self.outer(h).sum()
        return total

    def forward(self, place: Tensor, kind: Tensor, pairs: Tensor) -> dict[str, Tensor]:
        with torch.enable_grad():
            here = place.detach().requires_grad_(True)
            energy = self.energy(here, kind, pairs)
            (gradient,) = torch.autograd.grad([energy], [here], create_graph=self.training)
        return {"energy": energy.detach(), "forces": -gradient}


#: Network, declarations, bounds.
NETWORKS: dict[str, tuple[Callable[[], nn.Module], list[str], dict[str, Any]]] = {
    "convection": (Convection, ["column[batch,61] float32"], {}),
    "gravity waves": (GravityWaves, ["column[batch,83] float32"], {}),
    "ocean closure": (OceanClosure, ["velocity[batch,2,ny,nx] float32 m/s"], {"ny": (22, None), "nx": (22, None)}),
    "radiation": (Radiation, ["levels[batch,60,8] float32", "surface[batch,3] float32"], {}),
    "radiation of any depth": (Radiation, ["levels[batch,nlev,8] float32", "surface[batch,3] float32"], {}),
    "cloud cover": (CloudCover, ["cell[batch,24] float32"], {}),
    "fourier operator": (FourierOperator, ["field[batch,33,65,2] float32"], {}),
    "fourier operator of any size": (FourierOperator, ["field[batch,ny,nx,2] float32"], {"ny": (9, None), "nx": (9, None)}),
    "potential": (
        Potential,
        ["place[atoms,3] float32 nm", "kind[atoms] int64 0..4", "pairs[2,npairs] int64 0..atoms-1"],
        {"npairs": (0, None)},
    ),
}
