"""``pt2ts bench``: its table, JSON and picture, and what it refuses. How fast things are is nobody's promise here."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import pt2ts
from pt2ts.runtime.bridge import live_handles
from pt2ts.runtime.measure import samples
from pt2ts.timing import bench as bencher

from .. import faulty_modules as modules
from ..cli.test_cli import pt2ts_command


@pytest.fixture(autouse=True)
def nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Few rounds; and compare the library's live handles before and after each test."""
    monkeypatch.setattr(bencher, "_ROUNDS", 5)
    before = live_handles()
    yield
    assert live_handles() == before


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "model.pt"
    pt2ts.export(modules.Layers(), torch.randn(4, 4), file, symbols={"batch": (1, 64)})
    return file


def test_table_and_picture(path: Path, tmp_path: Path) -> None:
    done = pt2ts_command("bench", path, "--batch", "1,8", "--against", "faulty_modules:Layers", "-o", tmp_path / "b.png")
    assert done.code == 0, done.err
    rows = [line.split() for line in done.out.splitlines() if line[:1].isdigit()]
    assert [(row[0], row[1]) for row in rows] == [("1", "library"), ("1", "eager"), ("8", "library"), ("8", "eager")]
    assert "times as fast" in done.out
    assert (tmp_path / "b.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["b.png", "model.pt"]


def test_json(path: Path) -> None:
    done = pt2ts_command("bench", path, "--json")
    assert done.code == 0, done.err
    data = json.loads(done.out)
    assert data["model"] == "model"
    # 1024 lies outside the bounds, and there is no module to compare with.
    assert [(row["batch"], row["contestant"], row["speedup"]) for row in data["rows"]] == [
        (1, "library", None),
        (32, "library", None),
    ]
    for row in data["rows"]:
        assert 0 < row["low"] <= row["seconds"] <= row["high"]
        assert row["per_sample"] == row["seconds"] / row["batch"]
    assert data["threads"]["library"] >= 1


def test_packages_and_several_tensors(mixed: Path) -> None:
    found = bencher.bench(mixed, (2,))
    assert [row.batch for row in found.rows] == [2]
    assert found.rows[0].seconds > 0


def test_fixed_sizes(narrow: Path) -> None:
    found = bencher.bench(narrow)
    assert [row.batch for row in found.rows] == [None]
    with pytest.raises(pt2ts.DeclarationError, match="no input has a symbolic batch"):
        bencher.bench(narrow, (2,))


def test_a_longer_call_takes_longer() -> None:
    x = torch.randn(200, 200)
    short, long = samples([lambda: x[:10, :10] @ x[:10, :10], lambda: x @ x @ x @ x], 5)
    assert len(short) == len(long) == 5
    assert sorted(short)[2] < sorted(long)[2]


def test_wrong_numbers_are_not_measured(path: Path) -> None:
    done = pt2ts_command("bench", path, "--against", "faulty_modules:OutputOrder")
    assert done.code == 1
    assert "the file and the module give different numbers (output 'output')" in done.err
    assert "pt2ts verify --against" in done.err


def test_a_read_only_folder(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda _, mode, **__: mode != os.W_OK)  # root may write everywhere
    done = pt2ts_command("bench", path, "-o", tmp_path / "b.png")
    assert done.code == 1
    assert "its folder is read-only" in done.err


def test_without_matplotlib(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    done = pt2ts_command("bench", path, "-o", tmp_path / "b.png")
    assert done.code == 1
    assert "matplotlib is not installed" in done.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--batch", "65"], "batch has the size 65, outside the bounds batch=1..64"),
        (["--batch", "many"], "cannot read the batch sizes 'many'"),
        (["-o", "nowhere/b.png"], "there is no folder nowhere"),
        (["-o", "b.pdf"], "the plot is a PNG"),
        (["--against", "nowhere:f"], "there is no Python module 'nowhere'"),
        (["--against", "faulty_modules:Layers", "--arg", "width=3"], "unexpected keyword argument 'width'"),
        (["--against", "faulty_modules:Pairs"], "the module fails on inputs of the contract"),
        (["--weights", "w.pt"], "are for the module of --against"),
    ],
)
def test_mistakes(path: Path, tmp_path: Path, options: list[str], words: str) -> None:
    done = pt2ts_command("bench", path, *options)
    assert done.code == 1
    assert words in done.err
    assert "Traceback" not in done.err
    assert [item.name for item in tmp_path.iterdir()] == ["model.pt"]


def test_missing_file() -> None:
    done = pt2ts_command("bench", "missing.pt")
    assert done.code == 1
    assert done.err == "pt2ts: there is no file missing.pt\n"
