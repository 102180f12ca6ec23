"""How figures of the examples look."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

#: The host's own scheme, the network that is good, the one that is not, and what stands beside.
HOST, GOOD, BAD, GREY = "#333333", "#0b6e99", "#c7522a", "#7f7f7f"

plt.rcParams.update({"font.size": 9, "figure.dpi": 110, "savefig.dpi": 110, "legend.frameon": False, "axes.titlelocation": "left"})


def tidy(axes: Axes) -> Axes:
    """Take away what is not needed."""
    axes.grid(color="#e6e6e6")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return axes
