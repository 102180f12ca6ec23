"""Draw loss curves, one for each file: ``python plot.py build/loss.csv build/loss_compiled.csv build/loss.png``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

#: Steps over which the drawn line is averaged.
WINDOW = 100

#: What a file is called in the picture, and its colours: of single losses and of their mean.
LOOKS = {
    "loss": ("operation by operation", "#9db9d6", "#1f4e79", "solid"),
    "loss_compiled": ("compiled step", "#f0c9a8", "#c55a11", "dashed"),
}


def draw(files: Sequence[Path], png: Path) -> None:
    """Read the losses and draw them, each and their moving mean."""
    mpl.use("Agg")
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for order, csv in enumerate(files):
        name, light, dark, line = LOOKS[csv.stem]
        step, loss = np.loadtxt(csv, delimiter=",", skiprows=1, unpack=True)
        mean = np.convolve(loss, np.ones(WINDOW) / WINDOW, mode="valid")
        axes.semilogy(step, loss, color=light, linewidth=0.5, alpha=0.6)
        label = f"{name}, mean of {WINDOW} steps"
        axes.semilogy(step[WINDOW - 1 :], mean, color=dark, linewidth=2, linestyle=line, label=label, zorder=3 + order)
    axes.set_title("A network that learns while the model runs", loc="left")
    axes.set_xlabel("time step")
    axes.set_ylabel("mean squared error of the tendency")
    axes.legend(frameon=False)
    axes.grid(axis="y", color="#e6e6e6")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(png, dpi=110)
    print(f"Picture: {png}")


if __name__ == "__main__":
    draw([Path(word) for word in sys.argv[1:-1]], Path(sys.argv[-1]))
