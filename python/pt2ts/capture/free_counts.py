"""Rows of numbers that are as long as an input: ``torch.linspace`` takes their number as Python's and would freeze it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


class FreeCounts(TorchFunctionMode):
    """Computes ``torch.linspace`` by ``torch.arange`` where the number of its steps is a size that may vary."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Compute that function otherwise, and everything else as always."""
        kwargs = dict(kwargs or {})
        steps = kwargs.get("steps", args[2] if len(args) > 2 else None)
        if func is not torch.linspace or not isinstance(steps, torch.SymInt):
            return func(*args, **kwargs)
        names = ("start", "end", "steps")
        return _linspace(**{**dict(zip(names, args, strict=False)), **kwargs})


def _linspace(start: Any, end: Any, steps: Any, dtype: torch.dtype | None = None, device: Any = None, **_: Any) -> Tensor:
    kind = dtype or torch.get_default_dtype()
    place = torch.arange(steps, dtype=kind, device=device)
    step = (end - start) / torch.sym_max(steps - 1, 1)  # type: ignore[no-untyped-call]
    # From both ends, as PyTorch does: the last number is the end itself.
    return torch.where(2 * place < steps, start + step * place, end - step * (steps - 1 - place))
