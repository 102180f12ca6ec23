"""Times that come again."""

# No "from __future__ import annotations" here: TorchScript reads the annotations of attributes, and strings are none to it.

import math

import torch
from torch import Tensor

from ..errors import DeclarationError
from .exact import Exact

#: Lengths of the cycles that `CyclicTime` knows by name, each in the unit of that name.
PERIODS = {"hour": 24.0, "weekday": 7.0, "month": 12.0, "day": 365.2425}


class CyclicTime(Exact):
    """Sine and cosine of times, so that 23:59 is next to 0:00 and December next to January.

    Parameters
    ----------
    periods
        One for each column of the input: a length, or a name out of `PERIODS` (``hour`` of the day, ``day`` of the year, ``month``,
        ``weekday``).
    """

    periods: Tensor
    always_double = frozenset({"periods"})

    def __init__(self, *periods: float | str) -> None:
        super().__init__()
        unknown = [p for p in periods if isinstance(p, str) and p not in PERIODS]
        if unknown or not periods:
            given = f"'{unknown[0]}' is no cycle" if unknown else "no cycle is given"
            raise DeclarationError(given, f"one of {', '.join(PERIODS)}, or its length as a number")
        lengths = [PERIODS[p] if isinstance(p, str) else float(p) for p in periods]
        if not all(0 < length < math.inf for length in lengths):
            raise DeclarationError(f"a cycle has the length {min(lengths):g}", "lengths are positive numbers")
        self.set_numbers("periods", torch.tensor(lengths, dtype=torch.float64))

    def forward(self, time: Tensor) -> Tensor:
        """Return [..., 2n]: for each column of ``time`` [..., n] its sine, then for each its cosine."""
        # In double precision, or hours since 1900 would have lost their minutes.
        phase = torch.remainder(time.to(torch.float64), self.periods) * (2.0 * math.pi) / self.periods
        return torch.cat([phase.sin(), phase.cos()], dim=-1).to(self.dtype)
