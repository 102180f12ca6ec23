"""Draw the oscillation as the host's scheme and as the networks make it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hosts.look import BAD, GOOD, HOST, plt, tidy
from hosts.runs import Fields

#: Years that are shown, counted from the start of the run.
SHOWN = (10, 22)


def draw(usual: dict[str, Fields], stronger: dict[str, Fields], path: Path) -> None:
    """Draw time and height for the scheme and the networks, and the wind at 25 km under waves of either strength."""
    names = [name for name in usual if name != "plain_stronger"]
    figure, axes = plt.subplots(len(names) + 2, 1, figsize=(9, 2 * len(names) + 4), layout="constrained")
    for panel, name in zip(axes, names, strict=False):
        fields = usual[name]
        years, km = fields["time"] / 365, fields["height"] / 1000
        shades = panel.contourf(years, km, fields["u"].T, levels=np.arange(-40, 41, 5), cmap="RdBu_r", extend="both")
        panel.set(xlim=SHOWN, ylabel="km", title="the scheme" if name == "waves" else name.replace("_", ", trained on: "))
        panel.tick_params(labelbottom=False)
    figure.colorbar(shades, ax=axes[: len(names)], label="eastward wind, m/s", shrink=0.8)
    for panel, (runs, title) in zip(axes[-2:], ((usual, "25 km"), (stronger, "25 km, waves 30 % stronger")), strict=True):
        for name, colour, line in (("waves", HOST, "-"), ("layered_usual", GOOD, "--"), ("plain_usual", BAD, ":")):
            fields = runs[name]
            level = np.argmin(np.abs(fields["height"] - 25_000))
            tidy(panel).plot(
                fields["time"] / 365, fields["u"][:, level], color=colour, linestyle=line, label=name.replace("_", ", ")
            )
        panel.set(xlim=SHOWN, ylabel="m/s", title=title)
    axes[-2].legend(ncols=3, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0)
    axes[-1].set_xlabel("years")
    figure.savefig(path)
    print(f"Picture: {path}")
