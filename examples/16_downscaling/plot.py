"""Draw an hour of rain in all forms, its spectra, scores by scale, and the ranks of the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hosts.look import BAD, GOOD, GREY, HOST, plt, tidy

Numbers = NDArray[np.float64]
LINES = {
    "truth": {"color": HOST, "linewidth": 3, "alpha": 0.4},
    "bilinear": {"color": GREY, "linestyle": "--"},
    "deterministic": {"color": BAD},
    "generator": {"color": GOOD},
}
SIDE = 256


def draw(
    fields: dict[str, Numbers], spectra: dict[str, Numbers], scores: dict[str, list[float]], often: Numbers, truth: Numbers,
    coarse: Numbers, path: Path,
) -> None:  # fmt: skip
    """Draw everything; the hour is that of the most rain."""
    hour = int(truth.mean(axis=(1, 2)).argmax())
    maps = {
        "coarse": coarse[hour], "bilinear": fields["bilinear"][hour, 0], "deterministic": fields["deterministic"][hour, 0],
        "a member": fields["generator"][hour, 0], "another": fields["generator"][hour, 1], "truth": truth[hour],
    }  # fmt: skip
    most = float(np.sqrt(np.quantile(truth[hour], 0.999)))
    figure = plt.figure(figsize=(13, 6.2), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1, 1.35))
    panels = above.subplots(1, len(maps), sharey=True)
    for panel, (name, rain) in zip(panels, maps.items(), strict=True):
        shades = panel.imshow(np.sqrt(rain), origin="lower", extent=(0, SIDE, 0, SIDE), cmap="YlGnBu", vmin=0, vmax=most)
        panel.set_title(name)
    bar = above.colorbar(shades, ax=panels, label="rain, mm/h", shrink=0.8)
    amounts = [value for value in (0, 1, 3, 10, 20, 40, 80) if np.sqrt(value) <= most]
    bar.set_ticks(list(np.sqrt(amounts)), labels=[str(value) for value in amounts])
    left, middle, right = below.subplots(1, 3)
    for name in LINES:
        tidy(left).loglog(SIDE / np.arange(1, len(spectra[name]) + 1), spectra[name], label=name, **LINES[name])
        if name in scores:
            tidy(middle).plot((4, 8, 16), scores[name], marker="o", label=name, **LINES[name])
    left.invert_xaxis()
    left.set(title="variance of rain, mm2/h2", xlabel="wavelength, km", ylim=(1e-6, None), xticks=[256, 64, 16])
    left.set_xticklabels(["256", "64", "16"])
    left.axvline(SIDE / 4, color=GREY, linewidth=0.7)
    left.legend()
    middle.set(title="CRPS, mm/h (of one answer: mean error)", xlabel="means over squares, km", ylim=(0, None), xticks=[4, 8, 16])
    middle.legend()
    tidy(right).bar(np.arange(len(often)), often * len(often), color=GOOD)
    right.axhline(1, color=HOST, linewidth=0.8)
    right.set(title="rank of the truth among the members (1: honest)", xlabel=f"members below it, of {len(often) - 1}")
    figure.savefig(path)
    print(f"Picture: {path}")
