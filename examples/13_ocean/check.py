"""Run the ocean fine, coarse, and with both closures, and compare: ``check.py HOST --models build``. Exits with 1 on failure."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from plot import draw

from hosts.runs import Fields, Host, Setting, Verdicts, table

Numbers = NDArray[np.float64]

#: Wavenumbers of the spectrum, in half waves from coast to coast, that the coarse grid can say something about: at least four cells
#: a wave.
WAVES = slice(0, 16)
#: What Sverdrup's transport may differ by, and what a closure may take from nowhere of the momentum that it moves.
SVERDRUP, CLOSED = 0.05, 1e-12
#: m/s, that the two formats may differ by after some days.
SAME = 1e-4
#: Days in which the gyres arise, and m2/s, the viscosity of the coarse ocean with and without closure.
SPIN_UP, VISCOSITY = 1095, 400.0
#: Runs in the figure, and in the table, with what the latter says.
SHOWN = ("fine", "none", "zanna_bolton", "network")
NAMES = {
    "fine_other": "fine, another time",
    "none_100": "coarse, 100 m2/s",
    "none_30": "coarse, 30 m2/s",
    "none": "coarse, 400 m2/s",
    "zanna_bolton": "Zanna and Bolton",
    "network": "network",
}


@dataclass(frozen=True)
class Climate:
    """What is compared.

    Attributes
    ----------
    flow
        Mean velocities in the middle of cells, m/s: [2, y, x].
    thickness
        Mean thickness of the warm water, m: [y, x].
    spectrum
        Kinetic energy, cm2/s2, of waves with 1, 2, ... half waves from coast to coast.
    energy, energy_of_mean
        Kinetic energy, and that of the mean flow, cm2/s2.
    """

    flow: Numbers
    thickness: Numbers
    spectrum: Numbers
    energy: float
    energy_of_mean: float


def climate(fields: Fields) -> Climate:
    """Return the climate of a run."""
    u, v = middle(fields)
    flow = np.stack((u.mean(axis=0), v.mean(axis=0)))
    return Climate(
        flow, fields["h"].mean(axis=0), spectrum(u, v), 5e3 * float((u**2 + v**2).mean()), 5e3 * float((flow**2).sum(axis=0).mean())
    )


def middle(fields: Fields) -> tuple[Numbers, Numbers]:
    """Return the velocities in the middle of cells: [day, y, x]."""
    u, v = fields["u"].copy(), fields["v"].copy()
    u[:, :, 1:], v[:, 1:] = u[:, :, 1:] + u[:, :, :-1], v[:, 1:] + v[:, :-1]
    return u / 2, v / 2


def spectrum(u: Numbers, v: Numbers) -> Numbers:
    """Return the energy of each wavenumber. No water flows through a coast: u is a series of sines in x, v in y."""
    n = u.shape[-1]
    cell, wave = np.arange(n) + 0.5, np.arange(n)
    sines = np.sin(np.pi / n * np.outer(cell, wave + 1)) * np.sqrt(2 / n)
    cosines = np.cos(np.pi / n * np.outer(cell, wave)) * np.sqrt(2 / n)
    sines[:, -1] /= np.sqrt(2)
    cosines[:, 0] /= np.sqrt(2)
    found = np.zeros(n)
    for parts, wave_y, wave_x in ((cosines.T @ u @ sines, wave, wave + 1), (sines.T @ v @ cosines, wave + 1, wave)):
        length = np.rint(np.hypot(wave_y[:, None], wave_x[None, :])).astype(int)
        energy = 5e3 * (parts**2).mean(axis=0) / n**2
        found += np.array([energy[length == number].sum() for number in range(1, n + 1)])
    return found


def last_year(fields: Fields) -> float:
    """Return the kinetic energy of the last 73 records, a year."""
    u, v = middle({name: fields[name][-73:] for name in ("u", "v")})
    return 5e3 * float((u**2 + v**2).mean())


def flow_error(one: Climate, fine: Climate) -> float:
    """Return how far the mean flow is from the fine one, as a share of the latter."""
    return float(np.sqrt(((one.flow - fine.flow) ** 2).sum() / (fine.flow**2).sum()))


def thickness_error(one: Climate, fine: Climate) -> float:
    """Return how far the mean thickness of the warm water is from the fine one, m."""
    return float(np.sqrt(((one.thickness - fine.thickness) ** 2).mean()))


def spectrum_error(one: Climate, fine: Climate) -> float:
    """Return the energy that is in waves where it should not be, or lacks where it should be, as a share of all."""
    return float(np.abs(one.spectrum - fine.spectrum)[WAVES].sum() / fine.spectrum[WAVES].sum())


def decades(one: Climate, fine: Climate) -> float:
    """Return the mean error of the spectrum in powers of ten: small waves count as much as large ones."""
    return float(np.abs(np.log10(one.spectrum / fine.spectrum))[WAVES].mean())


def sverdrup(fields: Fields) -> tuple[float, float]:
    """Return the transport across the middle of a gently driven basin (Sv), and what Sverdrup's (1947) balance says of it."""
    y = np.arange(1, 33) / 32
    found = (500 * fields["v"][-1, :, 16:]).sum(axis=1) * 40_000
    said = -0.001 / (1025 * 2e-11) / 2 * np.pi * (2 * np.sin(2 * np.pi * y) + 0.3 * np.sin(np.pi * y))
    strongest = int(np.abs(said).argmax())
    return float(found[strongest]) / 1e6, float(said[strongest]) / 1e6


def judge(host: Host, found: dict[str, Fields], models: Path, verdicts: Verdicts) -> None:
    """Print all there is to say."""
    transport, said = sverdrup(found["sverdrup"])
    verdicts.check(
        abs(transport / said - 1) <= SVERDRUP,
        f"transport of the host in a gentle wind: {transport:.3f} Sv, by Sverdrup's (1947) balance {said:.3f} Sv (allowed 5%)",
    )

    learned = json.loads((models / "closure.json").read_text())
    alone = " to ".join(f"{one:.0%}" for one in (min(learned["alone"]), max(learned["alone"])))
    print(f"Offline the network explains {learned['score']:.0%} of what the coarse ocean lacks in a day, in unseen months;")
    print(f"each of those that it is the mean of explains {alone}")
    judge_climates(found, verdicts)
    judge_run(host, found, models, verdicts)


def judge_climates(found: dict[str, Fields], verdicts: Verdicts) -> None:
    """Print the climates of all runs; say whether the network brings that of the coarse ocean nearer to the fine one."""
    fine = climate(found["fine"])
    climates = {name: climate(found[name]) for name in NAMES}
    energies = [f"{number:.0f}" for number in (fine.energy, last_year(found["fine"]), fine.energy_of_mean)]
    rows = [["fine", *energies, "", "", "", ""]]
    for name, one in climates.items():
        energies = [f"{number:.0f}" for number in (one.energy, last_year(found[name]), one.energy_of_mean)]
        spectra = [f"{error(one, fine):.2f}" for error in (spectrum_error, decades)]
        rows.append([NAMES[name], *energies, f"{flow_error(one, fine):.2f}", f"{thickness_error(one, fine):.1f}", *spectra])
    print("Kinetic energy, cm2/s2, of all years, the last one, and the mean flow; errors of mean flow, thickness (m), spectrum,")
    print("and spectrum where small waves count as much as large ones (mean error in powers of ten)")
    table(["", "energy", "last year", "mean flow", "flow", "thickness", "spectrum", "decades"], rows)

    for what, error, form, unit in (
        ("mean flow", flow_error, ".0%", ""),
        ("warm water", thickness_error, ".1f", " m"),
        ("spectrum of kinetic energy", spectrum_error, ".0%", ""),
    ):
        noise, without, with_it = (error(climates[name], fine) for name in ("fine_other", "none", "network"))
        verdicts.check(
            with_it + noise < without,
            f"{what}: off by {with_it:{form}}{unit} with the network and {without:{form}} without (two fine runs: {noise:{form}})",
        )


def judge_run(host: Host, found: dict[str, Fields], models: Path, verdicts: Verdicts) -> None:
    """Say whether the run is complete, its books are closed, both formats agree, and a restart changes nothing."""
    years = (found["network"]["day"][-1] - found["network"]["day"][0]) / 365
    verdicts.check(
        found["network"]["day"][-1] == found["fine"]["day"][-1], f"the network has run for {years:.1f} years after the beginning"
    )
    for name in ("network", "zanna_bolton"):
        left = float(found[name]["momentum_left"][-1])
        sentence = f"{name.replace('_', ' ')}: {left:.0e} of the momentum that it moves comes from nowhere"
        verdicts.check(left <= CLOSED, f"{sentence} (allowed {CLOSED:.0e})")
    volume = found["network"]["h"].sum(axis=(1, 2))
    left = float(np.abs(volume / volume[0] - 1).max())
    verdicts.check(left <= CLOSED, f"network: {left:.0e} of the water comes from nowhere (allowed {CLOSED:.0e})")

    differ = max(float(np.abs(found["torchscript"][key] - found["whole"][key]).max()) for key in ("u", "v"))
    verdicts.check(differ < SAME, f"TorchScript and package: velocities of 20 days differ by {differ:.0e} m/s (allowed {SAME:.0e})")
    second = host.run("second_half", **short(models), days=10, start="half.nc", restart="end.nc")
    whole = found["whole"]["day"] > 10
    same = all(np.array_equal(found["whole"][key][whole], second[key]) for key in ("h", "u", "v"))
    verdicts.check(same, f"stopped on day 10 and resumed: the same bits in {whole.sum()} records")


def short(models: Path) -> dict[str, Setting]:
    """Return the settings of runs of a few days with the network."""
    return {"scheme": "network", "network": models / "closure.pt2", "viscosity": VISCOSITY, "days_between_records": 2}


def experiments(models: Path) -> dict[str, dict[str, Setting]]:
    """Return the settings of all runs by name, the long ones first."""
    learned = json.loads((models / "closure.json").read_text())
    span: dict[str, Setting] = {"days": SPIN_UP + learned["days"], "first_record": SPIN_UP, "days_between_records": 5}
    coarse = {**span, "viscosity": VISCOSITY}
    return {
        "network": {**coarse, "scheme": "network", "network": models / "closure.pt2"},
        "fine": {**span, "n": learned["fine"], "seed": 3},
        "fine_other": {**span, "n": learned["fine"], "seed": 4},
        "none": coarse,
        "none_100": span,
        "none_30": {**span, "viscosity": 30},
        "zanna_bolton": {**coarse, "scheme": "zanna_bolton"},
        "sverdrup": {"days": 2000, "days_between_records": 2000, "drag": 0.0, "wind": 0.001, "viscosity": 500},
        "whole": {**short(models), "days": 20},
        "first_half": {**short(models), "days": 10, "restart": "half.nc"},
        "torchscript": {**short(models), "days": 20, "network": models / "closure.pt"},
    }


def main() -> int:
    """Run, judge, draw; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("host", type=Path, help="the program with a network")
    parser.add_argument("--models", type=Path, default=Path("build"), help="folder of the networks, and of the results")
    options = parser.parse_args()
    host, verdicts = Host(options.host, options.models / "runs"), Verdicts("ocean")
    found = host.run_all(experiments(options.models))
    judge(host, found, options.models, verdicts)
    draw(found, {name: climate(found[name]).spectrum[WAVES] for name in SHOWN}, options.models / "ocean.png")
    return verdicts.finish()


if __name__ == "__main__":
    sys.exit(main())
