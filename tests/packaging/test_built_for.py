"""What a wheel requires."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ..support import ROOT

MINOR = ".".join(torch.__version__.split(".")[:2])
ASK = """
import sys
import importlib.metadata
import scikit_build_core.build as backend
if sys.argv[2] == "absent":
    def version(name):
        raise importlib.metadata.PackageNotFoundError(name)
    importlib.metadata.version = version
backend.prepare_metadata_for_build_wheel(sys.argv[1])
"""


def ask(folder: Path, what: str) -> None:
    subprocess.run([sys.executable, "-c", ASK, folder, what], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.parametrize(("what", "pinned"), [("present", [f"torch=={MINOR}.*"]), ("absent", [])])
def test_a_wheel_requires_the_minor_version_it_was_built_for(tmp_path: Path, what: str, pinned: list[str]) -> None:
    ask(tmp_path, what)
    required = [
        line.removeprefix("Requires-Dist: ")
        for line in next(tmp_path.glob("*/METADATA")).read_text().splitlines()
        if line.startswith("Requires-Dist: torch") and "extra" not in line
    ]
    assert required == ["torch<2.15,>=2.11", *pinned]
