"""``pt2ts train``: data, images, training loop, files and messages."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import pt2ts
from course import LESSONS, datasets, ellipse, ellipse_images, mnist_cnn, mnist_mlp, penguins_mass, penguins_species
from course.learning import Recipe, fit, repeatable
from course.lesson import Measure, Plan
from pt2ts.cli import train
from pt2ts.cli.app import app
from pt2ts.errors import ExportError, LoadError, Pt2tsError
from pt2ts.pytorch import torchscript

RUNNER = CliRunner()


def command(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "pt2ts", "train", *map(str, words)]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(line, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=300)


# Data


def test_penguins_are_those_of_the_course() -> None:
    data = datasets.penguins()
    assert (len(data.rows), int(data.held_out.sum())) == (333, 60)
    groups = {(row["species"], row["sex"]) for row in data.rows}
    for group in groups:
        kept = [out for row, out in zip(data.rows, data.held_out, strict=True) if (row["species"], row["sex"]) == group]
        assert sum(kept) == 10
    assert data.columns("sex", "body_mass_g")[0].tolist() == [1.0, 3750.0]
    table = data.table().decode().splitlines()
    assert table[0].split(",")[:3] == ["held_out", "species", "island"]
    assert sum(line.startswith("1,") for line in table) == 60


def test_digits_are_split_by_fifths_of_each() -> None:
    training, held_out = datasets.digits()
    assert (training.images.shape, held_out.images.shape) == ((8000, 28, 28), (2000, 28, 28))
    assert np.bincount(training.labels).tolist() == pytest.approx((4 * np.bincount(held_out.labels)).tolist(), abs=4)
    assert len({image.tobytes() for part in (training, held_out) for image in part.images}) == 10_000
    # Digits are upright: ink of a one lies in a column.
    ones = held_out.images[held_out.labels == 1].astype(float).mean(0)
    assert ones.sum(0).max() > 2 * ones.sum(1).max()


def test_damaged_data_are_refused(tmp_path: Path) -> None:
    for name in datasets.SHA256:
        (tmp_path / name).write_bytes((datasets.FOLDER / name).read_bytes() + b"\n")
    with mock.patch.object(datasets, "FOLDER", tmp_path):
        with pytest.raises(LoadError, match=r"penguins.csv is not the file that belongs here: its SHA-256 is .*, expected f204"):
            datasets.penguins()
        with pytest.raises(LoadError, match=r"mnist.bin.gz is not the file"):
            datasets.digits()
        (tmp_path / "mnist.bin.gz").unlink()
        with pytest.raises(LoadError, match="cannot be read: No such file"):
            datasets.digits()


def test_all_data_are_credited() -> None:
    text = (datasets.FOLDER / "README.md").read_text()
    files = {path.name for path in datasets.FOLDER.iterdir()} - {"README.md"}
    assert files == set(datasets.SHA256)
    assert all(name in text for name in files)


# Images


def test_images_do_not_depend_on_each_other() -> None:
    images, geometry = ellipse_images.draw(3, np.arange(100, 140))
    for number in (0, 17, 39):
        alone, its = ellipse_images.draw(3, np.array([100 + number]))
        assert np.array_equal(alone[0], images[number])
        assert np.array_equal(its[0], geometry[number])
    assert not np.array_equal(images, ellipse_images.draw(4, np.arange(100, 140))[0])


def test_images_are_what_they_were() -> None:
    """The generator is a promise: these bits are also those of the Fortran program."""
    images, _ = ellipse_images.draw(0, np.arange(50))
    assert hashlib.sha256(images.tobytes()).hexdigest() == "5efa4e4c456b2ba26e5b8607124f8d2d41ac43a6faf6b45b7ee075b4d9fa3e16"


def test_ellipses_lie_inside_and_have_the_stated_geometry() -> None:
    images, geometry = ellipse_images.draw(1, np.arange(200))
    for image, (row, column, row_radius, column_radius) in zip(images, geometry, strict=True):
        rows, columns = np.nonzero((image != image[0, 0]).any(axis=-1))
        if len(rows) == 0:
            continue  # both colours the same: once in 2**24 images
        assert (rows.min(), rows.max()) == (row - row_radius, row + row_radius)
        assert (columns.min(), columns.max()) == (column - column_radius, column + column_radius)
        reach = max(row_radius, column_radius)
        assert min(row, column) - reach > 0
        assert max(row, column) + reach < ellipse_images.SIZE - 1


def test_the_hash_stirs() -> None:
    words = np.random.default_rng(0).integers(0, 2**32, 20_000)
    for bit in range(32):
        changed = ellipse_images.mix(words) ^ ellipse_images.mix(words ^ (1 << bit))
        share = np.array([((changed >> place) & 1).mean() for place in range(32)])
        assert np.abs(share - 0.5).max() < 0.02  # four standard deviations are 0.014
    numbers = ellipse_images.random_integers(5, np.arange(20_000), 2, 4, 31)
    counts = np.bincount(numbers, minlength=32)[4:]
    assert counts.min() > 0.85 * 20_000 / 28
    assert counts.max() < 1.15 * 20_000 / 28


def test_a_flipped_image_has_flipped_answers() -> None:
    images, targets = ellipse.samples(0, 64)
    with repeatable(0):
        flipped, answers = ellipse.flip(images, targets)
    pixels = (answers * ellipse.SIZE).round().int()
    assert not torch.equal(answers, targets)
    for image, (row, column, row_radius, _) in zip(flipped, pixels.tolist(), strict=True):
        assert torch.equal(image[row, column], image[row + row_radius, column])
        assert not torch.equal(image[row, column], image[0, 0])
    assert torch.equal(targets, ellipse.samples(0, 64)[1])


# Training


@pytest.mark.parametrize(
    ("module", "parameters"),
    [(penguins_species, 493), (penguins_mass, 321), (mnist_cnn, 3990), (mnist_mlp, 101_770), (ellipse, 323_332)],
)
def test_networks_have_the_sizes_of_the_course(module: object, parameters: int) -> None:
    network: torch.nn.Module = module.network()  # type: ignore[attr-defined]
    assert sum(weight.numel() for weight in network.parameters()) == parameters


def test_the_same_seed_gives_the_same_network_and_leaves_random_numbers_alone() -> None:
    before = torch.get_rng_state()
    weights = []
    for seed in (0, 0, 1):
        with repeatable(seed):
            outcome = penguins_mass.learn(Plan(seed, epochs=2))
        assert outcome.module is not None
        weights.append(torch.cat([weight.flatten() for weight in outcome.module.parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(torch.get_rng_state(), before)


def test_training_stops_early_and_says_why() -> None:
    x = torch.randn(64, 2)
    network = torch.nn.Linear(2, 1)
    y = network(x).detach()
    history = fit(network, (x, y), (x, y), torch.nn.functional.mse_loss, Recipe(500, 16, 1e-12, patience=5))
    assert len(history.training) < 500
    assert history.ended == "no new minimum of the training loss in 5 epochs"
    assert not network.training


def test_divergence_is_an_error() -> None:
    x, y = torch.full((32, 1), 1e30), torch.zeros(32, 1)
    with pytest.raises(Pt2tsError, match="after epoch 1: the training diverged"):
        fit(torch.nn.Linear(1, 1), (x, y), (x, y), torch.nn.functional.mse_loss, Recipe(3, 8, 1.0))


def test_too_few_samples_are_an_error() -> None:
    x = torch.zeros(7, 1)
    with pytest.raises(Pt2tsError, match="7 training samples, fewer than a batch of 8"):
        fit(torch.nn.Linear(1, 1), (x, x), (x, x), torch.nn.functional.mse_loss, Recipe(3, 8, 1.0))


def test_goals() -> None:
    assert [Measure("", value, goal=">= 0.95").reached for value in (0.95, 0.949)] == [True, False]
    assert [Measure("", value, goal="<= 1e-3").reached for value in (1e-3, 1.1e-3, float("nan"))] == [True, False, False]


# The command


def test_list() -> None:
    done = RUNNER.invoke(app, ["train", "--list"])
    assert done.exit_code == 0
    assert all(name in done.output for name in LESSONS)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["penguin"], "there is no 'penguin'; there are line, penguins-species"),
        ([], "which one? line, penguins-species"),
        (["line", "--epochs", "0"], "Invalid value for '--epochs'"),
        (["line", "--seed", "-1"], "Invalid value for '--seed'"),
        (["line", "--format", "onnx"], "Invalid value for '--format'"),
    ],
)
def test_a_wrong_command(words: list[str], complaint: str) -> None:
    done = RUNNER.invoke(app, ["train", *words])
    assert done.exit_code == 2
    assert complaint in " ".join(done.output.replace("│", " ").split())


def test_line_gives_the_closed_form_and_all_files(tmp_path: Path) -> None:
    done = command("line", "--output", tmp_path / "new" / "folder")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "new" / "folder"
    assert {file.name for file in folder.iterdir()} == {"line.pt", "line.json", "line-loss.png", "line-fit.png"}
    facts = json.loads((folder / "line.json").read_text())
    assert [item["value"] for item in facts["measures"][:3]] == pytest.approx([2.05, -1 / 30, 1 / 72], abs=1e-7)
    assert "flat after" in facts["note"]
    script = torchscript.load(folder / "line.pt")
    assert script(torch.tensor([10.0], dtype=torch.float64)).item() == pytest.approx(20.5 - 1 / 30)
    assert pt2ts.read_spec(folder / "line.pt").inputs[0].name == "x"
    assert all((folder / f"line-{name}.png").read_bytes().startswith(b"\x89PNG") for name in ("loss", "fit"))
    for line in ("slope m", "reached", "course", f"wrote {folder / 'line.pt'}"):
        assert line in done.stdout
    assert "step 200 of 2000" in done.stderr


def test_a_missed_goal_is_an_error_only_where_nobody_asked_for_less(tmp_path: Path) -> None:
    done = RUNNER.invoke(app, ["train", "line", "--epochs", "3", "-o", str(tmp_path)])
    assert done.exit_code == 0
    assert "missed" in done.output
    from course import line

    with mock.patch.object(line, "STEPS", 3), pytest.raises(Pt2tsError, match="line misses its goal: largest distance"):
        RUNNER.invoke(app, ["train", "line", "-o", str(tmp_path)], catch_exceptions=False)


def test_a_folder_that_cannot_be_made_is_found_before_the_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    from course import penguins_mass as lesson

    with (
        mock.patch.object(lesson, "learn") as learn,
        pytest.raises(ExportError, match=r"cannot make the folder .*file: File exists"),
    ):
        RUNNER.invoke(app, ["train", "penguins-mass", "-o", str(tmp_path / "file")], catch_exceptions=False)
    learn.assert_not_called()


def test_without_matplotlib_it_says_so_and_writes_nothing(tmp_path: Path) -> None:
    with (
        mock.patch("importlib.util.find_spec", return_value=None),
        pytest.raises(LoadError, match="matplotlib\n  hint: pip install matplotlib"),
    ):
        RUNNER.invoke(app, ["train", "line", "-o", str(tmp_path / "none")], catch_exceptions=False)
    assert not (tmp_path / "none").exists()


def test_the_course_needs_a_checkout(tmp_path: Path) -> None:
    elsewhere = mock.patch.object(train, "__file__", str(tmp_path / "a" / "b" / "c" / "d.py"))
    complaint = r"in examples/course of the sources\n  hint: run this command in a checkout"
    with elsewhere, mock.patch("pathlib.Path.cwd", return_value=tmp_path), pytest.raises(LoadError, match=complaint):
        RUNNER.invoke(app, ["train", "--list"], catch_exceptions=False)


def test_the_course_is_found_from_any_folder_of_a_checkout(tmp_path: Path) -> None:
    (tmp_path / "docs" / "deep").mkdir(parents=True)
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "course").symlink_to(Path(datasets.__file__).parent)
    elsewhere = mock.patch.object(train, "__file__", str(tmp_path / "a" / "b" / "c" / "d.py"))
    with elsewhere, mock.patch("pathlib.Path.cwd", return_value=tmp_path / "docs" / "deep"):
        done = RUNNER.invoke(app, ["train", "--list"], catch_exceptions=False)
    sys.path.remove(str(tmp_path / "examples"))
    assert "penguins-species" in done.output


def test_sst_is_trained_by_the_example(tmp_path: Path) -> None:
    done = RUNNER.invoke(app, ["train", "sst", "--epochs", "1", "-o", str(tmp_path)], catch_exceptions=False)
    assert done.exit_code == 0
    assert {"sst.pt", "sst-maps.png", "sst.json"} <= {file.name for file in tmp_path.iterdir()}
    measures = json.loads((tmp_path / "sst.json").read_text())["measures"]
    assert [item["baseline"] for item in measures] == pytest.approx([0.715, 0.506], abs=5e-4)
    assert [item.name for item in pt2ts.read_spec(tmp_path / "sst.pt").inputs] == ["sst", "mask", "month"]


def test_what_is_exported_takes_raw_data(tmp_path: Path) -> None:
    RUNNER.invoke(app, ["train", "penguins-species", "--epochs", "1", "-o", str(tmp_path)], catch_exceptions=False)
    script = torchscript.load(tmp_path / "penguins-species.pt")
    with torch.no_grad():
        assert float(script(torch.tensor([[42.9, 13.1, 5000.0, 215.0, 0.0]])).sum()) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in LESSONS if name not in ("line", "sst")])
def test_full_training_reaches_its_goal(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pt2ts", "train", name, "-o", tmp_path], capture_output=True, text=True, check=False, timeout=3600
    )
    assert done.returncode == 0, done.stderr
    assert all(item["reached"] for item in json.loads((tmp_path / f"{name}.json").read_text())["measures"])


@pytest.mark.long
def test_both_formats(tmp_path: Path) -> None:
    done = command("penguins-mass", "--epochs", "3", "--format", "both", "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    assert {"penguins-mass.pt", "penguins-mass.pt2"} <= {file.name for file in tmp_path.iterdir()}
