"""Numbers that are no error and yet look wrong: values outside their declared range, NaN, infinity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from ..contract.dtypes import WHOLE
from ..contract.ranges import at, range_text
from ..contract.samples import Sizes
from ..contract.spec import TensorSpec
from ..errors import DeclarationError
from .trials import Trial


def remarks(inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], trial: Trial) -> Iterator[str]:
    """Yield what the user should know about the values of the example and of the module's results for it."""
    for spec, example in zip(inputs, trial.inputs, strict=True):
        if found := _outside(spec, example, trial.sizes):
            yield found
    given = ", as the example inputs do" if any(not_finite(example) for example in trial.inputs) else ""
    for spec, (_, result) in zip(outputs, trial.outputs, strict=True):
        if found := not_finite(result):
            count = int((~result.isfinite()).sum())
            yield f"output '{spec.name}' {found} ({count} of {result.numel()} values for the example inputs){given}"


def _outside(spec: TensorSpec, example: torch.Tensor, sizes: Sizes) -> str:
    if spec.range is None or example.is_complex():
        return ""
    values = example[~example.isnan()].double()  # PyTorch does not compare all dtypes as they are
    if not values.numel():
        return ""
    low, high = float(values.min()), float(values.max())
    # A bound such as 0.1 is rounded as the values are.
    rounded = example.dtype if example.is_floating_point() else torch.float64
    bounds = torch.tensor(at(spec.range, sizes), dtype=rounded)
    if float(bounds[0]) <= low and high <= float(bounds[1]):
        return ""
    if example.dtype in WHOLE:
        raise DeclarationError(
            f"input '{spec.name}' goes from {low:g} to {high:g} in the example, and {range_text(spec.range, '..')} is declared",
            "calls with whole numbers outside of their range are refused: declare what comes, or give another example",
        )
    declared = range_text(spec.range, "..") + (f" {spec.units}" if spec.units else "")
    return (
        f"input '{spec.name}' is {low:g}..{high:g} in the example, outside its declared range {declared}: "
        "the range, the units or the example is wrong"
    )


def not_finite(tensor: torch.Tensor) -> str:
    """Return ``contains NaN``, ``contains infinity`` or both in one, and nothing for ordinary numbers."""
    found = [word for word, test in (("NaN", torch.isnan), ("infinity", torch.isinf)) if bool(test(tensor).any())]
    return f"contains {' and '.join(found)}" if found else ""
