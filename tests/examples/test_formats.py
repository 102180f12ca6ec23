"""The examples give the same results with a compiled package as with the TorchScript file of the same weights."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from ..support import run
from .conftest import CMake
from .test_course_examples import OPTIONS, TRAININGS

pytestmark = pytest.mark.long

FORMATS = ("torchscript", "pt2")
#: Half a unit of the last digit that is written may decide how a number is rounded.
LAST_DIGIT = {"06_penguins": 0.1, "07_mnist": 0, "08_ellipse": 1e-3}


def demo(configure: CMake, example: str, folder: Path, model_format: str, *options: str) -> None:
    done = configure(example, folder, "gfortran", f"-DFORMAT={model_format}", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    run("cmake", "--build", folder, "--target", "demo")


@pytest.mark.parametrize("example", TRAININGS)
def test_examples_of_the_course(example: str, configure: CMake, tmp_path: Path) -> None:
    trained = tmp_path / "trained"
    for words in TRAININGS[example]:
        run(sys.executable, "-m", "pt2ts", "train", *words, "--format", "both", "--output", trained)
    results = {}
    for model_format in FORMATS:
        folder = tmp_path / model_format
        shutil.copytree(trained, folder)
        demo(configure, example, folder, model_format, *OPTIONS[example])
        results[model_format] = np.genfromtxt(folder / "results.csv", delimiter=",", skip_header=1)  # words become NaN
    np.testing.assert_allclose(results["pt2"], results["torchscript"], rtol=1e-5, atol=1.001 * LAST_DIGIT[example])


def test_sea_surface_temperature(configure: CMake, tmp_path: Path) -> None:
    fields = {}
    for model_format in FORMATS:
        folder = tmp_path / model_format
        done = configure("02_sst_emulator", folder, "gfortran", f"-DFORMAT={model_format}", "-DEPOCHS=2")
        assert done.returncode == 0, done.stdout + done.stderr
        run("cmake", "--build", folder, "--target", "run")
        with netCDF4.Dataset(folder / "forecast.nc") as file:
            fields[model_format] = [file[name][:] for name in ("sst_one_month", "sst_free_run")]
    for compiled, script in zip(fields["pt2"], fields["torchscript"], strict=True):
        assert np.ma.count(script) > 0
        np.testing.assert_allclose(compiled, script, rtol=1e-5)
