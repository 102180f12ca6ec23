"""The network that makes fine rain of coarse rain: where in a coarse cell its rain falls, and never how much.

With random numbers among its inputs it is a generator, whose answers are members of an ensemble; without it gives one answer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

N, RATIO = 64, 8
COARSE = N // RATIO
#: Random numbers of a fine cell; as in main.f90.
NOISES = 4


def bilinear() -> Tensor:
    """Return the matrix [fine, coarse] that interpolates along one direction, as grids.f90 does it."""
    place = (torch.arange(N, dtype=torch.float64) + 0.5) / RATIO - 0.5
    cells = torch.arange(COARSE)
    left = torch.floor(place).long()
    share = (place - left)[:, None]
    here, there = (cells == (left[:, None] + step) % COARSE for step in (0, 1))
    return (1 - share) * here + share * there


def smoothers() -> Tensor:
    """Return matrices [noise, fine, fine] that smooth along one direction over 1, 2, 4 and 8 cells, and keep the variance."""
    away = torch.arange(N)[:, None] - torch.arange(N)
    away = ((away + N // 2) % N - N // 2).double()
    found = [torch.eye(N, dtype=torch.float64), *(torch.exp(-((away / 2**scale) ** 2)) for scale in range(1, NOISES))]
    return torch.stack([matrix / matrix.square().sum(1, keepdim=True).sqrt() for matrix in found]).float()


class Around(nn.Conv2d):
    """A convolution on a square that goes on at the other side."""

    def __init__(self, inputs: int, outputs: int, size: int = 3, apart: int = 1) -> None:
        super().__init__(inputs, outputs, size, dilation=apart, padding=apart * (size // 2), padding_mode="circular")


class Downscaling(nn.Module):
    """Coarse rain, wind, fine heights and noise to fine rain.

    In each coarse cell the exponentials of what the layers say are shares of its rain: none is negative, and their sum is one. In
    double precision, so the rain of a cell is kept to its last digits.
    """

    def __init__(self, noisy: bool, width: int = 24) -> None:
        super().__init__()
        self.noisy = noisy
        self.register_buffer("interpolate", bilinear())
        self.register_buffer("smooth", smoothers())
        self.ground = nn.Sequential(
            Around(7, width, 5), nn.ReLU(),
            Around(width, width, 3, 2), nn.ReLU(),
            Around(width, width, 3, 1), nn.ReLU(),
        )  # fmt: skip
        self.sky = nn.Sequential(
            Around(width + (NOISES if noisy else 0), width), nn.ReLU(), Around(width, width), nn.ReLU(), Around(width, 1)
        )

    def forward(self, coarse: Tensor, wind: Tensor, height: Tensor, noise: Tensor) -> Tensor:
        """Return fine rain [sample, y, x] (mm/h)."""
        known, guess = self.known(coarse, wind, height)
        return self.rain(self.answer(self.ground(known), noise), guess, coarse)

    def answer(self, ground: Tensor, noise: Tensor) -> Tensor:
        """Return what the layers say, the logarithm of a factor [sample, y, x]."""
        if self.noisy:
            field = noise.float().permute(0, 3, 1, 2)
            ground = torch.cat((ground, self.smooth @ field @ self.smooth.transpose(1, 2)), 1)
        return self.sky(ground)[:, 0]

    def known(self, coarse: Tensor, wind: Tensor, height: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the layers see [sample, 7, y, x], and the logarithm of the interpolated rain [sample, y, x]."""
        guess = torch.log(self.interpolate @ coarse @ self.interpolate.t() + 1e-3)
        high = (height / 1000).float().expand_as(guess)
        east = (torch.roll(high, -1, 2) - torch.roll(high, 1, 2)) * 2
        north = (torch.roll(high, -1, 1) - torch.roll(high, 1, 1)) * 2
        flow = wind.float()[:, :, None, None].expand(-1, -1, high.size(1), high.size(2)) / 10
        u, v = flow[:, 0], flow[:, 1]
        mean = torch.log(coarse.mean((1, 2)) + 1e-3).float()[:, None, None].expand_as(high)
        return torch.stack((high, u * east + v * north, v * east - u * north, u, v, guess.float(), mean), 1), guess

    def rain(self, said: Tensor, guess: Tensor, coarse: Tensor) -> Tensor:
        """Return the rain of each coarse cell, shared out."""
        cells, ratio = coarse.size(1), guess.size(1) // coarse.size(1)
        parts = (guess + said.double()).reshape(-1, cells, ratio, cells, ratio).permute(0, 1, 3, 2, 4).flatten(3)
        fine = torch.softmax(parts, -1) * (coarse * ratio**2).unsqueeze(-1)
        return fine.reshape(-1, cells, cells, ratio, ratio).permute(0, 1, 3, 2, 4).reshape(-1, cells * ratio, cells * ratio)


INPUTS = (f"coarse[batch,{COARSE},{COARSE}] float64 mm/h 0..60", "wind[batch,2] float64 m/s -20..30",
          f"height[{N},{N}] float64 m 0..3000", f"noise[batch,{N},{N},{NOISES}] float32 1 -7..7")  # fmt: skip
OUTPUTS = ("fine mm/h",)
