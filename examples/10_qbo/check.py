"""Put the emulators into the host and judge them by its climate: ``check.py HOST --models build``. Exits with 1 on failure."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from plot import draw

from hosts.runs import Fields, Host, Setting, Verdicts, table

Numbers = NDArray[np.float64]

MONTH, YEAR = 365 / 12, 365
#: Days to find the climate in, and days to measure it.
SETTLE, MEASURE = 10 * YEAR, 20 * YEAR
#: What a network may be off by: period and amplitude online, and their response to waves that are 30 % stronger.
CLOSE, RESPONSE = 0.05, 0.20
SOURCES = (1.0, 1.3)
NETWORKS = ("layered_usual", "layered_stronger", "plain_usual", "plain_stronger")


@dataclass(frozen=True)
class Climate:
    """Period (months) and amplitude (m/s) of the oscillation 25 km above the equator."""

    period: float
    amplitude: float


def at(fields: Fields, height: float) -> Numbers:
    """Return the wind at a height, over time."""
    return fields["u"][:, np.argmin(np.abs(fields["height"] - height))]


def turns(time: Numbers, wind: Numbers) -> Numbers:
    """Return when the wind turns to the east."""
    before = np.flatnonzero((wind[:-1] < 0) & (wind[1:] >= 0))
    return time[before] - wind[before] * (time[before + 1] - time[before]) / (wind[before + 1] - wind[before])


def climate(fields: Fields) -> Climate:
    """Measure the climate after it has settled. Without two turns there is no period: NaN."""
    chosen = fields["time"] >= SETTLE
    wind = at(fields, 25_000)[chosen]
    times = turns(fields["time"][chosen], wind)
    period = float(np.diff(times).mean()) / MONTH if len(times) > 1 else np.nan
    return Climate(period, float(np.sqrt(2) * wind.std()))


def descent(fields: Fields) -> float:
    """Return how fast the turn to the east comes down from 29 to 21 km, km a month."""
    chosen = fields["time"] >= SETTLE
    above, below = (turns(fields["time"][chosen], at(fields, height)[chosen]) for height in (29_000, 21_000))
    waits = [below[below > start].min() - start for start in above if (below > start).any()]
    return 8 / (float(np.median(waits)) / MONTH)


def score(fields: Fields) -> float:
    """Return the share of the variance of the drag that the network explains, asked beside the scheme: its offline score."""
    off = fields["emulated"] - fields["drag"]
    return 1 - float((off**2).mean() / fields["drag"].var(axis=0).mean())


def experiments(models: Path) -> dict[str, dict[str, Setting]]:
    """Return the settings of all runs by name."""
    usual: dict[str, Setting] = {"days": SETTLE + MEASURE, "seed": 3}
    runs: dict[str, dict[str, Setting]] = {f"waves_{source}": {**usual, "source": source} for source in SOURCES}
    steady: dict[str, Setting] = {**usual, "variability": 0.0}
    runs["steady"] = steady
    runs["plumb"] = {**steady, "source": 1.3, "diffusivity": 0.39}
    runs["weak"] = {**steady, "source": 0.1}
    for name in NETWORKS:
        network = models / f"{name}.pt2"
        for source in SOURCES:
            runs[f"{name}_{source}"] = {**usual, "scheme": "network", "network": network, "source": source}
        runs[f"{name}_offline"] = {"scheme": "both", "network": network, "days": 5 * YEAR, "seed": 4}
    short: dict[str, Setting] = {"scheme": "network", "network": models / "layered_usual.pt2"}
    runs["whole"] = {**short, "days": 200, "restart": "whole_end.nc"}
    runs["first_half"] = {**short, "days": 103, "restart": "half.nc"}
    runs["torchscript"] = {**short, "days": 200, "network": models / "layered_usual.pt"}
    return runs


def judge_host(found: dict[str, Fields], verdicts: Verdicts) -> None:
    """Compare the host, with its own scheme, with what is published."""
    steady, plumb = climate(found["steady"]), climate(found["plumb"])
    print("The host beside the published")
    table(
        ["", "host", "published"],
        [
            ["period (months)", f"{steady.period:.1f}", "28: observed (Baldwin et al. 2001)"],
            ["the turn comes down (km a month)", f"{descent(found['steady']):.2f}", "1: observed (Baldwin et al. 2001)"],
            ["30 % more waves and diffusion: period x", f"{plumb.period / steady.period:.3f}", "0.769: 1/1.3 (Plumb 1977)"],
        ],
    )
    verdicts.check(
        abs(steady.period / 28 - 1) < 0.1, f"period of the host: {steady.period:.1f} months (observed: 28, allowed 10 %)"
    )
    scaling = plumb.period / steady.period * 1.3
    verdicts.check(abs(scaling - 1) < 0.01, f"it scales as Plumb's equations do: {scaling:.3f} (needed 1 to 1 %)")
    speed = climate(found["weak"]).amplitude
    verdicts.check(speed < 1, f"a tenth of the waves makes no oscillation: {speed:.1f} m/s (Plumb 1977: there is a threshold)")


def judge_networks(found: dict[str, Fields], verdicts: Verdicts) -> list[list[str]]:
    """Compare runs with a network to runs with the scheme; return the rows of the table."""
    own, own_strong = (climate(found[f"waves_{source}"]) for source in SOURCES)
    rows = [["the scheme", "", *_cells(own), *_cells(own_strong)]]
    for name in NETWORKS:
        usual, strong = (climate(found[f"{name}_{source}"]) for source in SOURCES)
        rows.append([name.replace("_", ", "), f"{score(found[f'{name}_offline']):.3f}", *_cells(usual), *_cells(strong)])
    print("Offline score, then period (months) and amplitude (m/s) online, and both with waves that are 30 % stronger")
    table(["network, trained on", "score", "period", "ampl.", "period", "ampl."], rows)
    for name in NETWORKS[:2]:
        usual, strong = (climate(found[f"{name}_{source}"]) for source in SOURCES)
        for what in ("period", "amplitude"):
            mine, host, mine_strong, host_strong = (getattr(one, what) for one in (usual, own, strong, own_strong))
            off = mine / host - 1
            verdicts.check(abs(off) <= CLOSE, f"{name}: {what} online {off:+.1%} (allowed {CLOSE:.0%})")
            response = (mine_strong - mine) / (host_strong - host)
            verdicts.check(
                abs(response - 1) <= RESPONSE,
                f"{name}: response of the {what} {response:.2f} of the host's (allowed 1 +- {RESPONSE})",
            )
    return rows


def judge_program(host: Host, found: dict[str, Fields], models: Path, verdicts: Verdicts) -> None:
    """Check what the program promises: both formats alike, and a restart that nothing can be seen of."""
    differ = float(np.abs(found["torchscript"]["u"] - found["whole"]["u"]).max())
    verdicts.check(differ < 1e-3, f"TorchScript and package: winds of 200 days differ by {differ:.1e} m/s (allowed 1e-03)")
    second = host.run(
        "second_half", scheme="network", network=models / "layered_usual.pt2", days=97, start="half.nc", restart="second_end.nc"
    )
    whole = found["whole"]["u"][found["whole"]["time"] >= 103]
    verdicts.check(np.array_equal(whole, second["u"]), f"stopped on day 103 and resumed: the same bits in {len(whole)} records")


def _cells(found: Climate) -> list[str]:
    return [f"{found.period:.2f}", f"{found.amplitude:.2f}"]


def main() -> int:
    """Run, judge, draw; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("host", type=Path, help="the program with a network")
    parser.add_argument("--models", type=Path, default=Path("build"), help="folder of the networks, and of the results")
    options = parser.parse_args()
    host, verdicts = Host(options.host, options.models / "runs"), Verdicts("qbo")
    found = host.run_all(experiments(options.models))
    judge_host(found, verdicts)
    judge_networks(found, verdicts)
    judge_program(host, found, options.models, verdicts)
    usual, stronger = ({name: found[f"{name}_{source}"] for name in ("waves", *NETWORKS)} for source in SOURCES)
    draw(usual, stronger, options.models / "qbo.png")
    return verdicts.finish()


if __name__ == "__main__":
    sys.exit(main())
