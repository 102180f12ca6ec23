"""A recurrent network that takes a month and its own state, and gives the next of both; and which months it may not see."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from pt2ts.nn import CyclicTime

INDICES, WIDTH = 5, 8
#: Share of the state that a member of the ensemble does without; as in main.f90.
DROPPED = 0.5


class Forecaster(nn.Module):
    """A linear inverse model, and a gated recurrent unit for what it does not know: the season, and the months before.

    Which part of the state is left out is an input: the host draws it, with its own random numbers.
    """

    def __init__(self, scale: Tensor, linear: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale)
        self.register_buffer("linear", linear)
        self.calendar = CyclicTime("month")
        self.unit = nn.GRUCell(INDICES + 2, WIDTH)
        self.change = nn.Linear(WIDTH, INDICES)
        nn.init.zeros_(self.change.weight)
        nn.init.zeros_(self.change.bias)

    def forward(self, anomaly: Tensor, month: Tensor, keep: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return the next anomalies (K) and the next state."""
        known = anomaly / self.scale
        state = self.unit(torch.cat((known, self.calendar(month.unsqueeze(-1))), 1), state)
        return anomaly @ self.linear + self.change(state * keep) * self.scale, state


INPUTS = (f"anomaly[batch,{INDICES}] float32 K", "month[batch] float32 1 1..12", f"keep[batch,{WIDTH}] float32 1",
          f"state[batch,{WIDTH}] float32 1")  # fmt: skip
OUTPUTS = ("anomaly_next K", "state_next 1")

OBSERVATIONS = Path(__file__).resolve().parents[1] / "02_sst_emulator" / "data" / "ostia_monthly.nc"
MONTHS, BLOCKS = 54, 6


def held_out(block: int) -> tuple[int, int]:
    """Return the first and the last month, counted from 1, of a block that the network of the same number has not seen."""
    size = MONTHS // BLOCKS
    return (block - 1) * size + 1, block * size
