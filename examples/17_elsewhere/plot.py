"""Draw the rain of storms by how rare it is, and where the guard let the scheme take over."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hosts.look import BAD, GOOD, GREY, HOST, plt, tidy
from hosts.runs import Fields


def draw(found: dict[str, Fields], path: Path) -> None:
    """Draw rare storms, the storms of a warmer climate one by one, and the share of the scheme by height."""
    figure, axes = plt.subplots(2, 2, figsize=(9.5, 8), layout="constrained")
    rarest = slice(-len(found["home, scheme"]["rained"][-1]) // 10, None)
    own = np.sort(found["home, scheme"]["rained"][-1])[rarest]
    one_in = 10 * len(own) / np.arange(len(own), 0, -1)
    panel = tidy(axes[0, 0])
    for name, colour in (("plain", BAD), ("weighted", GOOD)):
        rain = np.sort(found[f"home, {name}"]["rained"][-1])[rarest]
        panel.plot(one_in, 100 * (rain / own - 1), color=colour, label=name)
    panel.axhline(0, color=HOST)
    panel.set(xscale="log", ylim=(-4, 4), xlabel="one storm in", title="home, no guard: rain of rare storms, % off")
    panel.legend()
    for panel, name in zip((axes[0, 1], axes[1, 0]), ("plain", "weighted"), strict=True):
        scheme = found["warmer, scheme"]["rained"][-1]
        for guard, colour in (("", BAD), (", guarded", GOOD)):
            rain = found[f"warmer, {name}{guard}"]["rained"][-1]
            tidy(panel).plot(scheme, rain - scheme, ".", color=colour, markersize=2, label=f"{name}{guard}")
        panel.axhline(0, color=HOST, linewidth=1)
        panel.set(xscale="log", xlim=(0.01, 30), xlabel="rain of the scheme, mm", title="4 K warmer: each storm, mm off")
        panel.legend(markerscale=5)
    panel = tidy(axes[1, 1])
    for place, colour in (("home", HOST), ("levels", GREY), ("warmer", BAD)):
        fields = found[f"{place}, weighted, guarded"]
        fallbacks, asked = fields["fallbacks"][-1].sum(axis=0), fields["asked"][-1].sum(axis=0)
        panel.plot(100 * fallbacks / np.maximum(asked, 1), fields["z"], color=colour, label=place, marker=".", markersize=3)
    panel.set(xlabel="% of the moist air", ylabel="m", ylim=(0, 4500), title="left to the scheme, by height")
    panel.legend()
    figure.savefig(path)
    print(f"Picture: {path}")
