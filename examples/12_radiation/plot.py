"""Draw which layer moves which flux, what heats the air, and the climates that come of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from emulators import GRAVITY, HEAT
from numpy.typing import NDArray

from hosts.look import BAD, GOOD, HOST, plt, tidy
from hosts.runs import Fields

Numbers = NDArray[np.float64]

LOOK = {"solver": (HOST, "-"), "recurrent": (GOOD, "--"), "plain": (BAD, ":")}


def heating(down: Numbers, up: Numbers, thickness: Numbers) -> Numbers:
    """Return K a day, from fluxes between layers."""
    net = down - up
    return (net[..., :-1] - net[..., 1:]) * GRAVITY / HEAT * 86_400 / thickness


def draw(jacobians: dict[str, Numbers], asked: dict[str, Fields], ends: dict[str, Numbers], pressure: Numbers, path: Path) -> None:
    """Draw.

    Parameters
    ----------
    jacobians
        d downward longwave / d temperature [half level, level] of solver and networks.
    asked
        Runs in which a network was asked beside the solver.
    ends
        Temperature [column, level] of the climates at the end of their runs.
    pressure
        Of the layers.
    path
        Of the picture.
    """
    figure, axes = plt.subplots(2, 3, figsize=(10, 7.2), layout="constrained")
    most = np.abs(jacobians["solver"]).max() / 3
    for panel, (name, matrix) in zip(axes[0], jacobians.items(), strict=True):
        shades = panel.pcolormesh(matrix, cmap="RdBu_r", vmin=-most, vmax=most, rasterized=True)
        panel.plot((0, matrix.shape[1]), (0, matrix.shape[1]), color="#999999", linewidth=0.7)
        panel.set(title=name, xlabel="layer that is warmer", ylabel="layer whose upper side is asked")
        panel.invert_yaxis()
    figure.colorbar(shades, ax=axes[0], label="downward longwave, W/m2 a K", shrink=0.8)
    hpa, column = pressure / 100, 1
    for panel, kinds, title in (
        (axes[1, 0], ("long_down", "long_up"), "longwave"),
        (axes[1, 1], ("short_down", "short_up"), "sunlight"),
    ):
        for name, fields in asked.items():
            for whose, prefix in (("solver", ""), (name, "network_")):
                if whose == "solver" and name != "recurrent":
                    continue
                down, up = (fields[prefix + kind][0, column] for kind in kinds)
                colour, line = LOOK[whose]
                tidy(panel).plot(heating(down, up, fields["thickness"][0, column]), hpa, color=colour, linestyle=line, label=whose)
        panel.set(title=f"heating by {title}", xlabel="K a day", ylabel="hPa", ylim=(1000, 0))
    axes[1, 0].legend()
    for name, t in ends.items():
        colour, line = LOOK[name]
        for one in t[:3]:
            tidy(axes[1, 2]).plot(one, hpa, color=colour, linestyle=line)
    axes[1, 2].set(title="three of the climates", xlabel="K", ylabel="hPa", ylim=(1000, 0))
    figure.savefig(path)
    print(f"Picture: {path}")
