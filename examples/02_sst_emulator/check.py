"""Judge the Fortran forecast. Exits with 1 when anything is wrong.

Usage: ``python check.py build/forecast.nc build/reference.npz``
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import netCDF4
import numpy as np
from numpy.typing import NDArray
from sst_data import HELD_OUT, Observations, baselines, climatology, load, rmse

#: Largest difference allowed between Fortran and Python, K: ten times the spacing of float32 numbers near 300 is 3e-4.
AGREEMENT = 5e-4
#: The network has to be this much better than persistence.
GAIN = 0.25
#: After 12 months without observations it may be this many times worse than the climatology.
DRIFT = 1.5


def read_forecast(path: Path | str) -> dict[str, NDArray[np.float32]]:
    """Read the Fortran program's forecasts, ``one_month`` and ``free_run``, [month, latitude, longitude] in kelvin."""
    with netCDF4.Dataset(path) as file:
        file.set_auto_mask(False)
        fields = {name: file[f"sst_{name}"][:] for name in ("one_month", "free_run")}
    for name, field in fields.items():
        if field.shape[0] != HELD_OUT:
            raise SystemExit(f"{path}: expected {HELD_OUT} months of sst_{name}, got {field.shape[0]}")
    return fields


def judge(
    fortran: dict[str, NDArray[np.float32]], python: dict[str, NDArray[np.float32]], observations: Observations
) -> list[tuple[bool, str]]:
    """Return each verdict with its sentence."""
    ocean, first = observations.ocean, observations.first_held_out
    truth, before = observations.sst[first:], observations.sst[first - 1 : -1]
    simple = baselines(observations)
    verdicts = []

    # numpy's maximum keeps a NaN, and a NaN compares false: it fails.
    difference = float(np.max([np.abs(fortran[name] - python[name])[:, ocean] for name in ("one_month", "free_run")]))
    agrees = f"Fortran equals Python: largest difference {difference:.1e} K (allowed {AGREEMENT:.0e})"
    verdicts.append((difference <= AGREEMENT, agrees))

    untouched = all(np.array_equal(fortran[name][:, ~ocean], before[:, ~ocean]) for name in fortran)
    verdicts.append((untouched, f"land is untouched: {int((~ocean).sum())} points, bit for bit"))

    error = rmse(fortran["one_month"], truth, ocean)
    gain = 1.0 - error / simple.persistence
    better = f"one month ahead: RMSE {error:.3f} K, {gain:.0%} below persistence, {simple.persistence:.3f} K (needed {GAIN:.0%})"
    verdicts.append((gain >= GAIN, better))
    verdicts.append((error < simple.anomaly_persistence, f"  and below anomaly persistence, {simple.anomaly_persistence:.3f} K"))

    last = rmse(fortran["free_run"][-1], truth[-1], ocean)
    normal = rmse(climatology(observations)[observations.month[-1] - 1], truth[-1], ocean)
    stays = f"free run after 12 months: RMSE {last:.3f} K, {last / normal:.2f} x the climatology's {normal:.3f} K (allowed {DRIFT})"
    verdicts.append((last <= DRIFT * normal, stays))
    return verdicts


def main() -> int:
    """Print the verdict; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("forecast", type=Path, help="what the Fortran program wrote")
    parser.add_argument("reference", type=Path, help="what train.py wrote: Python's own forecasts")
    parser.add_argument("--picture", type=Path, help="picture to name in the verdict")
    options = parser.parse_args()

    observations = load()
    with np.load(options.reference) as reference:
        verdicts = judge(read_forecast(options.forecast), dict(reference), observations)
    for good, sentence in verdicts:
        print(f"  {'ok  ' if good else 'FAIL'}  {sentence}")
    damped = baselines(observations).damped_persistence
    print(f"        (damped persistence, for comparison: {damped:.3f} K)")
    passed = all(good for good, _ in verdicts)
    print("SST emulator: " + ("PASSED" if passed else "FAILED"))
    if options.picture is not None:
        print(f"Picture: {options.picture}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
