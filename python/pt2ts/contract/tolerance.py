"""How far numbers may lie apart: by dtype, by the size of an element, and by what is known about rounding."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from .dtypes import name_of

#: Allowed relative difference: the same operations, at most fused or reordered.
TOLERANCE: dict[str, float] = {
    "float64": 1e-10, "complex128": 1e-10, "float32": 1e-5, "complex64": 1e-5, "float16": 5e-3, "bfloat16": 4e-2,
    "tf32": 5e-3,  # ten bits of each factor, as float16 has
}  # fmt: skip


#: The file may be this many times further from the module than the module from its own copy in float64.
_ROUNDING = 16.0


#: With as many samples each place of an output has a typical size of its own: columns of other units lie side by side.
MANY = 8


#: Rounding of the many values that are summed up in one shows in the small ones too: up to this many times the median.
_TYPICAL = 10.0


class Noise(NamedTuple):
    """How far the numbers of an output are from exact ones.

    Attributes
    ----------
    gap
        That distance; broadcasts against the output.
    by_place
        Whether enough samples were seen for each place in the output to be compared on its own scale.
    """

    gap: torch.Tensor
    by_place: bool


def difference(a: torch.Tensor, b: torch.Tensor) -> float:
    """Return the largest absolute difference; equal infinities and NaNs in the same places count as equal."""
    if a.numel() == 0:
        return 0.0
    wide = torch.complex128 if a.is_complex() else torch.float64
    x, y = a.to(wide), b.to(wide)
    same = (x == y) | (x.isnan() & y.isnan())
    gap = torch.where(same, 0.0, (x - y).abs())
    return math.inf if bool(gap.isnan().any()) else float(gap.max())


def worst(
    reference: torch.Tensor, result: torch.Tensor, precision: str | None = None, rounding: Noise | None = None
) -> tuple[float, float]:
    """Return the difference of the element that is furthest outside its tolerance, and that tolerance.

    An element may differ in proportion to its own size or to the typical size of the output, whichever is larger. The largest
    value would be no measure: a single fill value of 1e20 would allow everything else to be anything. Integers and logicals
    may not differ. ``precision`` is what the network computes in, where that is coarser than the output's dtype. Where
    ``rounding`` says how far the reference itself is from exact numbers, that counts too, and the typical size is one of each
    place in the output: a column of 1e-6 beside one of 1e2 is compared on its own scale.
    """
    relative = TOLERANCE.get(name_of(reference), 0.0)
    if precision is not None and relative > 0.0:
        relative = max(relative, TOLERANCE[precision])
    gap = difference(reference, result)
    if relative == 0.0 or reference.numel() == 0 or math.isinf(gap):
        return gap, 0.0
    wide = torch.complex128 if reference.is_complex() else torch.float64
    want, have = reference.to(wide), result.to(wide)
    size = want.abs().nan_to_num(0.0, 0.0, 0.0)
    # What a coarser network rounds away is no part of `rounding`, and few samples tell nothing of it.
    enough = precision is None or (size.dim() > 0 and size.shape[0] >= MANY)
    allowed = relative * size.maximum(_typical(size, by_place=rounding is not None and rounding.by_place and enough))
    if rounding is not None:
        allowed = allowed.maximum(_ROUNDING * rounding.gap)
    same = (want == have) | (want.isnan() & have.isnan())
    gaps = torch.where(same, 0.0, (want - have).abs())
    excess = torch.where(gaps > 0, gaps / allowed, 0.0)
    place = int(excess.argmax())
    return float(gaps.flatten()[place]), float(allowed.flatten()[place])


def in_batch(whole: torch.Tensor, dim: int) -> Noise:
    """Return by how much samples of a batch may differ where they are computed alone: in proportion to each place's size in all."""
    wide = torch.complex128 if whole.is_complex() else torch.float64
    size = whole.to(wide).abs().nan_to_num(0.0, 0.0, 0.0).movedim(dim, 0)
    gap = TOLERANCE.get(name_of(whole), 0.0) / _ROUNDING * _typical(size, by_place=True)
    return Noise(gap.unsqueeze(dim) if gap.dim() else gap, by_place=False)


def _typical(size: torch.Tensor, *, by_place: bool) -> torch.Tensor:
    """Return the typical size of an output, or of each of its places where there are samples enough."""
    if by_place and size.dim() > 1:
        if size.shape[0] < MANY:
            return size.amax(0)
        counted = torch.where(size > 0, size, torch.nan)
        return torch.minimum(size.amax(0), _TYPICAL * counted.nanmedian(0).values.nan_to_num(0.0))
    counted = size[size > 0]
    return torch.minimum(size.max(), _TYPICAL * counted.median()) if counted.numel() else size.new_zeros(())


def exceeds(reference: torch.Tensor, result: torch.Tensor, precision: str | None = None) -> bool:
    """Return whether a result lies further from ``reference`` than rounding explains."""
    gap, allowed = worst(reference, result, precision)
    return gap > allowed


#: Another machine may add in another order; so the tolerance is this much wider than for the check at export.
SLACK = 10.0


def slack(precision: str | None) -> float:
    """Return by how much another machine may differ more; what a coarser ``precision`` rounds away is the same everywhere."""
    return SLACK if precision is None else 1.0
