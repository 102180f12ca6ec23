"""Draw the runs, how networks treat each wave, when members are lost, and distributions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hosts.look import BAD, GOOD, GREY, HOST, plt, tidy
from hosts.runs import Fields

Numbers = NDArray[np.float64]
COLOURS = {
    "own": HOST, "none": GREY, "one_step": BAD, "little_noise": "#f0c987", "noise": "#e5a23d", "two_steps": "#8fc1d4",
    "ten_steps": GOOD, "local": "#5b8c5a",
}  # fmt: skip
#: Time of the runs that is drawn.
SHOWN = 100.0


def draw(
    found: dict[str, Fields],
    growth: dict[str, Numbers],
    lost: dict[str, Numbers],
    shares: dict[str, Numbers],
    bins: Numbers,
    path: Path,
) -> None:
    """Draw everything: ``growth`` by wave, ``lost`` by member, ``shares`` by bin of u."""
    layout = [["own"] * 6, ["one_step"] * 6, ["ten_steps"] * 6, ["growth"] * 2 + ["lost"] * 2 + ["shares"] * 2]
    figure, panels = plt.subplot_mosaic(layout, figsize=(9.5, 9), height_ratios=[1, 1, 1, 2.4], layout="constrained")
    for name in ("own", "one_step", "ten_steps"):
        fields = found[name]
        clock = fields["clock"] - fields["clock"][0]
        shade = panels[name].pcolormesh(clock, fields["cell"], fields["u"][:, 0].T, cmap="RdBu_r", vmin=-4, vmax=4)
        panels[name].set(title="own scheme" if name == "own" else name.replace("_", " "), xlim=(0, SHOWN), ylabel="ring")
        panels[name].set_facecolor("#dddddd")
    panels["ten_steps"].set_xlabel("time (grey: the member has blown up)")
    figure.colorbar(shade, ax=[panels[name] for name in ("own", "one_step", "ten_steps")], label="u")
    left, middle, right = (tidy(panels[name]) for name in ("growth", "lost", "shares"))
    for name, rates in growth.items():
        waves = np.arange(1, len(rates) + 1)
        left.plot(waves, rates, color=COLOURS[name], linewidth=2.5 if name == "own" else 1.4, label=name.replace("_", " "))
    left.axhline(0, color=GREY, linewidth=0.8)
    left.set(title="growth of small waves", xlabel="waves around the ring", ylim=(-12, 2))
    left.legend(fontsize=7)
    end = max(float(np.max(times[np.isfinite(times)], initial=0)) for times in lost.values())
    end = max(end, float(found["own"]["clock"][-1] - found["own"]["clock"][0]))
    for place, (name, times) in enumerate(lost.items()):
        shift = np.linspace(-0.25, 0.25, len(times))
        alive = ~np.isfinite(times)
        middle.plot(np.where(alive, end, times), place + shift, ">" if alive.all() else ".", color=COLOURS[name], markersize=4)
    middle.set_yticks(range(len(lost)), [name.replace("_", " ") for name in lost])
    middle.set(title="blow-up (>: none)", xscale="log", xlabel="time")
    middle.invert_yaxis()
    for name, share in shares.items():
        right.stairs(share / np.diff(bins), bins, color=COLOURS[name], linewidth=2.2 if name == "own" else 1.4,
                     label="own scheme" if name == "own" else name.replace("_", " "))  # fmt: skip
    highest = max(float(share.max()) for share in shares.values()) / float(bins[1] - bins[0])
    right.set(title="distribution of u", xlabel="u", xlim=(-5, 5), ylim=(0, 1.3 * highest))
    right.legend(fontsize=7, loc="upper left")
    figure.savefig(path)
    print(f"Picture: {path}")
