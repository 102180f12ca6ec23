"""Models and trainers from the bytes of their files, in both formats, small and so large that they are mapped."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import torch
from torch import nn

import pt2ts

from .. import training_files
from ..support import shared_folder, sources_of_pt2ts
from .conftest import Build

#: Name -> columns in and out.
MODELS = {"small.pt2": (5, 3), "small.pt": (5, 3), "large.pt2": (2300, 2300)}


@pytest.fixture(scope="module")
def folder() -> Path:
    def make(folder: Path) -> None:
        for name, (n_in, n_out) in MODELS.items():
            torch.manual_seed(7)
            pt2ts.export(nn.Linear(n_in, n_out), torch.randn(4, n_in), folder / name, inputs=[f"x[batch,{n_in}] float32"])

    return shared_folder("from-bytes", [*sources_of_pt2ts(), Path(__file__).read_bytes()], make)


def run(program: Path, kind: str, file: Path, sizes: tuple[int, int], folder: Path) -> dict[str, str]:
    """Run the program; return what each mistake gave."""
    words = [str(program), kind, str(file), *map(str, sizes)]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    *lines, live = done.stdout.splitlines()
    assert live.strip() == "live 0"
    found = {}
    for line in lines:
        for word in ("every other", "another sum", "blank sum", "short sum", line.split()[0]):
            if line.startswith(word):
                found[word] = line.removeprefix(word).strip()
                break
    return found


def assert_sums_are_asked_for(found: dict[str, str]) -> None:
    """A blank sum is not "any file": a configuration that lost it must not admit one."""
    assert "is not the file that argument 'sha256' asks for" in found["another sum"]
    assert "argument 'sha256': expected 64 hexadecimal digits" in found["blank sum"]


@pytest.mark.parametrize("name", MODELS)
def test_models(build: Build, folder: Path, tmp_path: Path, name: str) -> None:
    assert name != "large.pt2" or (folder / name).stat().st_size > 16 << 20
    found = run(build("from_bytes.f90"), "model", folder / name, MODELS[name], tmp_path)
    assert found["empty"] == "1 torch_model_load: argument 'bytes' is empty or not allocated"
    for what in ("short", "every other", "flipped"):
        assert found[what].startswith("3 torch_model_load: 'bytes in memory'"), found[what]
    assert_sums_are_asked_for(found)
    # Only what was saved is left of it all.
    assert [path.name for path in tmp_path.iterdir()] == ["saved_from_bytes"]


def test_trainers(build: Build, tmp_path: Path) -> None:
    found = run(build("from_bytes.f90"), "trainer", training_files.training_file("line"), (1, 1), tmp_path)
    assert found["short"].startswith("3 torch_trainer_load: 'bytes of ours'")
    assert_sums_are_asked_for(found)
    assert found["short sum"].startswith("1 torch_trainer_load: argument 'sha256': expected 64 hexadecimal digits")
    assert list(tmp_path.iterdir()) == []
