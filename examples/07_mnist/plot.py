"""Draw what the Fortran program read: ``python plot.py digits_held_out.bin results.csv mnist.png``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from course.figures import count

#: What was done to the images of each column of the results, and how it is called.
WAYS = {
    "as it is": lambda image: image,
    "rows and columns\nexchanged": np.transpose,
    "a quarter turn": lambda image: image[::-1].T,
    "upside down": lambda image: image[::-1, ::-1],
}


def draw(images: NDArray[np.uint8], results: NDArray[np.int64]) -> Figure:
    """Draw the confusion table, and one digit of each kind in all four ways."""
    label, said = results[:, 0], results[:, 1:]
    figure = Figure(figsize=(12, 5), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.5))
    axes = left.add_subplot()
    table = count(label, said[:, 0], 10)
    axes.imshow(np.log1p(table), cmap="Blues")
    for (row, column), number in np.ndenumerate(table):
        if number:
            axes.text(column, row, str(number), ha="center", va="center", fontsize=7, color="white" if number > 30 else "black")
    axes.set_xticks(range(10))
    axes.set_yticks(range(10))
    axes.set(xlabel="the network says", ylabel="it is")
    panels = right.subplots(len(WAYS), 10)
    shown = [int(np.flatnonzero((label == digit) & (said[:, 0] == digit))[0]) for digit in range(10)]
    for row, (name, turn) in enumerate(WAYS.items()):
        for place, number in enumerate(shown):
            panel, answer = panels[row, place], said[number, row]
            panel.imshow(turn(images[number]), cmap="Greys")
            panel.set_title(str(answer), fontsize=9, color="black" if answer == label[number] else "#c7522a")
            panel.set_xticks([])
            panel.set_yticks([])
        right_share = float((said[:, row] == label).mean())
        panels[row, 0].set_ylabel(f"{name}\n{right_share:.1%}", fontsize=8)
    right.suptitle("what the network reads, above each image", fontsize=10)
    return figure


if __name__ == "__main__":
    digits, csv, picture = sys.argv[1:]
    table = np.loadtxt(csv, delimiter=",", skiprows=1, dtype=np.int64)
    content = np.frombuffer(Path(digits).read_bytes(), np.uint8)
    draw(content[len(table) :].reshape(-1, 28, 28), table).savefig(picture, dpi=110)
    print(f"Picture: {picture}")
