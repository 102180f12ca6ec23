"""The network: from this month's sea surface temperature to next month's.

`AnomalyCNN` is the part that learns; it sees scaled departures from the climatology. `SSTEmulator` wraps it, so that a host
model passes kelvin and receives kelvin and knows nothing of scaling, climatology or months of the year.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class RingConv(nn.Module):
    """A 3x3 convolution on a ring of longitudes: the last column is the neighbour of the first.

    North and south end in zeros; the land mask is among the inputs, so the network can tell an edge from an average sea.
    """

    def __init__(self, channels_in: int, channels_out: int, dilation: int = 1) -> None:
        super().__init__()
        self.reach = dilation
        self.conv = nn.Conv2d(channels_in, channels_out, 3, padding=(1, 0), dilation=(1, dilation))

    def forward(self, x: Tensor) -> Tensor:
        """Apply the convolution to ``x`` [batch, channel, latitude, longitude]; the field keeps its size."""
        y: Tensor = self.conv(functional.pad(x, (self.reach, self.reach, 0, 0), mode="circular"))
        return y


class ResidualBlock(nn.Module):
    """Two convolutions beside an identity; the first one looks far east and west, where the waves of the tropics come from."""

    def __init__(self, channels: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.wide = RingConv(channels, channels, dilation)
        self.drop = nn.Dropout2d(dropout)
        self.near = RingConv(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Refine the features ``x`` [batch, channel, latitude, longitude]."""
        return functional.gelu(x + self.near(self.drop(functional.gelu(self.wide(x)))))


class AnomalyCNN(nn.Module):
    """Next month's scaled anomaly from this month's: a damped copy plus what the residual network adds.

    It starts as damped persistence, because the head starts at zero, and only learns the difference to it.
    """

    def __init__(self, width: int = 24, dropout: float = 0.2) -> None:
        super().__init__()
        self.stem = RingConv(4, width)
        self.blocks = nn.Sequential(ResidualBlock(width, 4, dropout), ResidualBlock(width, 16, dropout))
        self.head = RingConv(width, 2)
        self.damping = nn.Parameter(torch.tensor(0.85))
        nn.init.zeros_(self.head.conv.weight)
        nn.init.zeros_(self.head.conv.bias)  # type: ignore[arg-type]  # a convolution made with a bias has one

    def forward(self, anomaly: Tensor, mask: Tensor, month: Tensor) -> Tensor:
        """Step ``anomaly`` [batch, latitude, longitude] by a month.

        Parameters
        ----------
        anomaly
            Scaled departure from the climatology, 0 on land.
        mask
            1 on ocean, 0 on land, [latitude, longitude].
        month
            Calendar month of each field, 1 = January, [batch].
        """
        angle = (2.0 * math.pi / 12.0) * (month.to(anomaly.dtype) - 0.5)  # mid-month; December is next to January
        here = mask.expand_as(anomaly)
        season = angle[:, None, None]
        features = self.stem(torch.stack([anomaly, here, here * season.sin(), here * season.cos()], dim=1))
        added, factor = self.head(self.blocks(functional.gelu(features))).unbind(dim=1)
        following: Tensor = here * ((self.damping + factor) * anomaly + added)
        return following


class SSTEmulator(nn.Module):
    """What is exported: kelvin in, kelvin out, land untouched.

    Parameters
    ----------
    network
        The trained network.
    climatology
        Mean field of each calendar month in kelvin, [12, latitude, longitude].
    scale
        Standard deviation of the training anomalies in kelvin.
    """

    climatology: Tensor
    scale: Tensor

    def __init__(self, network: AnomalyCNN, climatology: Tensor, scale: float) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("climatology", climatology)
        self.register_buffer("scale", torch.tensor(scale))

    def forward(self, sst: Tensor, mask: Tensor, month: Tensor) -> Tensor:
        """Return next month's sea surface temperature in kelvin, [latitude, longitude].

        Parameters
        ----------
        sst
            This month's field in kelvin, [latitude, longitude]; land may hold anything, also NaN.
        mask
            1 on ocean, 0 on land, [latitude, longitude].
        month
            Calendar month of ``sst``, 1 = January; one integer.
        """
        this_month = month.reshape(1).to(torch.int64)
        ocean = mask > 0.5
        normal = self.climatology.index_select(0, torch.remainder(this_month - 1, 12))
        next_normal = self.climatology.index_select(0, torch.remainder(this_month, 12))
        # where, not a product with the mask: NaN * 0 is NaN, and one NaN would spread over the map with every convolution.
        anomaly = torch.where(ocean, (sst - normal) / self.scale, torch.zeros_like(normal))
        prediction = next_normal + self.scale * self.network(anomaly, ocean.to(sst.dtype), this_month)
        return torch.where(ocean, prediction[0], sst)
