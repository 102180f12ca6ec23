"""Tests do not vanish unnoticed: a folder that is no longer found, or an option that deselects it, would look like success."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from .conftest import FOUND
from .support import ROOT, run

#: Tests in each folder, the long ones among them: floors, well below what there is.
AT_LEAST = {
    "arrays": 40, "benchmarks": 30, "c": 35, "device_programs": 4, "docs": 240, "downstream": 60, "examples": 170,
    "fake_device": 130, "fortran": 2700, "gpu": 8, "mpi": 180, "operations": 600, "packaging": 60, "probes": 16, "process": 200,
    "python": 1050, "versions": 12,
}  # fmt: skip


def found(request: pytest.FixtureRequest) -> list[Path]:
    """Return the file of each test: as this run found them, or a run of its own where this one was asked for some only."""
    nodes = request.config.stash[FOUND]
    if any(Path(argument.partition("::")[0]).resolve() not in (ROOT, ROOT / "tests") for argument in request.config.args):
        # Options of this run, such as -v, would change what is printed.
        plain = {**os.environ, "PYTEST_ADDOPTS": ""}
        nodes = run(
            sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", ROOT / "tests", env=plain
        ).splitlines()
    return [Path(node.partition("::")[0]) for node in nodes if "::" in node]


def test_no_folder_has_lost_its_tests(request: pytest.FixtureRequest) -> None:
    count = Counter(path.parts[1] for path in found(request) if len(path.parts) > 2)
    print(dict(sorted(count.items())))
    assert {folder: count[folder] for folder in AT_LEAST if count[folder] < AT_LEAST[folder]} == {}
    assert count.keys() == AT_LEAST.keys()


def test_every_file_is_collected(request: pytest.FixtureRequest) -> None:
    on_disk = {path.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py") if "own_modules" not in path.parts}
    assert on_disk - set(found(request)) == set()
