"""Weighted means and deviations of data that come block by block, in one pass and without loss of digits (Chan et al. 1983)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..nn.statistics import Levels

Array = NDArray[np.float64]


class Moments:
    """What was seen so far of one variable; `add` takes a block of each level's values."""

    def __init__(self, levels: int) -> None:
        self.weight = np.zeros(levels)
        self._mean = np.zeros(levels)
        self._squares = np.zeros(levels)  # weighted sum of squared distances from the mean
        self.minimum, self.maximum = np.inf, -np.inf
        self.count = 0

    def add(self, values: Array, weights: Array) -> None:
        """Add a block.

        Parameters
        ----------
        values
            (level, value); what is not finite does not count.
        weights
            Of the same shape; values of weight zero do not count.
        """
        counts = np.isfinite(values) & (weights > 0)
        weights = np.where(counts, weights, 0.0)
        values = np.where(counts, values, 0.0)
        weight = weights.sum(1)
        mean = np.divide((weights * values).sum(1), weight, out=np.zeros_like(weight), where=weight > 0)
        squares = (weights * (values - mean[:, None]) ** 2).sum(1)
        total = self.weight + weight
        share = np.divide(weight, total, out=np.zeros_like(weight), where=total > 0)
        off = mean - self._mean
        self._squares += squares + off**2 * self.weight * share
        self._mean += off * share
        self.weight = total
        if counts.any():
            self.minimum = min(self.minimum, float(values[counts].min()))
            self.maximum = max(self.maximum, float(values[counts].max()))
            self.count += int(counts.sum())

    def mean(self) -> Levels:
        """Return the mean of each level; None where it has no values."""
        return tuple(float(mean) if weight > 0 else None for mean, weight in zip(self._mean, self.weight, strict=True))

    def std(self) -> Levels:
        """Return the deviation of each level, by the same weights."""
        pairs = zip(self._squares, self.weight, strict=True)
        return tuple(float(np.sqrt(squares / weight)) if weight > 0 else None for squares, weight in pairs)
