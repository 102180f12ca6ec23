"""Examples 06, 07 and 08 pass their checks after a short training, and notice what is wrong."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from course import datasets, ellipse_images
from ftorch import Installation, find_compiler

from ..support import shared_folder, sources_of_pt2ts

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
Done = subprocess.CompletedProcess[str]
Build = Callable[..., Path]

#: What is trained for each example, and how long. Compilers share it, so each is trained once.
TRAININGS = {
    "06_penguins": (("penguins-species",), ("penguins-mass",)),
    "07_mnist": (("mnist-mlp", "--epochs", "3"),),
    "08_ellipse": (("ellipse", "--epochs", "1"),),
}
#: Bars for these trainings; the mean predictor's error of ellipses is 2e-2.
OPTIONS = {"06_penguins": (), "07_mnist": ("-DNETWORK=mnist-mlp", "-DNEEDED=0.93"), "08_ellipse": ("-DNEEDED=1.5e-2",)}


def command(*words: str | Path) -> Done:
    quiet = {**os.environ, "OMP_WAIT_POLICY": "passive"}
    return subprocess.run(words, env=quiet, capture_output=True, text=True, check=False, timeout=570)


@pytest.fixture(scope="session")
def built(fc: str, configure: Callable[..., Done]) -> Build:
    """Build folder of an example in which ``demo`` has run; what is trained already was put there first."""

    def build(example: str) -> Path:
        def train(folder: Path) -> None:
            for words in TRAININGS[example]:
                done = command(sys.executable, "-m", "pt2ts", "train", *words, "--output", folder)
                assert done.returncode == 0, done.stdout + done.stderr

        def demo(folder: Path) -> None:
            trained = shared_folder(f"{example}-trained", [*sources_of_pt2ts(), repr(TRAININGS[example]).encode()], train)
            shutil.copytree(trained, folder, dirs_exist_ok=True, ignore=lambda *_: [".done"])
            done = configure(example, folder, fc, *OPTIONS[example])
            assert done.returncode == 0, done.stdout + done.stderr
            done = command("cmake", "--build", folder, "--target", "demo")
            (folder / "demo.txt").write_text(done.stdout)
            assert done.returncode == 0, done.stdout + done.stderr

        library = Installation().fortran_library(find_compiler(fc).tag)
        sources = [file.read_bytes() for file in sorted((EXAMPLES / example).iterdir()) if file.is_file()]
        decisive = [*sources_of_pt2ts(), *sources, repr((TRAININGS, OPTIONS, library.stat().st_mtime_ns)).encode()]
        return shared_folder(f"{example}-{fc}", decisive, demo)

    return build


@pytest.mark.parametrize(
    ("example", "checks", "picture"),
    [
        ("06_penguins", 5, "penguins.png"),
        ("07_mnist", 4, "mnist.png"),
        pytest.param("08_ellipse", 4, "ellipse.png", marks=pytest.mark.long),
    ],
)
def test_demo(example: str, checks: int, picture: str, built: Build) -> None:
    folder = built(example)
    said = (folder / "demo.txt").read_text()
    assert len(re.findall("^  ok  ", said, re.MULTILINE)) == checks, said
    assert "FAIL" not in said
    assert "PASSED" in said
    assert "epoch" not in said  # nothing was trained twice
    assert (folder / picture).read_bytes().startswith(b"\x89PNG")


def test_penguins_are_answered_as_in_python(built: Build) -> None:
    folder = built("06_penguins")
    rows = [line.split(",") for line in (folder / "results.csv").read_text().splitlines()[1:]]
    data = datasets.penguins()
    truth = [(row["species"], float(row["body_mass_g"])) for row, out in zip(data.rows, data.held_out, strict=True) if out]
    assert [(row[0], float(row[2])) for row in rows] == truth
    said = (folder / "demo.txt").read_text()
    right = sum(row[0] == row[1] for row in rows) / len(rows)
    assert f"species accuracy: {right:.3f}" in said
    mean = float(data.columns("body_mass_g")[~data.held_out].mean())
    error = np.mean([((float(row[3]) - float(row[2])) / mean) ** 2 for row in rows])
    found = re.search(r"mass, mean squared error: (\S+)", said)
    assert found
    assert float(found[1]) == pytest.approx(error, abs=1e-4)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("Gentoo,", "Emperor,", "has the unknown species Emperor"),
        (",male,", ",boy,", "has the unknown sex boy"),
        ("Adelie,Torgersen,39.1", "Adelie,Torgersen,NA", "has NA where a number belongs"),
        ("held_out,species", "species,held_out", "is not the heading held_out,species"),
        ("Torgersen,39.1,18.7,", "Torgersen,39.1,", "has fewer than nine values"),
    ],
)
def test_a_table_that_is_none(old: str, new: str, complaint: str, built: Build, tmp_path: Path) -> None:
    folder = built("06_penguins")
    text = (folder / "penguins.csv").read_text()
    assert old in text
    # A line that lacks a value must not take one from the next line.
    (tmp_path / "table.csv").write_text(text.replace(old, new, 1))
    files = (folder / f"penguins-{name}.pt" for name in ("species", "mass"))
    done = command(folder / "penguins", tmp_path / "table.csv", *files, tmp_path / "results.csv")
    assert done.returncode != 0
    assert complaint in done.stderr
    assert not (tmp_path / "results.csv").exists()


def test_wrong_answers_about_penguins_are_noticed(built: Build, tmp_path: Path) -> None:
    folder = built("06_penguins")
    text = (
        (folder / "penguins.csv")
        .read_text()
        .replace(",female,", ",other,")
        .replace(",male,", ",female,")
        .replace(",other,", ",male,")
    )
    (tmp_path / "table.csv").write_text(text)
    files = (folder / f"penguins-{name}.pt" for name in ("species", "mass"))
    done = command(folder / "penguins", tmp_path / "table.csv", *files, tmp_path / "results.csv")
    assert done.returncode == 1
    assert "FAIL  mass, mean squared error" in done.stdout
    assert "penguins: FAILED" in done.stdout


def test_digits_are_read_as_in_the_file(built: Build) -> None:
    folder = built("07_mnist")
    table = np.loadtxt(folder / "results.csv", delimiter=",", skiprows=1, dtype=int)
    assert table[:, 0].tolist() == datasets.digits()[1].labels.tolist()
    said = (folder / "demo.txt").read_text()
    for column, words in enumerate(("accuracy", "with rows and columns exchanged", "after a quarter turn", "upside down"), 1):
        found = re.search(rf"{words}: (\S+)", said)
        assert found
        assert float(found[1]) == pytest.approx((table[:, column] == table[:, 0]).mean(), abs=6e-4)


def test_other_bars_and_files_are_noticed(built: Build, tmp_path: Path) -> None:
    folder = built("07_mnist")
    words = (folder / "mnist-mlp.pt", tmp_path / "results.csv")
    done = command(folder / "mnist", folder / "digits_held_out.bin", *words, "1.0")
    assert done.returncode == 1
    assert "FAIL  accuracy" in done.stdout
    (tmp_path / "cut.bin").write_bytes((folder / "digits_held_out.bin").read_bytes()[:-1])
    done = command(folder / "mnist", tmp_path / "cut.bin", *words)
    assert done.returncode != 0
    assert "not a whole number of digits" in done.stderr


@pytest.mark.long
def test_fortran_draws_what_python_draws(built: Build) -> None:
    folder = built("08_ellipse")
    images = np.fromfile(folder / "images.bin", np.uint8)
    drawn, _ = ellipse_images.draw(0, np.arange(6000, 7000))
    assert images.tobytes() == drawn.tobytes()


@pytest.mark.long
def test_one_wrong_bit_in_a_drawing_is_noticed(built: Build, tmp_path: Path) -> None:
    folder = built("08_ellipse")
    images = np.fromfile(folder / "images.bin", np.uint8)
    images[4_711_000] ^= 1
    images.tofile(tmp_path / "images.bin")
    check = EXAMPLES / "08_ellipse" / "check.py"
    done = command(sys.executable, check, tmp_path / "images.bin", folder / "results.csv", tmp_path / "picture.png")
    assert done.returncode == 1
    assert "FAIL  1000 images drawn by Fortran equal Python's, bit for bit: 1 bytes differ" in done.stdout
