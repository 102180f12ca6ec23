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
NETWORKS = ("plain", "weighted")
#: What the guard says of air; as in main.f90.
SIDES = ("inside", "out of range", "far")
INPUTS = ("temperature", "pressure", "vapour", "cloud", "rain")
#: How much rain of the guarded network may differ from the scheme's: on average, also storm by storm; once in 100 and 1000 storms.
MEAN, RARE = 0.05, 0.03
#: And that of the weighted network at home without a guard, once in 1000 storms.
WEIGHTED = 0.01
#: Storms that are looked at together, because once in 1000 of 2000 is one storm, the third largest.
STRONGEST = 20
#: Error of the guarded network when it is asked beside the scheme, as a share of the changes of rain.
ERROR = 0.06
#: Of the air at home, and of that in a warmer climate: what the guard may and must leave to the scheme.
USUAL, UNUSUAL = 0.01, 0.3


def experiments(models: Path) -> dict[str, dict[str, Setting]]:
    """Return the settings of all runs by name."""
    runs: dict[str, dict[str, Setting]] = {}
    for place, settings in PLACES.items():
        common: dict[str, Setting] = {**settings, "n_storms": STORMS}
        # The scheme is in charge; the network is asked beside it, for its errors.
        runs[f"{place}, scheme"] = {**common, "scheme": "both", "network": models / "weighted.pt2"}
        for name in NETWORKS:
            runs[f"{place}, {name}"] = {**common, "scheme": "network", "network": models / f"{name}.pt2"}
            runs[f"{place}, {name}, guarded"] = {**common, "scheme": "guarded", "network": models / f"{name}.pt2"}
    few: dict[str, Setting] = {"n_storms": 30, "warming": 4.0, "scheme": "guarded", "network": models / "weighted.pt2"}
    runs["whole"] = {**few, "restart": "whole_end.nc"}
    runs["first_half"] = {**few, "steps": 80, "steps_between_records": 80, "restart": "half.nc"}
    runs["torchscript"] = {**few, "network": models / "weighted.pt"}
    runs["dry"] = {"n_storms": 30, "scheme": "none", "steps": 90, "steps_between_records": 90}
    runs["cloudy"] = {"n_storms": 200, "steps": 60, "steps_between_records": 60}
    return runs


def mean(fields: Fields) -> float:
    """Return the mean rain of a storm, mm."""
    return float(fields["rained"][-1].mean())


def return_level(fields: Fields, storms: float) -> float:
    """Return the rain that one storm in so many exceeds, mm."""
    return float(np.quantile(fields["rained"][-1], 1 - 1 / storms))


def strongest(fields: Fields) -> float:
    """Return the mean rain of the strongest storms, mm."""
    return float(np.sort(fields["rained"][-1])[-STRONGEST:].mean())


def apart(fields: Fields, other: Fields) -> float:
    """Return by how much the same storm rains differently, mm: the root of the mean square."""
    return float(np.sqrt(np.square(fields["rained"][-1] - other["rained"][-1]).mean()))


def left_to_scheme(fields: Fields) -> float:
    """Return the share of the moist air that the guard left to the scheme."""
    return float(fields["fallbacks"][-1].sum() / fields["asked"][-1].sum())


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


def validate(found: dict[str, Fields], verdicts: Verdicts) -> None:
    """Compare the host with what is known without it."""
    dry = found["dry"]
    # By mass the updraft is the same at all heights, half a sine wave in time: the air of below is where it was plus its integral.
    mass = dry["mass"].cumsum() - dry["mass"] / 2
    density = dry["mass"][0] / (2 * dry["z"][0])
    off, highest = 0.0, 0.0
    for theta, updraft in zip(dry["theta"][-1], dry["updraft_of"], strict=True):
        lifted = float(updraft) * 900 * 2 / np.pi
        exact = first_theta(np.interp(mass - density * lifted, mass, dry["z"], left=0.0))
        off, highest = max(off, float(np.abs(theta - exact).mean())), max(highest, lifted)
    verdicts.check(
        off <= 0.1, f"air without clouds is lifted by up to {highest:.0f} m: {off:.3f} K from the exact profile (allowed 0.1 K)"
    )

    base, formula = cloud_bases(found["cloudy"])
    off, layer = float(np.abs(base - formula).mean()), float(found["cloudy"]["z"][1] - found["cloudy"]["z"][0])
    means = f"{base.mean():.0f} m, by Bolton's (1980) formula {formula.mean():.0f} m"
    verdicts.check(
        off <= layer, f"cloud base of the host: {means}; a storm is off by {off:.0f} m (allowed: a layer, {layer:.0f} m)"
    )
    left = max(float(np.abs(fields["water_left"]).max()) for fields in found.values())
    verdicts.check(left <= 1e-12, f"water out of nothing in {len(found)} runs: at most {left:.0e} of all (allowed 1e-12)")


def judge_answers(found: dict[str, Fields], verdicts: Verdicts) -> None:
    """Print the errors of the weighted network that is asked beside the scheme, inside and outside of its training."""
    print(
        "The weighted network, asked beside the scheme, by what its guard says: shares of the moist air, of its squared change of"
    )
    print("rain, of the squared error; and the error in it as a share of its own change")
    rows: list[list[object]] = []
    for place in PLACES:
        pieces, change, error, _ = found[f"{place}, scheme"]["errors"][-1]
        each = np.sqrt(error / np.maximum(change, 1e-300))
        shares = zip(*(part / part.sum() for part in (pieces, change, error)), each, strict=True)
        rows += [[f"{place}, {side}", *(f"{value:.1%}" for value in values)] for side, values in zip(SIDES, shares, strict=True)]
    table(["", "air", "change", "squared error", "error in it"], rows)
    print("Error of all air: without guard, with it, and with one that throws dice and leaves as much air to the scheme")
    overall: dict[str, Numbers] = {}
    for place in PLACES:
        pieces, change, error, guarded = found[f"{place}, scheme"]["errors"][-1]
        dice = error.sum() * pieces[0] / pieces.sum()  # on average; of the squares a guard at random leaves the share that it keeps
        overall[place] = np.sqrt(np.array([error.sum(), guarded.sum(), dice]) / change.sum())
    table(["", "no guard", "guard", "dice"], [[place, *(f"{value:.1%}" for value in overall[place])] for place in PLACES])
    print("Values below and above the ranges, in the runs of the weighted network with guard")
    sides = [(n, side) for n in range(len(INPUTS)) for side in ("below", "above")]
    table(
        ["", *(f"{INPUTS[n]} {'<' if side == 'below' else '>'}" for n, side in sides)],
        [[place, *(int(found[f"{place}, weighted, guarded"][side][-1, n]) for n, side in sides)] for place in PLACES],
    )
    for place in ("levels", "warmer"):
        alone, left, dice = overall[place]
        words = f"{left:.1%} with guard (allowed {ERROR:.0%}, and less than with dice: {dice:.1%}), {alone:.1%} without"
        verdicts.check(left <= ERROR and left < dice, f"{place}: the error is {words}")
        guarded = found[f"{place}, scheme"]["errors"][-1, 3]
        verdicts.check(
            not guarded[1:].any(), f"{place}: air that is left to the scheme has no error (squares: {guarded[1:].sum():.0e})"
        )


def judge_rain(found: dict[str, Fields], verdicts: Verdicts) -> None:
    """Print how much it rains when the networks are in charge, and where the guard was needed."""
    print(
        f"{STORMS} storms, mm of rain: the mean, once in 100 storms, once in 1000; how far storms are off; air left to the scheme"
    )
    rows = []
    for place in PLACES:
        for name in ("scheme", *(network + guard for network in NETWORKS for guard in ("", ", guarded"))):
            fields = found[f"{place}, {name}"]
            levels = [f"{mean(fields):.3f}", f"{return_level(fields, 100):.2f}", f"{return_level(fields, 1000):.2f}"]
            off = f"{apart(fields, found[f'{place}, scheme']):.3f}" if name != "scheme" else ""
            rows.append([f"{place}, {name}", *levels, off, f"{left_to_scheme(fields):.1%}" if "guarded" in name else ""])
    table(["", "mean", "1 in 100", "1 in 1000", "off by", "left"], rows)

    for place in PLACES:
        own, ours = found[f"{place}, scheme"], found[f"{place}, weighted, guarded"]
        differ = [mean(ours) / mean(own) - 1, *(return_level(ours, n) / return_level(own, n) - 1 for n in (100, 1000))]
        good = abs(differ[0]) <= MEAN and max(map(abs, differ[1:])) <= RARE
        rare = f"1 in 100 {differ[1]:+.1%}, 1 in 1000 {differ[2]:+.1%} (allowed {RARE:.0%})"
        verdicts.check(good, f"{place}, weighted and guarded: mean {differ[0]:+.1%} (allowed {MEAN:.0%}), {rare}")
        if place == "home":
            continue
        for name in NETWORKS:
            without, guarded = (apart(found[f"{place}, {name}{guard}"], own) for guard in ("", ", guarded"))
            allowed = MEAN * mean(own)
            words = f"a storm is off by {guarded:.3f} mm with guard (allowed {allowed:.3f}), {without:.3f} without"
            verdicts.check(guarded <= allowed, f"{place}, {name}: {words}")
    home, warmer = (left_to_scheme(found[f"{place}, weighted, guarded"]) for place in ("home", "warmer"))
    verdicts.check(home <= USUAL, f"home: the guard leaves {home:.2%} of the air to the scheme (allowed {USUAL:.0%})")
    verdicts.check(warmer >= UNUSUAL, f"warmer: the guard leaves {warmer:.0%} (needed {UNUSUAL:.0%})")
    true, plain, weighted = (return_level(found[f"home, {name}"], 1000) for name in ("scheme", *NETWORKS))
    off = weighted / true - 1
    words = f"1 in 1000 off by {off:+.1%} (allowed {WEIGHTED:.0%}), {plain / true - 1:+.1%} without weights (no guard)"
    verdicts.check(abs(off) <= WEIGHTED, f"importance weights: {words}")
    true, plain, weighted = (strongest(found[f"home, {name}"]) for name in ("scheme", *NETWORKS))
    print(f"        the {STRONGEST} strongest storms together: {weighted / true - 1:+.1%}, {plain / true - 1:+.1%} without weights")


def judge_files(host: Host, found: dict[str, Fields], models: Path, verdicts: Verdicts) -> None:
    """Compare both formats, and a run in two parts with a whole one."""
    whole, script = found["whole"], found["torchscript"]
    differ = float(np.abs(script["rained"] - whole["rained"]).max() / whole["rained"].max())
    same = np.array_equal(script["fallbacks"], whole["fallbacks"])
    verdicts.check(
        differ < 1e-9 and same,
        f"TorchScript and package: rain differs by {differ:.0e} of the largest (allowed 1e-09), "
        f"{'the same' if same else 'other'} fallbacks",
    )
    settings: dict[str, Setting] = {"n_storms": 30, "warming": 4.0, "scheme": "guarded", "network": models / "weighted.pt2"}
    second = host.run("second_half", **settings, steps=130, start="half.nc")
    names = ("theta", "vapour", "cloud", "rain", "rained", "fallbacks", "below", "above")
    wrong = [name for name in names if not np.array_equal(second[name][-1], whole[name][-1])]
    verdicts.check(not wrong, f"stopped in step 80 and resumed: the same bits in {len(names) - len(wrong)} of {len(names)} fields")


def main() -> int:
    """Run, judge, draw; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("host", type=Path, help="the program with a network")
    parser.add_argument("--models", type=Path, default=Path("build"), help="folder of the networks, and of the results")
    options = parser.parse_args()
    host, verdicts = Host(options.host, options.models / "runs"), Verdicts("elsewhere")
    made = experiments(options.models)
    files = host.run_all({name.replace(", ", "_"): settings for name, settings in made.items()})
    found = {name: files[name.replace(", ", "_")] for name in made}
    validate(found, verdicts)
    judge_answers(found, verdicts)
    judge_rain(found, verdicts)
    judge_files(host, found, options.models, verdicts)
    draw({name: fields for name, fields in found.items() if "," in name}, options.models / "elsewhere.png")
    return verdicts.finish()


if __name__ == "__main__":
    sys.exit(main())
