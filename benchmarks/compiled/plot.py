"""Draws how long each contestant takes, relative to TorchScript."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.shared.measure import Case


def plot(cases: Sequence[Case], labels: Mapping[str, str], path: Path) -> None:
    """Write a picture: times per call of all contestants over those of TorchScript in the library."""
    mpl.use("agg")
    figure, axes = plt.subplots(figsize=(9, 0.32 * len(cases) + 1.6), layout="constrained")
    for name, marker in zip(labels, "ox+^sD", strict=True):
        known = [row for row, case in enumerate(cases) if name in case.times]
        ratios = [cases[row].ratio(name, "script").median for row in known]
        axes.plot(ratios, known, marker, label=labels[name], fillstyle="none" if name != "package" else "full")
    axes.axvline(1, color="gray", linewidth=0.8)
    axes.set(xscale="log", xlabel="time per call / TorchScript in the library", yticks=list(range(len(cases))))
    axes.set_yticklabels([case.label for case in cases])
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=150)
    plt.close(figure)
