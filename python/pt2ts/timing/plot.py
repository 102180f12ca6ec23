"""The picture of ``pt2ts bench``: time per sample over batch sizes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..container.writing import Job, replace_files
from .bench import EAGER, LIBRARY, Bench, Row

_MICRO = 1e6
_COLOURS = {LIBRARY: "#1b6ca8", EAGER: "#c96a28"}


def draw(found: Bench, path: Path) -> None:
    """Write the picture as PNG; an older file is replaced in one step."""
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for contestant, colour in _COLOURS.items():
        rows = [row for row in found.rows if row.contestant == contestant]
        if rows:
            _line(axes, rows, contestant, colour)
    axes.set(xscale="log", yscale="log", xlabel="batch size", ylabel="microseconds per sample", title=found.name)
    ticks = sorted({row.batch or 1 for row in found.rows})
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.grid(visible=True, alpha=0.3)
    axes.legend(frameon=False)

    def fill(file: IO[bytes]) -> None:
        figure.savefig(file, format="png", dpi=144)

    replace_files([Job(path, fill, lambda _: None)])


def _line(axes: Axes, rows: Sequence[Row], contestant: str, colour: str) -> None:
    sizes = [row.batch or 1 for row in rows]
    values = [row.per_sample * _MICRO for row in rows]
    below = [(row.seconds - row.low) / size * _MICRO for row, size in zip(rows, sizes, strict=True)]
    above = [(row.high - row.seconds) / size * _MICRO for row, size in zip(rows, sizes, strict=True)]
    axes.errorbar(sizes, values, yerr=(below, above), marker="o", capsize=3, color=colour, label=contestant)
