"""``--json`` of the commands that write files: one object on standard output, everything else on standard error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pt2ts
from pt2ts.container.package import SPEC, read_members, read_training_spec
from pt2ts.toolchain.isa import default_isa
from pt2ts.training import export as training
from pt2ts.tuning import tune as tuner

from ...support import ROOT
from ...training_files import training_file
from .test_cli import Result, pt2ts_command

INPUT = ("--input", "column[batch,5] float32 K")


def parsed(done: Result, *files: Path) -> Any:
    """Return the object after a look at what all commands have in it."""
    assert done.code == 0, done.err
    data = json.loads(done.out)
    assert data["files"] == [{"file": str(path), "bytes": path.stat().st_size} for path in files]
    assert data["largest_difference"] == max(check["difference"] for check in data["checks"])
    for check in data["checks"]:
        assert check.keys() == {"form", "case", "output", "difference", "allowed", "remark"}
        assert check["remark"] == ""  # there was something to compare
        assert check["difference"] >= 0
        assert check["allowed"] is None or check["difference"] <= check["allowed"]
    assert 0 <= sum(step["seconds"] for step in data["steps"]) <= data["seconds"]
    told = [line.removeprefix("pt2ts: ") for line in done.err.splitlines() if line.startswith("pt2ts: ")]
    assert [step["step"] for step in data["steps"]] == [line for line in told if not line.startswith("warning")]
    return data


def test_export_of_torchscript(tmp_path: Path) -> None:
    """What the user's own code prints does not get between."""
    (tmp_path / "talkative.py").write_text("from torch import nn\n\ndef make():\n    print('hello')\n    return nn.Linear(5, 3)\n")
    path = tmp_path / "m.pt"
    done = pt2ts_command("export", "talkative:make", *INPUT, "-o", path, "--json", cwd=tmp_path)
    data = parsed(done, path)
    assert "hello" in done.err
    assert data["spec"] == pt2ts.read_spec(path).to_dict()
    assert {(check["form"], check["case"], check["output"]) for check in data["checks"]} == {
        ("script", f"batch={size}", "output") for size in (4, 5, 1)
    }
    assert data["steps"] == []


def test_export_of_both_formats(tmp_path: Path) -> None:
    options = ("--format", "both", "--threads", "1", "--batch", "none", "--isa", default_isa())
    done = pt2ts_command("export", "user_modules:make_column", *INPUT, *options, "-o", tmp_path / "m.pt2", "--json")
    data = parsed(done, tmp_path / "m.pt", tmp_path / "m.pt2")
    assert data["spec"] == pt2ts.read_spec(tmp_path / "m.pt2").to_dict()
    assert {check["form"] for check in data["checks"]} == {"script", "variant model", "variant model, replaced weights"}
    assert data["largest_difference"] > 0
    assert "compiling 'model', for any size" in [step["step"] for step in data["steps"]]


TRAINING = (
    "export-training", "tests.training_files:Line", "mse", "adam", "--learning-rate", "0.01", "--threads", "1",
    "--input", "x[batch,1] float32 K", "--target", "y[batch,1] float32 K/s", "--json", "-o",
)  # fmt: skip


def check_training_object(path: Path, sizes: int) -> None:
    data = parsed(pt2ts_command(*TRAINING, path, cwd=ROOT), path)
    assert data["spec"] == read_training_spec(path).to_dict()
    assert {check["form"] for check in data["checks"]} == {
        "model",
        *(f"step {n}" for n in (1, 2, 3)),
        *(f"state after step {n}" for n in (1, 2, 3)),
    }
    assert {check["output"] for check in data["checks"]} >= {"the loss", "the loss of evaluate", "output 1"}
    assert len({check["case"] for check in data["checks"] if check["form"] != "model"}) == sizes
    assert [step["step"] for step in data["steps"]][-1] == "checking the steps"


def test_export_training_but_for_the_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the code that an earlier export compiled; it is checked against the module all the same."""
    line = training_file("line")
    members = {name: content for name, content in read_members(line).items() if name != SPEC}
    monkeypatch.setattr(training._Job, "compile", lambda *_: (members, read_training_spec(line)))
    check_training_object(tmp_path / "t.pt2", sizes=3)


@pytest.mark.long
def test_export_training(tmp_path: Path) -> None:
    """Small batches have code of their own, so a large one is tried as well."""
    check_training_object(tmp_path / "t.pt2", sizes=4)


def test_tune(column: Path, own_copy: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuner, "candidates", lambda *_: iter(()))
    monkeypatch.setattr(tuner, "_ROUNDS", 2)
    path = own_copy(column)
    data = parsed(pt2ts_command("tune", path, "--batch", "1,3", "--json"), path)
    assert data["measured"] == [dict(row) for row in pt2ts.read_spec(path).tuning]
    assert {row["sizes"] for row in data["measured"]} == {"batch=1", "batch=3"}
    assert {check["case"] for check in data["checks"]} == {"batch=1", "batch=3"}


@pytest.mark.parametrize(
    "command",
    [
        ("export", "user_modules:Fails", *INPUT, "-o", "m.pt"),
        ("export-training", "user_modules:make_column", "mse", "adam", *INPUT, "-o", "t.pt2"),
        ("tune", "missing.pt2"),
    ],
    ids=lambda command: command[0],
)
def test_a_failure_has_no_object(command: tuple[str, ...]) -> None:
    done = pt2ts_command(*command, "--json")
    assert (done.code, done.out) == (1, "")
    assert "pt2ts: " in done.err
