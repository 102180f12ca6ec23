"""The models of the course, from raw data to a file for Fortran: one module for each, and what they share.

A lesson is a module with a function ``learn``; `LESSONS` lists them. What they have in common is in ``learning`` (the training
loop), ``lesson`` (what a training gives), ``datasets`` and ``ellipse_images`` (what is learned from), ``figures`` and ``write``.
"""

from typing import NamedTuple


class Entry(NamedTuple):
    """One line of ``pt2ts train --list``.

    Attributes
    ----------
    module
        Name in this package.
    what, takes
        For people: what it learns, and how long on two cores.
    """

    module: str
    what: str
    takes: str


LESSONS = {
    "line": Entry("line", "the straight line through three points, by gradient descent", "a second"),
    "penguins-species": Entry("penguins_species", "which species: from five measurements of a penguin", "10 s"),
    "penguins-mass": Entry("penguins_mass", "how heavy: from four measurements of a penguin", "15 s"),
    "mnist-cnn": Entry("mnist_cnn", "handwritten digits, by convolutions", "30 s"),
    "mnist-mlp": Entry("mnist_mlp", "handwritten digits, by two linear layers", "15 s"),
    "ellipse": Entry("ellipse", "centre and radii of an ellipse in an image", "5 min"),
    "sst": Entry("sst", "sea surface temperature one month ahead (in a source checkout)", "30 s"),
}
