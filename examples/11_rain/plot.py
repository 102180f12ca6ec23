"""Draw the cloud, and what the books of each run are off by."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hosts.look import BAD, GOOD, GREY, HOST, plt, tidy
from hosts.runs import Fields

LINES = {
    "kessler": {"color": HOST, "linewidth": 3, "alpha": 0.4},
    "free": {"color": BAD},
    "penalty": {"color": GREY, "linestyle": "--"},
    "built": {"color": GOOD},
}


def draw(found: dict[str, Fields], path: Path) -> None:
    """Draw cloud and rain of the scheme and of the network built to be right, and the drift of all."""
    figure, axes = plt.subplots(3, 2, figsize=(9.5, 10), layout="constrained")
    for panel, name in zip(axes[0], ("kessler", "built"), strict=True):
        fields = found[name]
        x, z = fields["x"], fields["z"]
        shades = panel.contourf(x, z, 1000 * fields["cloud"][-1], levels=np.arange(0.05, 1.3, 0.1), cmap="Blues", extend="max")
        lines = panel.contour(x, z, 1000 * fields["rain"][-1], levels=[0.01, 0.03, 0.1], colors=BAD, linewidths=1)
        panel.clabel(lines, fontsize=7)
        panel.set(title=f"{name}: cloud, and lines of rain, g/kg", xlabel="m", ylabel="m", aspect="equal")
    figure.colorbar(shades, ax=axes[0], shrink=0.8)
    for panel, (key, title) in zip(
        axes[1:].flat,
        (
            ("water_left", "water that nobody can explain, share of all"),
            ("heat_left", "heat out of nothing, share of all"),
            ("negative_rain", "pieces of air with negative rain, summed"),
            ("rained", "rain on the ground, mm"),
        ),
        strict=True,
    ):
        for name, fields in found.items():
            values = np.abs(fields[key])
            if key.endswith("left"):
                values = np.maximum(values, 1e-18)
                panel.set_yscale("log")
            tidy(panel).plot(fields["step"], values, label=name, **LINES[name])
        if key.endswith("left"):
            panel.axhline(1e-12, color="#bbbbbb", linewidth=1)
        panel.set(title=title, xlabel="time step")
    axes[1, 0].legend(loc="center right")
    figure.savefig(path)
    print(f"Picture: {path}")
