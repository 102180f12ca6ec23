"""Move the networks elsewhere, with and without a guard: ``check.py HOST --models build``. Exits with 1 on failure."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from plot import draw

from hosts.runs import Fields, Host, Setting, Verdicts, table

Numbers = NDArray[np.float64]

#: Where the storms are: as in training, on other levels, in another climate.
PLACES: dict[str, dict[str, Setting]] = {
    "home": {},
    "levels": {"layers": 40, "lowest": 60.0, "growth": 1.045},
    "warmer": {"warming": 4.0},
}
STORMS = 2000
NETWORKS = ("plain", "weighted", "built")
#: What rain of the guarded network may differ by from the scheme's: on average, and once in a thousand storms.
MEAN, RARE = 0.05, 0.10
INPUTS = ("temperature", "pressure", "vapour", "cloud", "rain")


def experiments(models: Path) -> dict[str, dict[str, Setting]]:
    """Return the settings of all runs by name."""
    runs: dict[str, dict[str, Setting]] = {}
    for place, settings in PLACES.items():
        common: dict[str, Setting] = {**settings, "n_storms": STORMS}
        # The scheme is in charge; the network is asked beside it, for its errors.
        runs[f"{place}_scheme"] = {**common, "scheme": "both", "network": models / "weighted.pt2"}
        for name in NETWORKS:
            runs[f"{place}_{name}"] = {**common, "scheme": "network", "network": models / f"{name}.pt2"}
            runs[f"{place}_{name}_guarded"] = {**common, "scheme": "guarded", "network": models / f"{name}.pt2"}
    few: dict[str, Setting] = {"n_storms": 30, "warming": 4.0, "scheme": "guarded", "network": models / "weighted.pt2"}
    runs["whole"] = {**few, "restart": "whole_end.nc"}
    runs["first_half"] = {**few, "steps": 80, "steps_between_records": 80, "restart": "half.nc"}
    runs["torchscript"] = {**few, "network": models / "weighted.pt"}
    runs["dry"] = {"n_storms": 30, "scheme": "none", "steps": 90, "steps_between_records": 90}
    runs["cloudy"] = {"n_storms": 200, "steps": 60, "steps_between_records": 60}
    return runs


def return_level(fields: Fields, years: float) -> float:
    """Return the rain (mm) that one storm in so many exceeds."""
    return float(np.quantile(fields["rained"][-1], 1 - 1 / years))


def validate(found: dict[str, Fields], verdicts: Verdicts) -> None:
    """Compare the host with what is known without it."""
    dry = found["dry"]
    edges = np.concatenate(([0.0], dry["mass"].cumsum()))
    middles = (edges[1:] + edges[:-1]) / 2
    density = dry["mass"][0] / (2 * dry["z"][0])
    # An updraft of half a sine wave moves all air up by its mean times its duration; what comes in is the air of the ground.
    lifted = 0.0
    worst = 0.0
    for storm, updraft in enumerate(dry["updraft_of"]):
        moved = density * updraft * 900 * 2 / np.pi
        lifted = max(lifted, 2 / np.pi * 900 * float(updraft))
        exact = first_theta(np.interp(middles - moved, middles, dry["z"], left=0.0))
        worst = max(worst, float(np.abs(dry["theta"][-1, storm] - exact).mean()))
    verdicts.check(worst <= 0.1, f"air without clouds is lifted by up to {lifted:.0f} m: off by {worst:.3f} K on average (allowed 0.1 K)")

    cloudy = found["cloudy"]
    base, formula = cloud_bases(cloudy)
    off, layer = float(np.abs(base - formula).mean()), float(cloudy["z"][1] - cloudy["z"][0])
    means = f"{base.mean():.0f} m, by Bolton's (1980) formula {formula.mean():.0f} m"
    verdicts.check(off <= layer, f"cloud base of the host: {means}; a storm is off by {off:.0f} m (allowed: a layer, {layer:.0f} m)")
    left = max(float(np.abs(fields["water_left"]).max()) for fields in found.values())
    verdicts.check(left <= 1e-12, f"water out of nothing in any run, networks' too: {left:.0e} of all (allowed 1e-12)")


def first_theta(z: Numbers) -> Numbers:
    """Return the potential temperature (K) that a column begins with."""
    return 297.9 + np.maximum(z - 740, 0) * 0.005857


def cloud_bases(fields: Fields) -> tuple[Numbers, Numbers]:
    """Return where cloud begins in each storm (m), and where Bolton's (1980) formula has it for the air of the lowest layer."""
    z, pressure, cloud = fields["z"], fields["pressure"], fields["cloud"][-1]
    cloudy = (cloud > 1e-5).any(axis=1)
    first = (cloud[cloudy] > 1e-5).argmax(axis=1)
    temperature = fields["theta"][-1, cloudy, 0] * (pressure[0] / 1e5) ** (287 / 1004)
    vapour = fields["vapour"][-1, cloudy, 0]
    humidity = vapour / (380 / pressure[0] * np.exp(17.27 * (temperature - 273) / (temperature - 36)))
    condenses = 1 / (1 / (temperature - 55) - np.log(humidity) / 2840) + 55
    return z[first] - (z[1] - z[0]) / 2, z[0] + 1004 / 9.81 * (temperature - condenses)


def judge(found: dict[str, Fields], verdicts: Verdicts) -> None:
    """Print errors inside and outside the range of the training, and what becomes of them online."""
    print("Asked beside the scheme: error of the change of rain in a step, as a share of the change (root of mean squares)")
    rows: list[list[object]] = []
    share: dict[str, float] = {}
    inside_error: dict[str, float] = {}
    outside_error: dict[str, float] = {}
    for place in PLACES:
        (n_in, n_out), change, error, guarded = found[f"{place}_scheme"]["errors"][-1]
        share[place] = float(n_out / (n_in + n_out))
        relative = np.sqrt(error / np.maximum(change, 1e-300))
        with_guard = np.sqrt(guarded / np.maximum(change, 1e-300))
        inside_error[place], outside_error[place] = float(relative[0]), float(relative[1])
        rows.append([place, f"{share[place]:.3%}", *(f"{x:.1%}" for x in (relative[0], relative[1], with_guard[0], with_guard[1]))])
    table(["", "outside", "error inside", "outside", "with guard", "outside"], rows)
    print("Values below and above the range of the training, in the guarded run")
    table(
        ["", *(f"{name} {side}" for name in INPUTS for side in ("<", ">"))],
        [
            [place, *(int(found[f"{place}_weighted_guarded"][side][-1, n]) for n in range(5) for side in ("below", "above"))]
            for place in PLACES
        ],
    )
    print(f"{STORMS} storms: rain on the ground (mm), on average, once in 100 storms and once in 1000; storms that the guard entered")
    rows = []
    for place in PLACES:
        for name in ("scheme", *(f"{network}{guard}" for network in NETWORKS for guard in ("", "_guarded"))):
            fields = found[f"{place}_{name}"]
            entered = (fields["fallbacks"][-1].sum(axis=1) > 0).mean()
            rows.append([
                f"{place}, {name.replace('_', ', ')}", f"{fields['rained'][-1].mean():.3f}", f"{return_level(fields, 100):.2f}",
                f"{return_level(fields, 1000):.2f}", f"{entered:.1%}" if "guarded" in name else "",
            ])  # fmt: skip
    table(["", "mean", "1 in 100", "1 in 1000", "guard"], rows)


def main() -> int:
    """Run, judge, draw; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("host", type=Path, help="the program with a network")
    parser.add_argument("--models", type=Path, default=Path("build"), help="folder of the networks, and of the results")
    options = parser.parse_args()
    host, verdicts = Host(options.host, options.models / "runs"), Verdicts("elsewhere")
    found = host.run_all(experiments(options.models))
    validate(found, verdicts)
    judge(found, verdicts)
    draw(found, options.models / "elsewhere.png")
    return verdicts.finish()


if __name__ == "__main__":
    sys.exit(main())
