"""The SST example end to end: build, quick training, Fortran program, picture, verdict."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import check
import netCDF4
import numpy as np
import pytest
import sst_data

from tests.support import both_compilers

Done = subprocess.CompletedProcess[str]
DATA = sst_data.FILE


def command(*words: str | Path) -> Done:
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory, configure: Callable[..., Done]) -> Path:
    """Build folder in which the target ``demo`` has run on a quick training."""
    folder = tmp_path_factory.mktemp("sst_build")
    done = configure("02_sst_emulator", folder, "gfortran", "-DEPOCHS=2")
    assert done.returncode == 0, done.stdout + done.stderr
    done = command("cmake", "--build", folder, "--target", "demo")
    assert (folder / "forecast.nc").exists(), done.stdout + done.stderr
    (folder / "demo.txt").write_text(done.stdout)
    return folder


@pytest.fixture(scope="module")
def said(build: Path) -> str:
    return (build / "demo.txt").read_text()


def test_fortran_equals_python_and_leaves_land_alone(build: Path) -> None:
    with np.load(build / "reference.npz") as reference:
        verdicts = check.judge(check.read_forecast(build / "forecast.nc"), dict(reference), sst_data.load())
    assert all(good for good, _ in verdicts[:2]), verdicts  # the skill of a quick training is no matter


def test_the_demo_says_its_verdict_and_where_the_picture_is(build: Path, said: str) -> None:
    assert re.search(r"SST emulator: (PASSED|FAILED)", said)
    picture = re.search(r"Picture: (.*)", said)
    assert picture is not None
    assert Path(picture[1]) == build / "sst_forecast.png"
    assert Path(picture[1]).read_bytes().startswith(b"\x89PNG")


def test_the_table_has_the_errors_of_the_file(build: Path, said: str) -> None:
    observations = sst_data.load()
    forecast, first = check.read_forecast(build / "forecast.nc"), observations.first_held_out
    for k, now in enumerate(range(first, len(observations.sst))):
        row = re.search(rf"^{observations.year[now]}-{observations.month[now]:02d} (.*)$", said, re.MULTILINE)
        assert row is not None
        fields = (forecast["one_month"][k], observations.sst[now - 1], forecast["free_run"][k], observations.sst[first - 1])
        errors = [sst_data.rmse(field, observations.sst[now], observations.ocean) for field in fields]
        assert [float(word) for word in row[1].split()] == pytest.approx(errors, abs=6e-4)


def test_the_forecast_file_follows_the_cf_conventions(build: Path) -> None:
    with netCDF4.Dataset(build / "forecast.nc") as file, netCDF4.Dataset(DATA) as data:
        assert file.Conventions == "CF-1.8"
        assert "Met Office" in file.source
        for name in ("sst_one_month", "sst_free_run"):
            field = file[name]
            assert field.dimensions == ("time", "latitude", "longitude")
            assert (field.standard_name, field.units) == ("sea_surface_temperature", "K")
            assert np.ma.count(field[:]) == 12 * 5721
        assert np.array_equal(file["time"][:], data["time"][-12:])
        assert file["time"].units == data["time"].units
        for axis, units in (("latitude", "degrees_north"), ("longitude", "degrees_east")):
            assert np.array_equal(file[axis][:], data[axis][:])
            assert (file[axis].units, file[axis].standard_name) == (units, axis)


def test_a_second_demo_trains_nothing(build: Path) -> None:
    before = (build / "sst_emulator.pt").stat().st_mtime_ns
    done = command("cmake", "--build", build, "--target", "demo")
    assert "SST emulator:" in done.stdout
    assert "Training" not in done.stdout
    assert (build / "sst_emulator.pt").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "usage: sst_forecast"),
        (("nothing.nc", "sst_emulator.pt", "out.nc"), "sst_forecast: nothing.nc: No such file"),
        ((str(DATA), "nothing.pt", "out.nc"), "torch_model_load: cannot open 'nothing.pt'"),
        ((str(DATA), "sst_emulator.pt", "no/such/folder.nc"), "sst_forecast: no/such/folder.nc"),
    ],
)
def test_the_program_says_what_is_wrong(build: Path, arguments: tuple[str, ...], message: str) -> None:
    words: list[str | Path] = [build / "sst_forecast", *arguments]
    done = subprocess.run(words, cwd=build, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert message in done.stderr


def test_flang_is_told_why_the_example_is_left_out(tmp_path: Path, configure: Callable[..., Done]) -> None:
    done = configure("02_sst_emulator", tmp_path, both_compilers()[1])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "This example is left out" in done.stderr
    assert "made for gfortran" in " ".join(done.stderr.split())
    done = command("cmake", "--build", tmp_path, "--target", "demo")
    assert done.returncode != 0
    assert "This example is left out" in done.stdout
