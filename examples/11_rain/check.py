"""Put the three networks into the host and look into its books: ``check.py HOST --models build``. Exits with 1 on failure."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from plot import draw

from hosts.runs import Fields, Host, Setting, Verdicts, table

Numbers = NDArray[np.float64]

STEPS = 10_000
NETWORKS = ("free", "penalty", "built")
#: Of all water and all heat: what may be left that nobody can explain.
CLOSED = 1e-12
#: What the rain on the ground may differ by from that of the scheme.
RAIN = 0.05


def experiments(models: Path) -> dict[str, dict[str, Setting]]:
    """Return the settings of all runs by name."""
    runs: dict[str, dict[str, Setting]] = {"kessler": {"steps": STEPS}}
    for name in NETWORKS:
        runs[name] = {"steps": STEPS, "scheme": "network", "network": models / f"{name}.pt2"}
    short: dict[str, Setting] = {"scheme": "network", "network": models / "built.pt2", "steps_between_records": 20}
    runs["whole"] = {**short, "steps": 400}
    runs["first_half"] = {**short, "steps": 210, "restart": "half.nc"}
    runs["torchscript"] = {**short, "steps": 400, "network": models / "built.pt"}
    return runs


def most(values: Numbers) -> float:
    """Return the largest magnitude."""
    return float(np.abs(values).max())


def closed(fields: Fields) -> dict[str, tuple[bool, str]]:
    """Return the verdicts on the books of a run."""
    water, heat = most(fields["water_left"]), most(fields["heat_left"])
    rain, other = int(fields["negative_rain"][-1]), int(fields["negative_water"][-1])
    return {
        "negative rain": (rain == 0, f"pieces of air with negative rain: {rain}"),
        "negative water": (other == 0, f"pieces of air with negative cloud or vapour: {other}"),
        "water": (water <= CLOSED, f"water out of nothing: {water:.1e} of all (allowed {CLOSED:.0e})"),
        "heat": (heat <= CLOSED, f"heat out of nothing: {heat:.1e} of all (allowed {CLOSED:.0e})"),
        "complete": (fields["step"][-1] >= STEPS, f"it has run to step {fields['step'][-1]:.0f}"),
    }


def cloud_bases(fields: Fields) -> tuple[Numbers, Numbers]:
    """Return where cloud begins in each column (m), and where Bolton's (1980) formula has it for clear air two layers below."""
    z, pressure, cloud = fields["z"], fields["pressure"], fields["cloud"][-1]
    column = np.arange(cloud.shape[1])
    first = (cloud > 1e-5).argmax(axis=0)
    below = first - 2
    temperature = fields["theta"][-1, below, column] * (pressure[below] / 1e5) ** (287 / 1004)
    vapour = fields["vapour"][-1, below, column]
    humidity = vapour / (380 / pressure[below] * np.exp(17.27 * (temperature - 273) / (temperature - 36)))
    condenses = 1 / (1 / (temperature - 55) - np.log(humidity) / 2840) + 55
    return z[first] - (z[1] - z[0]) / 2, z[below] + 1004 / 9.81 * (temperature - condenses)


def judge(host: Host, found: dict[str, Fields], models: Path, verdicts: Verdicts) -> None:
    """Print all there is to say."""
    base, formula = cloud_bases(found["kessler"])
    layer = found["kessler"]["z"][1] - found["kessler"]["z"][0]
    off, means = float(np.abs(base - formula).mean()), f"{base.mean():.0f} m, by Bolton's (1980) formula {formula.mean():.0f} m"
    verdicts.check(
        off <= layer, f"cloud base of the host: {means}; a column is off by {off:.0f} m (allowed: a layer, {layer:.0f} m)"
    )

    scores = json.loads((models / "scores.json").read_text())
    rows = []
    for name in ("kessler", *NETWORKS):
        fields = found[name]
        numbers = [int(fields["negative_rain"][-1]), int(fields["negative_water"][-1])]
        left = [f"{most(fields[key]):.1e}" for key in ("water_left", "heat_left")]
        rows.append([name, f"{scores[name]:.2%}" if name in scores else "", *numbers, *left, f"{fields['rained'][-1]:.2f}"])
    pieces = STEPS * found["kessler"]["cloud"][-1].size / 1e6
    print(f"{STEPS} steps: pieces of air below zero, of {pieces:.2f} million; water and heat out of nothing, as shares of all;")
    print("rain on the ground")
    table(["", "offline score", "rain < 0", "other < 0", "water", "heat", "rain, mm"], rows)

    for good, sentence in closed(found["built"]).values():
        verdicts.check(good, f"built: {sentence}")
    own, ours = found["kessler"]["rained"][-1], found["built"]["rained"][-1]
    verdicts.check(
        abs(ours / own - 1) <= RAIN, f"built: rain on the ground {ours / own - 1:+.1%} of the scheme's (allowed {RAIN:.0%})"
    )
    for name in ("free", "penalty"):
        seen = [what for what, (good, _) in closed(found[name]).items() if not good]
        verdicts.check({"negative rain", "water", "heat"} <= set(seen), f"the same checks fail for '{name}': {', '.join(seen)}")

    for key in ("cloud", "rain"):
        differ = most(found["torchscript"][key] - found["whole"][key]) / most(found["whole"][key])
        sentence = f"TorchScript and package: {key} of 400 steps differs by {differ:.0e} of the largest (allowed 1e-09)"
        verdicts.check(differ < 1e-9, sentence)
    settings: dict[str, Setting] = {"scheme": "network", "network": models / "built.pt2", "steps_between_records": 20}
    second = host.run("second_half", **settings, steps=190, start="half.nc", restart="end.nc")
    whole = found["whole"]["step"] > 210
    same = all(np.array_equal(found["whole"][key][whole], second[key]) for key in ("theta", "vapour", "cloud", "rain", "accounts"))
    verdicts.check(same, f"stopped in step 210 and resumed: the same bits in {whole.sum()} records")


def main() -> int:
    """Run, judge, draw; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("host", type=Path, help="the program with a network")
    parser.add_argument("--models", type=Path, default=Path("build"), help="folder of the networks, and of the results")
    options = parser.parse_args()
    host, verdicts = Host(options.host, options.models / "runs"), Verdicts("rain")
    found = host.run_all(experiments(options.models))
    judge(host, found, options.models, verdicts)
    draw({name: found[name] for name in ("kessler", *NETWORKS)}, options.models / "rain.png")
    return verdicts.finish()


if __name__ == "__main__":
    sys.exit(main())
