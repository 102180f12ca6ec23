"""The check of the SST example fails when there is something to find."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import check
import netCDF4
import numpy as np
import pytest
import sst_data
from numpy.typing import NDArray

SST = Path(check.__file__).parent

Forecast = dict[str, NDArray[np.float32]]


@pytest.fixture(scope="module")
def python(trained: Path) -> Forecast:
    with np.load(trained / "reference.npz") as file:
        return dict(file)


def failures(fortran: Forecast, python: Forecast) -> list[str]:
    return [sentence for good, sentence in check.judge(fortran, python, sst_data.load()) if not good]


def write(path: Path, forecast: Forecast) -> None:
    with netCDF4.Dataset(path, "w") as file:
        for name, size in zip(("time", "latitude", "longitude"), (12, 18, 432), strict=True):
            file.createDimension(name, size)
        for name, field in forecast.items():
            file.createVariable(f"sst_{name}", "f4", ("time", "latitude", "longitude"), fill_value=np.float32(1e20))[:] = field


def at_one_ocean_point(value: float) -> Callable[[NDArray[np.float32]], None]:
    def plant(field: NDArray[np.float32]) -> None:
        field[7, 9, 200] += value

    return plant


def on_land(field: NDArray[np.float32]) -> None:
    field[3][~sst_data.load().ocean] = 0.0


def mirrored(field: NDArray[np.float32]) -> None:
    field[:] = field[:, ::-1, :]


@pytest.mark.parametrize(
    ("plant", "complaint"),
    [
        (at_one_ocean_point(1e-3), "Fortran equals Python"),
        (at_one_ocean_point(-1e-3), "Fortran equals Python"),
        (at_one_ocean_point(float("nan")), "Fortran equals Python"),
        (on_land, "land is untouched"),
        (mirrored, "Fortran equals Python"),
    ],
)
@pytest.mark.parametrize("name", ["one_month", "free_run"])
def test_a_planted_error_is_found(
    python: Forecast, name: str, plant: Callable[[NDArray[np.float32]], None], complaint: str
) -> None:
    fortran = {key: field.copy() for key, field in python.items()}
    plant(fortran[name])
    assert any(complaint in sentence for sentence in failures(fortran, python))


def test_bad_skill_is_found_even_where_fortran_and_python_agree(python: Forecast) -> None:
    observations = sst_data.load()
    first, ocean = observations.first_held_out, observations.ocean
    persistence = {**python, "one_month": observations.sst[first - 1 : -1]}
    found = failures(persistence, persistence)
    assert ["one month ahead" in found[0], "anomaly persistence" in found[1], len(found)] == [True, True, 2]
    adrift = {**python, "free_run": np.where(ocean, python["free_run"] + 2, python["free_run"])}
    assert ["free run" in sentence for sentence in failures(adrift, adrift)] == [True]


@pytest.mark.parametrize("error", [0.0, 1.0])
def test_the_exit_status_is_the_verdict(trained: Path, tmp_path: Path, python: Forecast, error: float) -> None:
    fortran = {key: field.copy() for key, field in python.items()}
    at_one_ocean_point(error)(fortran["one_month"])
    write(tmp_path / "forecast.nc", fortran)
    passed = not failures(fortran, python)
    assert error == 0.0 or not passed  # without the error, a quick training may or may not be good enough
    words = [SST / "check.py", tmp_path / "forecast.nc", trained / "reference.npz", "--picture", "p.png"]
    done = subprocess.run([sys.executable, *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == (0 if passed else 1)
    assert f"SST emulator: {'PASSED' if passed else 'FAILED'}" in done.stdout
    assert "Picture: p.png" in done.stdout
