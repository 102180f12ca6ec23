"""What answers must be: not negative, within bounds, with the right sum."""

# No "from __future__ import annotations" here: TorchScript reads the annotations of attributes, and strings are none to it.

import torch
from torch import Tensor, nn

from ..errors import DeclarationError
from .exact import Exact, Numbers, along


class NonNegative(nn.Module):
    """No negative rain: what comes out is never below zero.

    Parameters
    ----------
    method
        ``softplus`` is smooth and positive everywhere, good for training through it; ``relu`` leaves positive values as they are.
    sharpness
        For softplus: the larger, the closer to relu.
    """

    method: str
    sharpness: float

    def __init__(self, method: str = "softplus", sharpness: float = 1.0) -> None:
        super().__init__()
        if method not in ("softplus", "relu"):
            raise DeclarationError(f"method is '{method}'", "either 'softplus' or 'relu'")
        if not sharpness > 0:
            raise DeclarationError(f"sharpness is {sharpness:g}", "a positive number")
        self.method = method
        self.sharpness = sharpness

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` without negative values."""
        if self.method == "relu":
            return torch.relu(x)
        return torch.nn.functional.softplus(x, beta=self.sharpness)


class ConserveSum(Exact):
    """Close a budget: change values so that their weighted sum is what it must be, to the last bits of rounding.

    Parameters
    ----------
    size
        Number of values along the last dimension.
    weights
        Weight of each in the sum (layer masses, areas); ones by default.
    method
        ``shift`` adds the same number to all values. ``scale`` multiplies all by the same number, which keeps zeros and signs
        (amounts of water); where their sum is zero there is nothing to scale, and it shifts.
    """

    weights: Tensor
    method: str
    always_double = frozenset({"weights"})

    def __init__(self, size: int, weights: Numbers = 1.0, method: str = "shift") -> None:
        super().__init__()
        if method not in ("shift", "scale"):
            raise DeclarationError(f"method is '{method}'", "either 'shift' or 'scale'")
        given = along(weights, -1, "weights")
        if given.dim() > 0 and given.numel() != size:
            raise DeclarationError(f"there are {given.numel()} weights for {size} values")
        if not bool((given > 0).all()):
            raise DeclarationError(f"weights has {given.min().item():g}", "each weight is a positive number")
        self.method = method
        self.set_numbers("weights", given.expand(size))

    def forward(self, x: Tensor, total: Tensor) -> Tensor:
        """Return ``x`` [..., size] with the sum ``total`` [...] along its last dimension."""
        # Sums are in double precision. The first pass leaves the error of rounding its result, which the second one spreads.
        weights = self.weights.to(torch.float64)
        kind = x.dtype
        if kind == torch.bfloat16 or kind == torch.float16:  # out of a network that computes in it; the budget is that of total
            kind = torch.promote_types(x.dtype, total.dtype)
        wanted = total.to(torch.float64).unsqueeze(-1)
        if self.method == "scale":
            found = (x * weights).sum(-1, keepdim=True)
            usable = found != 0
            factor = torch.where(usable, wanted / torch.where(usable, found, torch.ones_like(found)), torch.ones_like(found))
            x = (x * factor).to(kind)
            # What is left is rounding (or all of it, where there was nothing to scale).
            left = wanted - (x * weights).sum(-1, keepdim=True)
            share = torch.where(usable, x.to(torch.float64), torch.ones_like(x, dtype=torch.float64))
            per = (share * weights).sum(-1, keepdim=True)
            return (x + share * left / torch.where(per != 0, per, torch.ones_like(per))).to(kind)
        for _ in range(2):
            left = wanted - (x * weights).sum(-1, keepdim=True)
            x = (x + left / weights.sum()).to(kind)
        return x


class Clip(Exact):
    """Keep values within bounds; NaN stays NaN, so that it is not hidden.

    Parameters
    ----------
    low, high
        One number, or one for each index of dimension ``dim``; infinity for no bound.
    dim
        As in `Standardize`.
    """

    low: Tensor
    high: Tensor

    def __init__(self, low: Numbers, high: Numbers, dim: int = -1) -> None:
        super().__init__()
        self.set_numbers("low", along(low, dim, "low"))
        self.set_numbers("high", along(high, dim, "high"))
        require_order(self.low, self.high)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` within the bounds."""
        # A bound that is rounded to the few digits of a network in bfloat16 would be another one.
        kind = torch.promote_types(x.dtype, self.low.dtype) if x.is_floating_point() else x.dtype
        return torch.minimum(torch.maximum(x.to(kind), self.low.to(kind)), self.high.to(kind))


def require_order(low: Tensor, high: Tensor) -> None:
    """Refuse bounds of which a lower one is above the upper one."""
    if low.dim() > 0 and high.dim() > 0 and low.shape != high.shape:
        raise DeclarationError(f"low has {low.numel()} numbers and high has {high.numel()}")
    if not bool((low <= high).all()):
        raise DeclarationError("a lower bound is above the upper bound", "low comes first")
