"""Random numbers that follow from a seed: a network that draws them answers the same question in the same way."""

# No "from __future__ import annotations" here: TorchScript reads the annotations of attributes, and strings are none to it.

import math

import torch
from torch import Tensor, nn

from ..errors import DeclarationError

_MASK = 0xFFFFFFFF


def mixed(value: Tensor) -> Tensor:
    """Mix the lower 32 bits of int64 numbers: a hash whose every output bit depends on every input bit ("lowbias32").

    A multiplier above 2^31 is taken negative, so that no product overflows.
    """
    value = value ^ (value >> 16)
    value = (value * 0x7FEB352D) & 0xFFFFFFFF
    value = value ^ (value >> 15)
    value = (value * (0x846CA68B - 0x100000000)) & 0xFFFFFFFF
    return value ^ (value >> 16)


class Noise(nn.Module):
    """Random numbers like a tensor, for networks with randomness of their own: stochastic schemes, generators, ensembles.

    They are a formula of the seed and of the place in the tensor, the same in Python, in both kinds of files and on devices. The
    program gives a seed that changes, such as the number of the time step. With a seed for each sample, those of a sample are the
    same in any batch, and so do not depend on how columns are shared out.

    Parameters
    ----------
    kind
        ``normal``: mean 0 and variance 1. ``uniform``: from 0 to 1.
    stream
        A number that tells several layers of one network apart: with the same seed each has numbers of its own.
    """

    def __init__(self, kind: str = "normal", stream: int = 0) -> None:
        super().__init__()
        if kind not in ("normal", "uniform"):
            raise DeclarationError(f"kind is '{kind}'", "either 'normal' or 'uniform'")
        if not 0 <= stream <= _MASK:
            raise DeclarationError(f"stream is {stream}", "a number from 0 to 4294967295")
        self.kind = kind
        self.stream = stream

    def forward(self, like: Tensor, seed: Tensor) -> Tensor:
        """Return numbers of shape and dtype of ``like``; ``seed`` is one whole number, or one for each of the first index."""
        each = seed.long().reshape(-1, 1)
        size = like.numel() if seed.dim() == 0 else like[0].numel() if like.size(0) > 0 else 0
        place = torch.arange(size, dtype=torch.int64, device=like.device).reshape(1, -1)
        first = self.uniform(each, place, 0x9E3779B9, 0x3C6EF372)
        if self.kind == "uniform":
            return first.reshape(like.shape).to(like.dtype)
        angle = self.uniform(each, place, 0x78DDE6E4, 0x1BD11BDA) * (2.0 * math.pi)
        return (torch.sqrt(-2.0 * torch.log(first)) * torch.cos(angle)).reshape(like.shape).to(like.dtype)

    def uniform(self, seed: Tensor, place: Tensor, salt: int, other: int) -> Tensor:
        """Return numbers above 0 and below 1 for all seeds and places; two keys, since one alone would only turn the order."""
        return (mixed(mixed((place + self.key(seed, salt)) & 0xFFFFFFFF) ^ self.key(seed, other)).double() + 0.5) / 4294967296.0

    def key(self, seed: Tensor, salt: int) -> Tensor:
        """Return a number for a seed and this stream."""
        low = mixed((seed & 0xFFFFFFFF) ^ salt)
        return mixed(mixed(low ^ ((seed >> 32) & 0xFFFFFFFF)) ^ self.stream)
