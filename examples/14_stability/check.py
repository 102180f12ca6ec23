"""Let each network run in the host and judge what becomes of it: ``check.py HOST --models build``. Exits with 1 on failure."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from plot import draw

from hosts.runs import Fields, Host, Setting, Verdicts, read, table

Numbers = NDArray[np.float64]

#: Length of the runs, and what of it is not counted in a climate.
TIME, SETTLE = 500.0, 50.0
#: A forecast is lost when its error is this share of what u usually is.
LOST = 0.5
BINS = np.arange(-6, 6.01, 0.25)
NETWORKS = ("one_step", "little_noise", "noise", "two_steps", "ten_steps", "local")
#: Largest Lyapunov exponent on a ring of length 60 (Edson et al. 2019), and what the host may be off by.
PUBLISHED, CLOSE = 0.089, 0.10


@dataclass(frozen=True)
class Online:
    """What became of the members of a run: when each was lost (infinity: never), how long each forecast held, its climate."""

    lost: Numbers
    held: Numbers
    deviation: float
    misplaced: float
    mean: float


def climate(fields: Fields) -> Numbers:
    """Return all u of the settled part of a run, of members that never left the world."""
    alive = fields["lost"][-1] < 0
    settled = fields["clock"] >= fields["clock"][0] + SETTLE
    return np.asarray(fields["u"][settled][:, alive])


def distribution(u: Numbers) -> Numbers:
    """Return the share of each bin; without numbers NaN."""
    return np.histogram(u, BINS)[0] / u.size if u.size else np.full(len(BINS) - 1, np.nan)


def online(fields: Fields, own: Fields) -> Online:
    """Compare a run to that of the host's own scheme, which began from the same states."""
    clock = fields["clock"] - fields["clock"][0]
    usual = float(climate(own).std())
    good = np.sqrt(((fields["u"] - own["u"]) ** 2).mean(2)) < LOST * usual
    held = np.where(good.all(0), clock[-1], clock[np.argmin(good, axis=0)])
    when = fields["lost"][-1]
    u = climate(fields)
    return Online(
        lost=np.where(when < 0, np.inf, when - fields["clock"][0]),
        held=held,
        deviation=float(u.std()) / usual if u.size else np.nan,
        misplaced=float(0.5 * np.abs(distribution(u) - distribution(climate(own))).sum()),
        mean=float(np.nanmax(np.abs(fields["u"].mean(2)))),
    )


def growth(fields: Fields) -> Numbers:
    """Return how fast each wave grows, from a run whose members begin with one each; the first has none."""
    u, clock = fields["u"], fields["clock"]
    sizes = np.abs(np.fft.rfft(u - u[:, :1], axis=2))
    wave = np.arange(1, u.shape[1])
    return np.asarray(np.log(sizes[-1, wave, wave] / sizes[0, wave, wave]) / (clock[-1] - clock[0]))


def run_all(host: Host, models: Path) -> dict[str, Fields]:
    """Run the host in all ways."""
    waves: dict[str, Setting] = {"first": "waves", "members": 4, "time": 2.0}
    runs: dict[str, dict[str, Setting]] = {
        "waves_48": {**waves, "cells": 48, "step_length": 1e-2, "steps_between_records": 200},
        "waves_96": {**waves, "cells": 96, "step_length": 5e-4, "steps_between_records": 4000},
        "chaos": {
            "twins": True, "length": 60.0, "cells": 120, "spin_up": 100.0, "time": 300.0, "step_length": 1e-2,
            "steps_between_records": 200,
        },
        "before": {"spin_up": 300.0, "time": TIME, "restart": "begin.nc"},
    }  # fmt: skip
    found = host.run_all(runs)
    begin: dict[str, Setting] = {"start": "begin.nc", "time": TIME}
    runs = {"own": begin, "none": {**begin, "scheme": "none"}}
    one: dict[str, Setting] = {"first": "waves", "members": 13, "time": 0.2, "steps_between_records": 1}
    runs |= {"own_waves": one, "none_waves": {**one, "scheme": "none"}}
    for name in NETWORKS:
        network: dict[str, Setting] = {"scheme": "network", "network": models / f"{name}.pt{'' if name == 'local' else '2'}"}
        runs[name] = {**begin, **network}
        runs[f"{name}_waves"] = {**one, **network}
    short: dict[str, Setting] = {**runs["ten_steps"], "time": 20.0}
    runs["torchscript"] = {**short, "network": models / "ten_steps.pt"}
    runs["whole"] = short
    runs["first_part"] = {**short, "time": 8.0, "restart": "half.nc"}
    found |= host.run_all(runs)
    found["second_part"] = host.run("second_part", **{**short, "start": "half.nc", "time": 12.0})
    return found


def judge_host(found: dict[str, Fields], verdicts: Verdicts) -> None:
    """Compare the host with what is known."""
    wave = 2 * np.pi * np.arange(1, 4) / 24
    off = [growth(found[f"waves_{cells}"]) - (wave**2 - wave**4) for cells in (48, 96)]
    ratio = off[0] / off[1]
    verdicts.check(
        bool((np.abs(ratio - 4) < 0.2).all()),
        f"host: growth of three waves, cells half as wide: error 1/{ratio.min():.2f} to 1/{ratio.max():.2f} (second order: 1/4)",
    )
    apart = found["chaos"]["apart"]
    pairs = apart.shape[1] // 2
    rate = float(np.log(apart[1:, :pairs] / 1e-7).mean() / np.diff(found["chaos"]["clock"]).mean())
    verdicts.check(
        abs(rate / PUBLISHED - 1) < CLOSE,
        f"host: errors grow by exp({rate:.3f} t) on a ring of 60 (Edson et al. 2019: {PUBLISHED}, allowed {CLOSE:.0%})",
    )


def judge_loop(learned: dict[str, Fields], verdicts: Verdicts) -> None:
    """Compare the loop that trains with the loop that runs."""
    for what, key, allowed in (("loss", "loop_off", 1e-12), ("derivative by all weights", "derivative_off", 1e-5)):
        worst = max(float(fields[key][-1]) for fields in learned.values())
        sentence = f"tensors and arrays, 10 steps of the host: {what} differs by {worst:.1e} (allowed {allowed:.0e})"
        verdicts.check(worst < allowed, sentence)
    fields = learned["two_steps"]
    off, faster = float(fields["compiled_off"][-1]), float(fields["times_as_fast"][-1])
    verdicts.check(
        off < 1e-10 and faster > 1,
        f"tensors and a compiled step, 2 steps of the host, 20 updates: losses differ by {off:.1e} (allowed 1e-10), "
        f"{faster:.1f} times as fast (needed more than 1)",
    )


def judge_networks(found: dict[str, Fields], learned: dict[str, Fields], verdicts: Verdicts) -> dict[str, Online]:
    """Print the table, and judge."""
    own = found["own"]
    results = {name: online(found[name], own) for name in ("before", "none", *NETWORKS)}
    scores = {name: float(fields["score"][-1]) for name, fields in learned.items()}
    members = own["u"].shape[1]
    print(f"Offline score; online: members of {members} that blew up in {TIME:.0f}, time of the median; forecasts; climate")
    rows = []
    for name in ("before", "none", *NETWORKS):
        result = results[name]
        gone, when = int(np.isfinite(result.lost).sum()), float(np.median(result.lost))
        rows.append(
            [
                "own scheme" if name == "before" else name.replace("_", " "),
                f"{scores[name]:.4f}" if name in scores else "",
                gone,
                f"{when:.0f}" if np.isfinite(when) else "never",
                "" if name == "before" else f"{np.median(result.held):.0f}",
                *(["none", ""] if gone == members else [f"{result.deviation:.2f}", f"{result.misplaced:.1%}"]),
            ]
        )
    table(["", "score", "blew up", "after", "good for", "deviation x", "misplaced"], rows)
    lost = {name: int(np.isfinite(result.lost).sum()) for name, result in results.items()}
    after = {name: float(np.median(result.lost)) for name, result in results.items()}
    good = {name: float(np.median(result.held)) for name, result in results.items()}
    verdicts.check(lost["none"] == members, f"without any scheme all blow up, after {after['none']:.0f}")
    verdicts.check(
        scores["one_step"] > 0.99 and lost["one_step"] == members,
        f"one step: offline {scores['one_step']:.2%} (needed 99%), online all blow up, after {after['one_step']:.0f}",
    )
    for name in ("little_noise", "two_steps"):
        later = after[name] / after["one_step"]
        when = f"{later:.1f} times as late as with one step" if np.isfinite(later) else "most of them never"
        verdicts.check(later > 1.2, f"{name.replace('_', ' ')}: {lost[name]} of {members} blow up, {when} (needed 1.2 times)")
    for name in ("noise", "ten_steps", "local"):
        verdicts.check(lost[name] == 0, f"{name.replace('_', ' ')}: {lost[name]} of {members} blow up (allowed 0)")
    gain = good["ten_steps"] / good["noise"]
    verdicts.check(gain > 1, f"ten steps: forecasts are good {gain:.1f} times as long as with noise (needed more than 1)")
    ten = results["ten_steps"]
    sentence = f"ten steps: standard deviation {ten.deviation:.2f} of the scheme's (allowed 1 +- 0.1)"
    verdicts.check(abs(ten.deviation - 1) < 0.1, sentence)
    verdicts.check(ten.misplaced < 0.1, f"ten steps: {ten.misplaced:.1%} of the distribution is misplaced (allowed 10%)")
    worse = results["noise"].misplaced / ten.misplaced
    verdicts.check(worse > 1, f"noise: {worse:.1f} times as much of it (needed more than 1)")
    mean = max(results[name].mean for name in NETWORKS)
    verdicts.check(mean < 1e-12, f"all networks: the mean of u is off by {mean:.0e} (allowed 1e-12)")
    return results


def judge_program(found: dict[str, Fields], verdicts: Verdicts) -> None:
    """Check what the program promises."""
    whole = found["whole"]
    differ = float(np.abs(found["torchscript"]["u"] - whole["u"]).max())
    verdicts.check(differ < 1e-9, f"TorchScript and package, 100 steps: u differs by {differ:.0e} (allowed 1e-09)")
    second = found["second_part"]["u"]
    same = np.array_equal(whole["u"][-len(second) :], second)
    verdicts.check(same, f"stopped after 40 steps and resumed: the same bits in {len(second)} records")


def main() -> int:
    """Run, judge, draw; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("host", type=Path, help="the program with a network")
    parser.add_argument("--models", type=Path, default=Path("build"), help="folder of the networks, and of the results")
    options = parser.parse_args()
    verdicts = Verdicts("stability")
    found = run_all(Host(options.host, options.models / "runs"), options.models)
    learned = {name: read(options.models / "trainings" / f"{name}.nc") for name in NETWORKS}
    judge_host(found, verdicts)
    judge_loop(learned, verdicts)
    results = judge_networks(found, learned, verdicts)
    judge_program(found, verdicts)
    rates = {name: growth(found[f"{name}_waves"]) for name in ("own", *NETWORKS)}
    shares = {name: distribution(climate(found[name])) for name in ("own", "noise", "ten_steps")}
    draw(found, rates, {name: results[name].lost for name in ("none", *NETWORKS)}, shares, BINS, options.models / "stability.png")
    return verdicts.finish()


if __name__ == "__main__":
    sys.exit(main())
