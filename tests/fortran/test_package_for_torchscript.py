"""Programs that were written for TorchScript files run unchanged where a compiled package has taken the file's place."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import torch

import pt2ts

from ..support import shared_folder, sources_of_pt2ts
from .conftest import Build
from .misuse.table import TABLE
from .model_files import Pair
from .package_runs import start
from .test_misuse import expected, printed_outcomes, program

#: Those of the misuse programs that call models.
TOPICS = ("infer", "models", "outputs", "results")


def compile_pair(folder: Path) -> None:
    ports = ["a[batch,3] float32", "b[batch,3] float32"]
    pt2ts.export(Pair(), [torch.ones(2, 3), torch.ones(2, 3)], folder / "pair.pt2", inputs=ports, format=pt2ts.Package(threads=1))


@pytest.fixture(scope="module")
def in_disguise(models: Path, packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the model files in which packages have the names of TorchScript files: the content decides."""
    folder = tmp_path_factory.mktemp("disguise") / "models"
    shutil.copytree(models, folder, ignore=shutil.ignore_patterns("pipe.pt"))
    shutil.copy(packages / "linear.pt2", folder / "linear.pt")
    shutil.copy(shared_folder("pair", sources_of_pt2ts(), compile_pair) / "pair.pt2", folder / "pair.pt")
    for name in ("linear", "pair"):
        assert pt2ts.inspect(folder / f"{name}.pt").format == "pt2"
    return folder


def run(folder: Path, file: Path, *words: str) -> subprocess.CompletedProcess[str]:
    done = start(file, *words, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.mark.parametrize("topic", TOPICS)
def test_numbers_and_mistakes(fc: str, build: Build, in_disguise: Path, topic: str) -> None:
    text = run(in_disguise, program(build, topic), "all").stdout
    found = printed_outcomes(text)
    assert set(found) == {row.name for row in TABLE[topic]}
    for row in (expected(fc, topic, row) for row in TABLE[topic]):
        outcome = found[row.name]
        assert (outcome.status, outcome.left, outcome.failed) == (row.status, 0, 0), text
        assert row.fragment in outcome.message


def test_host_threads(build: Build, in_disguise: Path) -> None:
    assert run(in_disguise, build("parallel_calls.f90", flags=("-fopenmp",))).stdout == "right in parallel\n"


def test_pages_and_live_handles(build: Build, in_disguise: Path) -> None:
    first, live = run(
        in_disguise, build("process_memory.f90", "memory_pool.f90", flags=("-fopenmp",)), "faults"
    ).stdout.splitlines()
    assert int(first.split()[-1]) < 5
    assert live == "live 0"
