"""The figures of the course. Matplotlib is imported when one is drawn; the training does without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .learning import History

Numbers = NDArray[Any]

BLUE, ORANGE, GREY = "#0b6e99", "#c7522a", "#7f7f7f"


def new(width: float, height: float) -> Figure:
    """Make an empty figure that belongs to no window."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def losses(history: History, label: str, unit: str = "epoch") -> Figure:
    """Draw the loss of each epoch, in training and on the samples held out, if there are any."""
    figure = new(7, 4)
    axes = _tidy(figure.add_subplot())
    epochs = np.arange(1, len(history.training) + 1)
    axes.semilogy(epochs, history.training, color=BLUE, label="training (with dropout and augmentation)")
    if history.held_out:
        axes.semilogy(epochs, history.held_out, color=ORANGE, label="held out")
        axes.legend(frameon=False)
    axes.set(xlabel=unit, ylabel=label)
    return figure


def confusion(truth: Numbers, found: Numbers, names: Sequence[str]) -> Figure:
    """Draw how often each class was taken for each."""
    counts = count(truth, found, len(names))
    side = 2.5 + 0.45 * len(names)
    figure = new(side, side)
    axes = figure.add_subplot()
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row in range(len(names)):
        for column in range(len(names)):
            if counts[row, column]:
                colour = "white" if share[row, column] > 0.5 else "black"
                axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="the network says", ylabel="it is")
    return figure


def count(truth: Numbers, found: Numbers, classes: int) -> NDArray[np.int64]:
    """Return the confusion table [truth, found]."""
    table = np.zeros((classes, classes), np.int64)
    np.add.at(table, (truth.astype(int), found.astype(int)), 1)
    return table


def scatter(truth: Numbers, found: Numbers, names: Sequence[str], unit: str) -> Figure:
    """Draw predicted against true values, one panel for each column of [n, column]."""
    across = min(len(names), 2)
    down = -(-len(names) // across)
    figure = new(4.2 * across, 4.2 * down)
    for number, name in enumerate(names):
        axes = _tidy(figure.add_subplot(down, across, number + 1))
        both = np.concatenate([truth[:, number], found[:, number]])
        ends = [both.min(), both.max()]
        axes.plot(ends, ends, color=GREY, linewidth=1)
        axes.plot(truth[:, number], found[:, number], ".", color=BLUE, alpha=0.6, markersize=4)
        axes.set(title=name, xlabel=f"true ({unit})", ylabel=f"predicted ({unit})", aspect="equal")
    return figure


def mistakes(images: Numbers, truth: Numbers, found: Numbers, most: int = 24) -> Figure:
    """Draw images that were taken for something else."""
    wrong = np.flatnonzero(truth != found)[:most]
    figure = new(9, 4.5)
    for place, number in enumerate(wrong):
        axes = figure.add_subplot(3, most // 3, place + 1)
        axes.imshow(images[number], cmap="Greys")
        axes.set_title(f"{truth[number]}, not {found[number]}", fontsize=8)
        axes.axis("off")
    figure.suptitle(f"{int((truth != found).sum())} of {len(truth)} are taken for another digit")
    return figure


def ellipses(images: Numbers, found: Numbers, most: int = 12) -> Figure:
    """Draw images with the outlines of the ellipses found in them, ``found`` [n, 4] in pixels."""
    from matplotlib.patches import Ellipse

    shown = range(min(most, len(images)))
    figure = new(9, 7)
    for number in shown:
        axes = figure.add_subplot(3, most // 3, number + 1)
        axes.imshow(images[number])
        row, column, row_radius, column_radius = found[number]
        for colour, width in (("black", 3.0), ("white", 1.2)):
            outline = Ellipse((column, row), 2 * column_radius, 2 * row_radius, fill=False, edgecolor=colour, linewidth=width)
            axes.add_patch(outline)
        axes.axis("off")
    return figure


def line(x: Numbers, y: Numbers, slope: float, intercept: float) -> Figure:
    """Draw points and the line through them."""
    figure = new(6, 4)
    axes = _tidy(figure.add_subplot())
    ends = np.array([x.min() - 0.5, x.max() + 0.5])
    axes.plot(ends, slope * ends + intercept, color=BLUE, label=f"y = {slope:.4f} x {intercept:+.4f}")
    axes.plot(x, y, "o", color=ORANGE)
    axes.set(xlabel="x", ylabel="y")
    axes.legend(frameon=False)
    return figure


def _tidy(axes: Axes) -> Axes:
    axes.grid(color="#e6e6e6")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return axes
