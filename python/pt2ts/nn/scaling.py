"""Between the host's units and a network's numbers."""

# No "from __future__ import annotations" here: TorchScript reads the annotations of attributes, and strings are none to it.

from os import PathLike

import torch
from torch import Tensor

from ..errors import DeclarationError
from .exact import Exact, Numbers, along, from_the_end
from .statistics import Statistics


class Standardize(Exact):
    """Subtract a mean and divide by a standard deviation; `inverse` gives the way back.

    Parameters
    ----------
    mean, std
        One number, or one for each index of dimension ``dim``.
    dim
        The dimension of the variables (levels, channels), counted from the end: -1 is the last, -3 the channels of images.
    back
        Multiply by ``std`` and add ``mean`` instead.
    """

    mean: Tensor
    std: Tensor
    back: bool

    def __init__(self, mean: Numbers, std: Numbers, dim: int = -1, *, back: bool = False) -> None:
        super().__init__()
        self.back = back
        self.set_numbers("mean", along(mean, dim, "mean"))
        self.set_numbers("std", along(std, dim, "std"))
        if not bool((self.std > 0).all()):
            raise DeclarationError(
                f"std has {self.std.min().item():g}",
                "variables that never change cannot be scaled: leave them out, or give them a smallest deviation, as in "
                "Standardize.of(samples, smallest=1e-6)",
            )

    @staticmethod
    def of(samples: Tensor, dim: int = -1, *, smallest: float = 0.0) -> "Standardize":
        """Measure mean and standard deviation of each variable over all other dimensions of ``samples``.

        Parameters
        ----------
        samples
            Values in the host's units.
        dim
            The dimension of the variables, counted from the end.
        smallest
            A deviation that is less counts as this: for levels or columns of an array that never change and cannot be left out.
        """
        others = [d for d in range(samples.dim()) if d != samples.dim() + from_the_end(dim)]
        return Standardize(samples.double().mean(others), samples.double().std(others).clamp(min=smallest), dim)

    @staticmethod
    def from_stats(path: str | PathLike[str], *names: str, dim: int = -1, smallest: float = 0.0) -> "Standardize":
        """Take mean and standard deviation from a file of `pt2ts.stats`.

        Parameters
        ----------
        path
            The file.
        names
            Variables, in the order in which they lie one after the other in dimension ``dim``.
        dim, smallest
            As in `of`.
        """
        mean, std = Statistics.read(path).numbers(names)
        return Standardize(mean, std.clamp(min=smallest), dim)

    def inverse(self) -> "Standardize":
        """Return the module that turns scaled values into physical ones again."""
        other = Standardize(0.0, 1.0, back=not self.back).to(self.mean.dtype)
        for name in ("mean", "std"):
            other.set_numbers(name, self.numbers(name))
        return other.to(self.mean.device)

    def forward(self, x: Tensor) -> Tensor:
        """Scale ``x``."""
        if self.back:
            return x * self.std + self.mean
        return (x - self.mean) / self.std


class FromBytes(Exact):
    """Bytes 0..255 as floating-point numbers ``low``..``high``. Anything but uint8 is an error, for it was scaled already.

    Parameters
    ----------
    low, high
        What the bytes 0 and 255 become.
    """

    low: float
    step: float

    def __init__(self, low: float = 0.0, high: float = 1.0) -> None:
        super().__init__()
        self.low = low
        self.step = (high - low) / 255.0

    def forward(self, x: Tensor) -> Tensor:
        """Scale ``x``."""
        if x.dtype != torch.uint8:
            raise TypeError("FromBytes takes uint8; these values are not bytes any more")
        return x.to(self.dtype) * self.step + self.low
