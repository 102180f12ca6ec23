"""Draw the mean ocean of each run, one day of it, and the spectra of kinetic energy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hosts.look import BAD, GOOD, GREY, HOST, plt, tidy
from hosts.runs import Fields

LOOKS = {
    "fine": ("fine", {"color": HOST, "linewidth": 3, "alpha": 0.4}),
    "none": ("coarse", {"color": BAD}),
    "zanna_bolton": ("Zanna and Bolton", {"color": GREY, "linestyle": "--"}),
    "network": ("network", {"color": GOOD}),
}


def draw(found: dict[str, Fields], spectra: dict[str, NDArray[np.float64]], path: Path) -> None:
    """Draw thickness, its mean and its last day, and the spectra."""
    figure = plt.figure(figsize=(11, 8.5), layout="constrained")
    panels = figure.subplot_mosaic([[f"{row}{name}" for name in LOOKS] for row in ("mean ", "day ")] + [["spectra"] * 4])
    levels = np.arange(340, 681, 20)
    for name, (title, _) in LOOKS.items():
        fields = found[name]
        km = fields["x"] / 1000
        for row, thickness in (("mean ", fields["h"].mean(axis=0)), ("day ", fields["h"][-1])):
            panel = panels[f"{row}{name}"]
            shades = panel.contourf(
                km, km, np.where(thickness > 0, thickness, np.nan), levels=levels, cmap="RdYlBu_r", extend="both"
            )
            panel.set(title=f"{title}: {'mean' if row == 'mean ' else 'last day'}", aspect="equal", facecolor="#cccccc")
    maps = [panel for key, panel in panels.items() if key != "spectra"]
    figure.colorbar(shades, ax=maps, label="warm water, m", shrink=0.7)
    for name, (title, line) in LOOKS.items():
        tidy(panels["spectra"]).loglog(np.arange(1, len(spectra[name]) + 1), spectra[name], label=title, **line)
    panels["spectra"].set(xlabel="half waves from coast to coast", title="kinetic energy, cm2/s2")
    panels["spectra"].legend()
    figure.savefig(path)
    print(f"Picture: {path}")
