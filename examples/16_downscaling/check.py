"""Make fine rain over countries that no network has seen, and judge: ``check.py HOST --models build``. Exits with 1 on failure."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from plot import draw

from hosts.runs import Fields, Host, Setting, Verdicts, table

Numbers = NDArray[np.float64]

#: Countries by the seed of their mountains and weather, none of which was learned from; their hours, and those between two records.
COUNTRIES, HOURS, BETWEEN = (101, 102, 103), 192, 12
METHODS = ("bilinear", "deterministic", "generator")
N, COARSE, CELL = 64, 8, 4000.0
#: The first wave, by how many go into the square, that is shorter than two coarse cells: coarse rain says nothing of it.
FIRST_UNSEEN = COARSE // 2 + 1
#: How often cases are drawn anew when limits are looked for; both of a day together.
DRAWS, TOGETHER = 4000, 2
#: What the host may differ by from the closed form; from marching along the wind, as a share of the heaviest rain.
EXACT, MARCHED = 1e-12, 1e-3
#: What rain of a coarse cell may come from nowhere, as a share of it, and mm/h, that the two formats may differ by.
CLOSED, SAME = 1e-14, 1e-3


def crps(ensemble: Numbers, truth: Numbers) -> Numbers:
    """Return the continuous ranked probability score [case] of an ensemble [case, member, y, x]; of one member, its mean error.

    That of just these members: it is not corrected for their number.
    """
    count = ensemble.shape[1]
    error = np.abs(ensemble - truth[:, None]).mean(axis=(1, 2, 3))
    weight = 2 * np.arange(1, count + 1) - count - 1
    apart = (np.sort(ensemble, axis=1) * weight[:, None, None]).sum(axis=1) / count**2
    return np.asarray(error - apart.mean(axis=(1, 2)))


def averaged(field: Numbers, cells: int) -> Numbers:
    """Return means over squares of so many cells a side."""
    size = field.shape[-1] // cells
    return np.asarray(field.reshape(*field.shape[:-2], size, cells, size, cells).mean(axis=(-3, -1)))


def spectrum(fields: Numbers) -> Numbers:
    """Return the variance in waves of which 1, 2, ... go into the square, a mean over all fields."""
    energy = np.abs(np.fft.fft2(fields) / N**2) ** 2
    wave = np.rint(N * np.fft.fftfreq(N)).astype(int)
    length = np.rint(np.hypot(wave[:, None], wave)).astype(int)
    mean = energy.reshape(-1, N, N).mean(axis=0)
    return np.array([mean[length == number].sum() for number in range(1, N // 2)])


def decades(one: Numbers, truth: Numbers) -> float:
    """Return how far the spectrum of waves that coarse rain does not show is off, in powers of ten."""
    return float(np.abs(np.log10(one / truth))[FIRST_UNSEEN - 1 :].mean())


def limits(mine: Numbers, other: Numbers) -> tuple[float, float]:
    """Return where the ratio of two mean scores lies nine times in ten when cases are drawn anew."""
    starts = np.random.default_rng(1).integers(0, len(mine) // TOGETHER, (DRAWS, len(mine) // TOGETHER))
    cases = (TOGETHER * starts[:, :, None] + np.arange(TOGETHER)).reshape(DRAWS, -1)
    low, high = np.quantile(mine[cases].mean(axis=1) / other[cases].mean(axis=1), (0.05, 0.95))
    return float(low), float(high)


def ranks(ensemble: Numbers, truth: Numbers) -> Numbers:
    """Return how often 0, 1, ... members are below the truth, where it rains."""
    below = (ensemble < truth[:, None]).sum(axis=1)[truth > 0.1]
    return np.bincount(below, minlength=ensemble.shape[1] + 1) / below.size


def fields_of(run: Fields) -> Numbers:
    """Return the ensemble of a run as fields [case, member, y, x]."""
    ensemble = run["ensemble"]
    return ensemble.reshape(*ensemble.shape[:2], N, N)
