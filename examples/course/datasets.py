"""The data that the course carries: penguins and digits. What is in data/ and who made it says the README there."""

from __future__ import annotations

import csv
import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pt2ts.errors import LoadError

FOLDER = Path(__file__).parent / "data"

SHA256 = {
    "penguins.csv": "f204db2c753b0937caac3cb35258562c14f073e4bbc76be24b4c51ce22767a93",
    "penguins_validation.txt": "f9ce32d348554fe44f5379ab42edeeaf9391bda8c2906cf3d55fb4e2f9001cbc",
    "mnist.bin.gz": "e77c10d3b51a498edd5cd650c46549e6af83daa51049c09e755fbea07a51bd8d",
}

SPECIES = ("Adelie", "Chinstrap", "Gentoo")
_MISSING = ("", "NA")

N_DIGITS = 10_000
#: Every fifth digit is held out. The file is sorted by digit, so that takes a fifth of each.
_HELD_OUT_EVERY = 5


def read(name: str) -> bytes:
    """Return the content of a data file, after a look at its SHA-256."""
    path = FOLDER / name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LoadError(f"{path} cannot be read: {error.strerror}", "it belongs to the sources: get them again") from error
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256[name]:
        raise LoadError(
            f"{path} is not the file that belongs here: its SHA-256 is {found[:16]}..., expected {SHA256[name][:16]}...",
            "it was changed or damaged: get the sources again",
        )
    return content


@dataclass(frozen=True)
class Penguins:
    """Penguins without missing values.

    Attributes
    ----------
    rows
        As in the file, column name to text.
    held_out
        Whether each is held out from training.
    """

    rows: list[dict[str, str]]
    held_out: NDArray[np.bool_]

    def columns(self, *names: str) -> NDArray[np.float32]:
        """Return columns as numbers, [penguin, column]; the sex is 1 for males and 0 for females."""
        sexes = {"male": 1.0, "female": 0.0}
        return np.array([[sexes[row[n]] if n == "sex" else float(row[n]) for n in names] for row in self.rows], np.float32)

    def species(self) -> NDArray[np.int64]:
        """Return the number of each one's species in `SPECIES`."""
        return np.array([SPECIES.index(row["species"]) for row in self.rows])

    def table(self) -> bytes:
        """Return all rows as a table in a file: the columns of the original, and before them ``held_out``, 1 or 0."""
        lines = [",".join(["held_out", *self.rows[0]])]
        lines += [",".join([str(int(out)), *row.values()]) for row, out in zip(self.rows, self.held_out, strict=True)]
        return "".join(f"{line}\n" for line in lines).encode()


def penguins() -> Penguins:
    """Read the penguins."""
    table = list(csv.DictReader(read("penguins.csv").decode().splitlines()))
    chosen = {int(line) for line in read("penguins_validation.txt").split()}
    complete = [number for number, row in enumerate(table) if not any(value in _MISSING for value in row.values())]
    return Penguins([table[number] for number in complete], np.array([number in chosen for number in complete]))


@dataclass(frozen=True)
class Digits:
    """Handwritten digits.

    Attributes
    ----------
    images
        uint8 [n, row, column]; 0 is paper, 255 ink.
    labels
        Which digit each is.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    def to_bytes(self) -> bytes:
        """Return all labels and then all images, for a file."""
        return self.labels.tobytes() + self.images.tobytes()


def digits() -> tuple[Digits, Digits]:
    """Read the digits: 8,000 to learn from, 2,000 held out."""
    content = np.frombuffer(gzip.decompress(read("mnist.bin.gz")), np.uint8)
    labels, images = content[:N_DIGITS], content[N_DIGITS:].reshape(N_DIGITS, 28, 28)
    out = np.arange(N_DIGITS) % _HELD_OUT_EVERY == _HELD_OUT_EVERY - 1
    return Digits(images[~out].copy(), labels[~out].copy()), Digits(images[out].copy(), labels[out].copy())
