"""Draw the loss curve: ``python plot.py build/loss.csv build/loss.png``."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

#: Steps over which the drawn line is averaged.
WINDOW = 100


def draw(csv: Path, png: Path) -> None:
    """Read the losses and draw them, each and their moving mean."""
    step, loss = np.loadtxt(csv, delimiter=",", skiprows=1, unpack=True)
    mean = np.convolve(loss, np.ones(WINDOW) / WINDOW, mode="valid")
    mpl.use("Agg")
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    axes.semilogy(step, loss, color="#9db9d6", linewidth=0.5, label="each step")
    axes.semilogy(step[WINDOW - 1 :], mean, color="#1f4e79", linewidth=2, label=f"mean of {WINDOW} steps")
    axes.set_title("A network that learns while the model runs", loc="left")
    axes.set_xlabel("time step")
    axes.set_ylabel("mean squared error of the tendency")
    axes.legend(frameon=False)
    axes.grid(axis="y", color="#e6e6e6")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(png, dpi=110)
    print(f"Picture: {png}")


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
