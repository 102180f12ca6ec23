"""Fields of any size for networks that want multiples of a number, and what lies beyond the edge of a field."""

# No "from __future__ import annotations" here: TorchScript reads the annotations of attributes, and strings are none to it.

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..errors import DeclarationError

#: What lies beyond the edge: the value at the edge, the other end (longitudes), the mirror image, or zero.
MODES = ("edge", "periodic", "mirror", "zero")


class Pad(nn.Module):
    """Let a network take fields of any size: they are made larger for it, and its results are cut to what the fields were.

    For networks that halve their fields (a U-Net wants multiples of 8, say), and for those that need to see beyond the edge. What
    is added lies at the end of each dimension, with a halo at its beginning too.

    Parameters
    ----------
    network
        Takes one field and returns one whose last dimensions are as large.
    multiple
        The sizes that the network gets are multiples of that.
    modes
        What lies beyond the edges, one word for each of the last dimensions: ``edge`` repeats the last value, ``periodic`` goes on
        at the other end (longitudes), ``mirror`` goes back, ``zero`` is zero.
    halo
        As many points are added at both ends, whatever the size.
    """

    multiple: int
    halo: int
    modes: list[str]

    def __init__(self, network: nn.Module, multiple: int = 1, modes: Sequence[str] = ("edge", "edge"), halo: int = 0) -> None:
        super().__init__()
        if multiple < 1 or halo < 0:
            raise DeclarationError(f"multiple is {multiple} and halo {halo}", "multiple is 1 or more, halo 0 or more")
        unknown = [mode for mode in modes if mode not in MODES]
        if isinstance(modes, str) or unknown or not modes:
            given = f"'{unknown[0]}' is no mode" if unknown and not isinstance(modes, str) else f"modes is {modes!r}"
            raise DeclarationError(
                given, f"one of {', '.join(MODES)} for each of the last dimensions, such as ('edge', 'periodic')"
            )
        self.network = network
        self.multiple = multiple
        self.modes = list(modes)
        self.halo = halo

    def forward(self, x: Tensor) -> Tensor:
        """Compute with a field [..., ny, nx] of any size."""
        wide = x
        for number, mode in enumerate(self.modes):
            wide = self.widened(wide, number - len(self.modes), mode)
        y: Tensor = self.network(wide)
        for number in range(len(self.modes)):
            dim = number - len(self.modes)
            if y.size(dim) != wide.size(dim):
                raise RuntimeError("inside Pad a network must give fields as large as those that it takes")
            # By places and not as a part of it, of which PyTorch's compiler would have to prove that it is one.
            y = y.index_select(dim, torch.arange(x.size(dim), device=x.device) + self.halo)
        return y

    def widened(self, x: Tensor, dim: int, mode: str) -> Tensor:
        """Return a field that is longer along a dimension."""
        size = x.size(dim)
        # A number of times `multiple`, as which PyTorch's compiler knows it then.
        whole = (size + 2 * self.halo + self.multiple - 1) // self.multiple * self.multiple
        place = torch.arange(whole, device=x.device) - self.halo
        if mode == "periodic":
            return x.index_select(dim, place.remainder(size))
        if mode == "mirror":
            # Back and forth between both ends, neither of them twice.
            back = place.remainder(max(2 * size - 2, 1))
            return x.index_select(dim, torch.minimum(back, 2 * size - 2 - back).clamp(min=0))
        wide = x.index_select(dim, place.clamp(0, size - 1))
        if mode == "edge":
            return wide
        inside = (place >= 0) & (place < size)
        shape = [1] * x.dim()
        shape[dim] = -1
        return torch.where(inside.view(shape), wide, torch.zeros_like(wide))
