"""What a coarser element type costs: how far results are from those of the module in its own precision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Loss:
    """How far one output is from the module's, on the example.

    Attributes
    ----------
    largest
        The largest absolute difference.
    rms
        The root of the mean squared difference.
    spread
        How much the output varies: its standard deviation.
    """

    largest: float
    rms: float
    spread: float

    def to_dict(self) -> dict[str, float]:
        """Return the JSON object, with the digits that mean something."""
        return {name: float(f"{value:.3g}") for name, value in asdict(self).items()}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Loss:
        """Read the JSON object."""
        return Loss(float(data["largest"]), float(data["rms"]), float(data["spread"]))

    def __str__(self) -> str:
        """Say it in a line."""
        part = f", {self.rms / self.spread:.1%} of how much it varies" if self.spread > 0 else ""
        return f"by {self.rms:.3g} on average{part}, by {self.largest:.3g} at most"
