"""Forecast each month by a network that has not seen it, and judge: ``check.py HOST --models build``. Exits with 1 on failure."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from emulators import BLOCKS, INDICES, OBSERVATIONS, held_out
from numpy.typing import NDArray
from plot import draw

from hosts.runs import Fields, Host, Setting, Verdicts, table

Numbers = NDArray[np.float64]

LEADS, GROW = 6, 2
#: Months that are drawn together when the limits of a skill are looked for, and how often that is done.
TOGETHER, DRAWS = 6, 4000
METHODS = ("climatology", "persistence", "fading", "linear", "network")


def squares(found: dict[int, Fields]) -> dict[str, Numbers]:
    """Return the squared errors [month, lead] of each method, means over the indices; a month is the one that is forecast."""
    errors = {name: np.full((BLOCKS * 9, LEADS), np.nan) for name in (*METHODS, "spread", "members")}
    for block, fields in found.items():
        first, last = held_out(block)
        x = fields["anomaly"]
        steps = {name: fields[name].reshape(len(x), LEADS, INDICES) for name in ("fading", "linear")}
        ensemble = fields["ensemble"].reshape(len(x), -1, LEADS, INDICES)
        for target in range(first - 1, last):
            for lead in range(1, LEADS + 1):
                start = target - lead
                if start < GROW:
                    continue
                said = {
                    "climatology": np.zeros(INDICES),
                    "persistence": x[start],
                    **{name: step[start, lead - 1] for name, step in steps.items()},
                    "network": ensemble[start, :, lead - 1].mean(axis=0),
                    "members": ensemble[start, 0, lead - 1],
                }
                for name, forecast in said.items():
                    errors[name][target, lead - 1] = ((forecast - x[target]) ** 2).mean()
                errors["spread"][target, lead - 1] = ensemble[start, :, lead - 1].var(axis=0, ddof=1).mean()
    return errors


def rmse(errors: Numbers) -> Numbers:
    """Return the root of the mean over the months, for each lead."""
    return np.asarray(np.sqrt(np.nanmean(errors, axis=0)))


def limits(mine: Numbers, other: Numbers) -> Numbers:
    """Return, for each lead, where the ratio of two errors lies nine times in ten when months are drawn anew.

    Neighbouring months are not two pieces of evidence: they are drawn together, half a year at once.
    """
    source = np.random.default_rng(1)
    starts = source.integers(0, len(mine), (DRAWS, -(-len(mine) // TOGETHER)))
    months = ((starts[:, :, None] + np.arange(TOGETHER)) % len(mine)).reshape(DRAWS, -1)
    ratios = np.sqrt(np.nanmean(mine[months], axis=1) / np.nanmean(other[months], axis=1))
    return np.asarray(np.quantile(ratios, (0.05, 0.95), axis=0))


def run_all(host: Host, models: Path) -> dict[str, Fields]:
    """Run the host in all ways."""
    runs: dict[str, dict[str, Setting]] = {}
    for block in range(1, BLOCKS + 1):
        first, last = held_out(block)
        runs[f"block_{block}"] = {
            "observations": OBSERVATIONS,
            "network": models / f"forecaster_{block}.pt2",
            "first_held_out": first,
            "last_held_out": last,
        }
    runs["one_by_one"] = {**runs["block_6"], "one_by_one": True}
    runs["other_seed"] = {**runs["block_6"], "seed": 2}
    runs["torchscript"] = {**runs["block_6"], "network": models / "forecaster_6.pt"}
    runs["first_part"] = {**runs["block_6"], "last": 31, "restart": "state.nc"}
    found = host.run_all(runs)
    found["second_part"] = host.run("second_part", **runs["block_6"], start="state.nc")
    return found


def judge_skill(errors: dict[str, Numbers], verdicts: Verdicts) -> None:
    """Print errors and their limits."""
    means = {name: rmse(errors[name]) for name in METHODS}
    months = np.isfinite(errors["network"]).sum(axis=0)
    print(f"Root mean square error of {INDICES} indices, K, over {months[0]} months held out ({months[-1]} six months ahead)")
    table(
        ["months ahead", *map(str, range(1, LEADS + 1))], [[name, *[f"{value:.3f}" for value in means[name]]] for name in METHODS]
    )
    bounds = {name: limits(errors["network"], errors[name]) for name in METHODS[:-1]}
    print("The network's error, as a share of theirs: nine times in ten between. Clearly better: all of that is below 1")
    rows = [[name, *[f"{low:.2f}-{high:.2f}" for low, high in bounds[name].T]] for name in bounds]
    table(["months ahead", *map(str, range(1, LEADS + 1))], rows)
    gain = means["linear"][5] / means["persistence"][5]
    sentence = f"linear inverse model, 6 months: {gain:.2f} of persistence (Penland and Sardeshmukh 1995: it is better; needed < 1)"
    verdicts.check(gain < 1, sentence)
    low, high = bounds["climatology"]
    sentence = f"clearly better than climatology, 1 to 3 months: upper limits up to {high[:3].max():.2f} (needed: below 1)"
    verdicts.check((high[:3] < 1).all(), sentence)
    ratio, (low, high) = means["network"] / means["persistence"], bounds["persistence"]
    for lead in (3, 6):
        sentence = f"{ratio[lead - 1]:.2f} of persistence (needed: below 1), limits {low[lead - 1]:.2f} to {high[lead - 1]:.2f}"
        verdicts.check(ratio[lead - 1] < 1, f"network, {lead} months: {sentence}")
    worst = max(float(limit.max()) for limit, _ in bounds.values())
    verdicts.check(worst <= 1, f"clearly worse than none of the four at any lead: lower limits up to {worst:.2f} (allowed 1)")
    for lead, name in ((1, "linear"), (3, "linear"), (6, "linear"), (6, "climatology")):
        share, (low, high) = means["network"][lead - 1] / means[name][lead - 1], bounds[name][:, lead - 1]
        told = "clearly better" if high < 1 else "clearly worse" if low > 1 else "54 months cannot tell which is better"
        model = "the linear inverse model" if name == "linear" else name
        print(f"        {lead} month{'s' if lead > 1 else ''}: {share:.2f} of {model}: {told}")
    spread = np.sqrt(np.nanmean(errors["spread"])) / np.sqrt(np.nanmean(errors["network"]))
    mean, single = (np.sqrt(np.nanmean(errors[name])) for name in ("network", "members"))
    print(f"        spread of the ensemble: {spread:.2f} of its error (1 would be honest)")
    verdicts.check(mean < single, f"the mean of the ensemble is off by {mean:.3f} K, its first member by {single:.3f} K")


def judge_program(found: dict[str, Fields], verdicts: Verdicts) -> None:
    """Check what the program promises."""
    whole = found["block_6"]
    same = np.array_equal(found["one_by_one"]["ensemble"], whole["ensemble"])
    verdicts.check(same, "20 members at once, and one by one from the last: the same bits")
    other = float(np.abs(found["other_seed"]["ensemble"] - whole["ensemble"]).max())
    verdicts.check(other > 0.01, f"another seed: other members, by up to {other:.2f} K")
    late = whole["now"] > 31
    verdicts.check(
        np.array_equal(found["second_part"]["ensemble"], whole["ensemble"][late]),
        f"stopped after month 31 and resumed with the state of the network: the same bits in {late.sum()} forecasts",
    )
    differ = float(np.abs(found["torchscript"]["ensemble"] - whole["ensemble"]).max())
    verdicts.check(differ < 1e-5, f"TorchScript and package differ by {differ:.1e} K (allowed 1e-05)")


def main() -> int:
    """Run, judge, draw; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("host", type=Path, help="the program with a network")
    parser.add_argument("--models", type=Path, default=Path("build"), help="folder of the networks, and of the results")
    options = parser.parse_args()
    verdicts = Verdicts("forecast")
    found = run_all(Host(options.host, options.models / "runs"), options.models)
    errors = squares({block: found[f"block_{block}"] for block in range(1, BLOCKS + 1)})
    judge_skill(errors, verdicts)
    judge_program(found, verdicts)
    draw({name: rmse(errors[name]) for name in METHODS}, limits(errors["network"], errors["persistence"]), found["block_6"],
         options.models / "forecast.png")  # fmt: skip
    return verdicts.finish()


if __name__ == "__main__":
    sys.exit(main())
