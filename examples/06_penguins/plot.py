"""Draw what the Fortran program answered: ``python plot.py build/results.csv build/penguins.png``."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from course.datasets import SPECIES
from course.figures import count

COLOURS = dict(zip(SPECIES, ("#c7522a", "#e5a23d", "#0b6e99"), strict=True))


def draw(rows: list[dict[str, str]]) -> Figure:
    """Draw the confusion table of the species, and predicted against true masses."""
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    truth, said = ([SPECIES.index(row[key]) for row in rows] for key in ("species", "said"))
    table = count(np.array(truth), np.array(said), len(SPECIES))
    left.imshow(table, cmap="Blues")
    for (row, column), number in np.ndenumerate(table):
        left.text(column, row, str(number), ha="center", va="center", color="white" if number > table.max() / 2 else "black")
    left.set_xticks(range(3), SPECIES)
    left.set_yticks(range(3), SPECIES)
    left.set(title="species", xlabel="the network says", ylabel="it is")
    for name, colour in COLOURS.items():
        points = np.array([[float(row["mass_g"]), float(row["predicted_g"])] for row in rows if row["species"] == name])
        right.plot(points[:, 0], points[:, 1], "o", color=colour, markersize=4, label=name)
    right.axline((4000, 4000), slope=1, color="#7f7f7f", linewidth=1)
    right.set(title="mass", xlabel="true (g)", ylabel="predicted (g)", aspect="equal")
    right.legend(frameon=False)
    return figure


if __name__ == "__main__":
    results, picture = sys.argv[1:]
    draw(list(csv.DictReader(Path(results).read_text().splitlines()))).savefig(picture, dpi=110)
    print(f"Picture: {picture}")
