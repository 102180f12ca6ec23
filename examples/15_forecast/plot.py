"""Draw errors by lead, their limits, and an ensemble."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hosts.look import BAD, GOOD, GREY, HOST, plt, tidy
from hosts.runs import Fields

Numbers = NDArray[np.float64]
LINES = {
    "climatology": {"color": GREY, "linestyle": ":"},
    "persistence": {"color": BAD, "linestyle": "--"},
    "fading": {"color": "#e5a23d", "linestyle": "--"},
    "linear": {"color": HOST},
    "network": {"color": GOOD, "linewidth": 2.2, "marker": "o"},
}
#: Months, counted from 1, from which the drawn ensembles start.
STARTS = (10, 22, 34, 46)


def draw(errors: dict[str, Numbers], bounds: Numbers, fields: Fields, path: Path) -> None:
    """Draw everything; ``fields`` is one run, whose first index is Niño 3."""
    figure, panels = plt.subplot_mosaic([["left", "right"], ["below", "below"]], figsize=(9.5, 8), layout="constrained")
    left, right, below = (panels[place] for place in ("left", "right", "below"))
    leads = np.arange(1, bounds.shape[1] + 1)
    for name, values in errors.items():
        tidy(left).plot(leads, values, label=name, **LINES[name])
    left.set(title="error of forecasts of months held out, K", xlabel="months ahead", ylim=(0, None))
    left.legend()
    tidy(right).fill_between(leads, *bounds, color=GOOD, alpha=0.25, label="nine times in ten")
    right.plot(leads, errors["network"] / errors["persistence"], color=GOOD, marker="o")
    right.axhline(1, color=BAD, linestyle="--")
    right.set(title="the network's error as a share of persistence's", xlabel="months ahead", ylim=(0, None))
    right.legend(loc="lower left")
    observed = fields["anomaly"][:, 0]
    members = fields["ensemble"].reshape(len(observed), -1, len(leads), fields["anomaly"].shape[1])[..., 0]
    tidy(below).plot(np.arange(1, len(observed) + 1), observed, color=HOST, linewidth=2, label="observed")
    for start in STARTS:
        ahead = np.arange(start, start + len(leads) + 1)
        for member in members[start - 1]:
            below.plot(ahead, np.concatenate(([observed[start - 1]], member)), color=GOOD, linewidth=0.6, alpha=0.6)
    below.set(
        title="Niño 3, K: observed, and ensembles of 20 (only the last has not seen what comes)", xlabel="month since April 2006"
    )
    below.legend()
    figure.savefig(path)
    print(f"Picture: {path}")
