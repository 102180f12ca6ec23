"""Make fine rain over countries that no network has seen, and judge: ``check.py HOST --models build``. Exits with 1 on failure."""

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

#: Countries by the seed of their mountains and weather, none of which was learned from; their hours, and those between two records.
COUNTRIES, HOURS, BETWEEN = (101, 102, 103), 192, 12
HALF, MEMBERS = 96, 20
METHODS = ("bilinear", "deterministic", "generator")
N, COARSE, CELL = 64, 8, 4000.0
#: The first wave, by how many go into the square, that is shorter than two coarse cells: coarse rain says nothing of it.
FIRST_UNSEEN = COARSE // 2 + 1
#: How often cases are drawn anew when limits are looked for; both of a day together.
DRAWS, TOGETHER = 4000, 2
#: Share of cells and hours with less rain than what is called heavy.
HEAVY = 0.999
#: mm/h, below which it is dry.
DRIZZLE = 0.05
#: The experiments of which the answer is known: ridges in x and y, wind (m/s), height (m), and so much other rain (mm/h) that no
#: rain is cut off at zero.
RIDGES, WIND, HEIGHT, FRONT = (3, 2), (10, 5), 700.0, 100.0
#: The air of mountains.f90: vapour times lapse (kg m-3), stability (s-1), depth (m), conversion and fallout (s).
DENSITY, STABILITY, DEPTH, DELAY = 0.006 * 1.12, 0.005, 2500.0, 1000.0
#: What the host may differ by from the closed form; from marching along the wind, as a share of the heaviest rain.
EXACT, MARCHED = 1e-12, 1e-4
#: What rain of a coarse cell may come from nowhere, as a share of it, and mm/h, that the two formats may differ by.
CLOSED, SAME = 1e-14, 1e-3


def crps(ensemble: Numbers, truth: Numbers) -> Numbers:
    """Return the continuous ranked probability score [case] of an ensemble [case, member, y, x]; of one member, its mean error.

    That of just these members: it is not corrected for their number.
    """
    count = ensemble.shape[1]
    error = np.abs(ensemble - truth[:, None]).mean(axis=(1, 2, 3))
    weight = 2 * np.arange(1, count + 1) - count - 1
    apart = (np.sort(ensemble, axis=1) * weight[:, None, None]).sum(axis=1) / count**2
    return np.asarray(error - apart.mean(axis=(1, 2)))


def averaged(field: Numbers, cells: int) -> Numbers:
    """Return means over squares of so many cells a side."""
    size = field.shape[-1] // cells
    return np.asarray(field.reshape(*field.shape[:-2], size, cells, size, cells).mean(axis=(-3, -1)))


def spectrum(fields: Numbers) -> Numbers:
    """Return the variance in waves of which 1, 2, ... go into the square, a mean over all fields."""
    energy = np.abs(np.fft.fft2(fields) / N**2) ** 2
    wave = np.rint(N * np.fft.fftfreq(N)).astype(int)
    length = np.rint(np.hypot(wave[:, None], wave)).astype(int)
    mean = energy.reshape(-1, N, N).mean(axis=0)
    return np.array([mean[length == number].sum() for number in range(1, N // 2)])


def decades(one: Numbers, truth: Numbers) -> float:
    """Return how far the spectrum of waves that coarse rain does not show is off, in powers of ten."""
    return float(np.abs(np.log10(one / truth))[FIRST_UNSEEN - 1 :].mean())


def limits(mine: Numbers, other: Numbers) -> tuple[float, float]:
    """Return where the ratio of two mean scores lies nine times in ten when cases are drawn anew."""
    starts = np.random.default_rng(1).integers(0, len(mine) // TOGETHER, (DRAWS, len(mine) // TOGETHER))
    cases = (TOGETHER * starts[:, :, None] + np.arange(TOGETHER)).reshape(DRAWS, -1)
    low, high = np.quantile(mine[cases].mean(axis=1) / other[cases].mean(axis=1), (0.05, 0.95))
    return float(low), float(high)


def ranks(ensemble: Numbers, truth: Numbers) -> Numbers:
    """Return how often 0, 1, ... members are below the truth; less than `DRIZZLE` counts as dry, and ties are drawn."""
    ensemble, truth = (np.where(rain < DRIZZLE, 0, rain) for rain in (ensemble, truth))
    below, alike = (other(ensemble, truth[:, None]).sum(axis=1) for other in (np.less, np.equal))
    below += np.random.default_rng(1).integers(0, alike + 1)
    return np.asarray(np.bincount(below.ravel(), minlength=ensemble.shape[1] + 1) / below.size, np.float64)


def fields_of(run: Fields) -> Numbers:
    """Return the ensemble of a run as fields [case, member, y, x]."""
    ensemble = run["ensemble"]
    return ensemble.reshape(*ensemble.shape[:2], N, N)


def formula(ridges: tuple[int, int], wind: tuple[int, int]) -> Numbers:
    """Return the rain (mm/h) that Smith and Barstad (2004) give for ridges 1 m high: how much, and where it falls."""
    wave = 2 * np.pi / (N * CELL) * np.array(ridges)
    sigma = float(wave @ np.array(wind))
    tilt = np.sqrt(STABILITY**2 / sigma**2 - 1) * np.hypot(*wave) * DEPTH  # air rises above the slope before it comes there
    size = 3600 * DENSITY * sigma / (np.hypot(1, tilt) * (1 + (DELAY * sigma) ** 2))
    phase = CELL * (wave[0] * np.arange(N) + wave[1] * np.arange(N)[:, None])
    return np.asarray(-size * np.sin(phase + np.arctan(tilt) - 2 * np.arctan(DELAY * sigma)))


def marched(heights: Numbers, wind: float, steps: int = 64) -> Numbers:
    """Return the rain (mm/h) along a row of heights by going with the air: cloud forms as it rises, becomes rain, and that falls.

    ``steps`` are those from cell to cell, between which the ground is a sum of waves.
    """
    number = np.arange(N // 2 + 1)
    part = np.fft.rfft(heights) * np.where(number % (N // 2) == 0, 1, 2) / N * 2j * np.pi * number / (N * CELL)
    middle = (np.arange(N * steps) + 0.5) / (N * steps)
    source = 3600 * DENSITY * wind * (np.exp(2j * np.pi * np.outer(middle, number)) @ part).real
    half = CELL / steps / wind / DELAY / 2
    cloud = rain = 0.0
    fallen = []
    for formed in (*source, *source):  # the second time around begins as the first one ended
        fallen.append(rain)
        later = ((1 - half) * cloud + 2 * half * formed) / (1 + half)
        rain = ((1 - half) * rain + half * (cloud + later)) / (1 + half)
        cloud = later
    return np.array(fallen[len(source) :: steps])


def judge_host(found: dict[str, Fields], verdicts: Verdicts) -> None:
    """Compare the host with what is known of it."""
    rain = found["ridges"]["rain"][0] - FRONT
    exact = HEIGHT * formula(RIDGES, WIND)
    off = float(np.abs(rain - exact).max() / exact.max())
    sentence = f"rain of ridges, up to {exact.max():.2f} mm/h: {off:.0e} from Smith and Barstad (2004)"
    verdicts.check(off < EXACT, f"{sentence} (allowed {EXACT:.0e})")
    run = found["no waves above"]
    followed = np.array([marched(row, WIND[0]) for row in run["height"][0]])
    off = float(np.abs(run["rain"][0] - FRONT - followed).max() / followed.max())
    sentence = f"rain of mountains without waves above, up to {followed.max():.1f} mm/h: {off:.0e} from going with the air"
    verdicts.check(off < MARCHED, f"{sentence} (allowed {MARCHED:.0e})")
    left = abs(float(run["rain"].mean()) - FRONT) / followed.max()
    verdicts.check(left < EXACT, f"what rises comes down: {left:.0e} of that is left on average (allowed {EXACT:.0e})")
    field = np.log(found["showers"]["rain"] / FRONT) + 0.5  # the deviation is 1
    variance, density = field.var(), spectrum(field) / np.arange(1, N // 2)
    slope = np.polyfit(np.log(np.arange(3, N // 2)), np.log(density[2:]), 1)[0]
    verdicts.check(abs(variance - 1) < 0.1, f"showers: variance {variance:.3f} of the logarithm (asked for 1, allowed 0.1 off)")
    verdicts.check(abs(slope + 3) < 0.1, f"showers: slope {slope:.3f} of its spectrum (asked for -3, allowed 0.1 off)")


@dataclass(frozen=True)
class Judged:
    """What was found out about a method.

    Attributes
    ----------
    fields
        Its members [case, member, y, x].
    scores
        Scores of all cases, by the side of the squares that rain is averaged over, in cells.
    spectrum
        See `spectrum`.
    """

    fields: Numbers
    scores: dict[int, Numbers]
    spectrum: Numbers

    @classmethod
    def of(cls, fields: Numbers, truth: Numbers) -> Judged:
        """Judge."""
        return cls(fields, {cells: crps(averaged(fields, cells), averaged(truth, cells)) for cells in (1, 2, 4)}, spectrum(fields))


def judge_rain(judged: dict[str, Judged], truth: Numbers, coarse: Numbers, verdicts: Verdicts) -> None:
    """Compare the methods."""
    print(f"{len(truth)} hours over {len(COUNTRIES)} countries that no network has seen: CRPS, mm/h, of means over 4, 8, 16 km")
    real = spectrum(truth)
    rows = [
        [name, *[f"{score.mean():.3f}" for score in one.scores.values()], f"{decades(one.spectrum, real):.2f}",
         f"{np.quantile(one.fields, HEAVY):.1f}", f"{np.abs(averaged(one.fields, 8) - coarse[:, None]).mean():.0e}",
         f"{one.fields.min():.0e}"]
        for name, one in judged.items()
    ]  # fmt: skip
    rows.append(["truth", "", "", "", "", f"{np.quantile(truth, HEAVY):.1f}", "", f"{truth.min():.0e}"])
    print(
        "Spectra in powers of ten; mm/h of rain: its 99.9 % quantile, by how much the means of coarse cells are off, the smallest"
    )
    table(["", "4 km", "8 km", "16 km", "spectrum off by", "99.9 % quantile", "coarse rain off by", "smallest rain"], rows)
    best = judged["generator"]
    for other in METHODS[:2]:
        for cells in best.scores:
            scores = best.scores[cells], judged[other].scores[cells]
            ratio, (low, high) = scores[0].mean() / scores[1].mean(), limits(*scores)
            places = zip(*(np.array_split(score, len(COUNTRIES)) for score in scores), strict=True)
            each = [float(ours.mean() / others.mean()) for ours, others in places]
            sentence = f"CRPS at {4 * cells} km: {ratio:.2f} of that of {other}, limits {low:.2f} to {high:.2f}"
            verdicts.check(
                high < 1 and max(each) < 1,
                f"{sentence}; by country {', '.join(f'{one:.2f}' for one in each)} (needed: all below 1)",
            )
        mine, theirs = (decades(one.spectrum, real) for one in (best, judged[other]))
        verdicts.check(mine < theirs, f"spectrum below 64 km: off by {mine:.2f} powers of ten, {other} by {theirs:.2f}")
    for name in METHODS[1:]:
        fields = judged[name].fields
        off = float((np.abs(averaged(fields, 8) - coarse[:, None]) / np.maximum(coarse[:, None], 1e-300)).max())
        verdicts.check(off < CLOSED, f"{name}: rain of a coarse cell is off by at most {off:.0e} of it (allowed {CLOSED:.0e})")
        verdicts.check(fields.min() >= 0, f"{name}: {(fields < 0).sum()} cells of {fields.size} with negative rain")
    judge_spread(best, truth)


def judge_spread(best: Judged, truth: Numbers) -> None:
    """Print whether the ensemble is as wide as it is wrong: a fact and not a verdict."""
    members = best.fields.shape[1]
    spread = np.sqrt(best.fields.var(axis=1, ddof=1).mean() * (members + 1) / members)
    error = np.sqrt(((best.fields.mean(axis=1) - truth) ** 2).mean())
    often = ranks(best.fields, truth)
    print(f"        spread of the ensemble: {spread / error:.2f} of its error (1 would be honest)")
    print(
        f"        the truth is above all members in {often[-1]:.1%} of all cells, below all in {often[0]:.1%} "
        f"({1 / (members + 1):.1%} would be honest)"
    )


def judge_program(found: dict[str, Fields], verdicts: Verdicts) -> None:
    """Check what the program promises."""
    whole = found["generator 101"]
    first, last = (found[name]["ensemble"] for name in ("one by one", "backwards"))
    short = len(first)
    verdicts.check(np.array_equal(first, last), f"{MEMBERS} members one by one, from the first and from the last: the same bits")
    differ = float(np.abs(first - whole["ensemble"][:short]).max())
    verdicts.check(differ < SAME, f"one by one and all at once: they differ by {differ:.0e} mm/h (allowed {SAME:.0e})")
    apart = float(np.abs(found["other noise"]["ensemble"] - whole["ensemble"][:short]).mean())
    between = float(np.abs(whole["ensemble"][:short, 0] - whole["ensemble"][:short, 1]).mean())
    verdicts.check(
        0.5 * between < apart < 2 * between, f"another seed: members differ by {apart:.2f} mm/h, two of one seed by {between:.2f}"
    )
    late = whole["hour"] > HALF
    same = all(np.array_equal(found["second half"][key], whole[key][late]) for key in ("rain", "ensemble"))
    verdicts.check(same, f"stopped after hour {HALF} and resumed: the same bits in {late.sum()} records")
    differ = float(np.abs(found["torchscript"]["ensemble"] - whole["ensemble"][:short]).max())
    verdicts.check(differ < SAME, f"TorchScript and package differ by {differ:.0e} mm/h (allowed {SAME:.0e})")


def run_all(host: Host, models: Path) -> dict[str, Fields]:
    """Run the host in all ways."""
    steady: dict[str, Setting] = {
        "hours": 1, "changes": 0.0, "front": FRONT, "shower_deviation": 0.0, "height_scale": HEIGHT, "usual%wind": WIND,
    }  # fmt: skip
    runs: dict[str, dict[str, Setting]] = {
        "ridges": {**steady, "ridges": RIDGES},
        "no waves above": {**steady, "usual%wind": (WIND[0], 0), "usual%depth": 0.0},
        "showers": {**steady, "hours": 400, "hours_between_records": 10, "height_scale": 0.0, "shower_deviation": 1.0},
    }
    for country in COUNTRIES:
        common: dict[str, Setting] = {
            "mountain_seed": country, "seed": country, "hours": HOURS, "hours_between_records": BETWEEN, "members": MEMBERS,
        }  # fmt: skip
        runs[f"bilinear {country}"] = common
        for name in METHODS[1:]:
            network: dict[str, Setting] = {"scheme": "network", "network": models / f"{name}.pt2"}
            runs[f"{name} {country}"] = {**common, **network, "members": MEMBERS if name == "generator" else 1}
    usual = runs["generator 101"]
    runs["first half"] = {**usual, "hours": HALF, "members": 1, "restart": "half.nc"}
    short = {**usual, "hours": 2 * BETWEEN}
    runs["one by one"] = {**short, "one_by_one": True}
    runs["backwards"] = {**short, "one_by_one": True, "backwards": True}
    runs["other noise"] = {**short, "noise_seed": 2}
    runs["torchscript"] = {**short, "network": models / "generator.pt"}
    found = host.run_all(runs)
    found["second half"] = host.run("second half", **{**usual, "hours": HOURS - HALF, "start": "half.nc"})
    return found


def main() -> int:
    """Run, judge, draw; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("host", type=Path, help="the program with a network")
    parser.add_argument("--models", type=Path, default=Path("build"), help="folder of the networks, and of the results")
    options = parser.parse_args()
    verdicts = Verdicts("downscaling")
    found = run_all(Host(options.host, options.models / "runs"), options.models)
    judge_host(found, verdicts)
    truth, coarse = (np.concatenate([found[f"generator {country}"][key] for country in COUNTRIES]) for key in ("rain", "coarse"))
    judged = {
        name: Judged.of(np.concatenate([fields_of(found[f"{name} {country}"]) for country in COUNTRIES]), truth) for name in METHODS
    }
    average = judged["generator"].fields.mean(axis=1, keepdims=True)
    judge_rain({**judged, "mean of members": Judged.of(average, truth)}, truth, coarse, verdicts)
    judge_program(found, verdicts)
    draw(
        {name: one.fields for name, one in judged.items()},
        {**{name: one.spectrum for name, one in judged.items()}, "truth": spectrum(truth)},
        {name: [score.mean() for score in one.scores.values()] for name, one in judged.items()},
        ranks(judged["generator"].fields, truth), truth, coarse, options.models / "downscaling.png",
    )  # fmt: skip
    return verdicts.finish()


if __name__ == "__main__":
    sys.exit(main())
