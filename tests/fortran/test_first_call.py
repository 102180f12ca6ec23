"""What a program sees first: the versions, and an inference that costs no more than later ones."""

from __future__ import annotations

from importlib.metadata import version

import pytest
import torch

from .conftest import Build, Run


def said(build: Build, run: Run, file: str) -> dict[str, str]:
    done = run(build("first_call.f90"), file)
    assert done.returncode == 0, done.stderr
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


def test_versions(build: Build, run: Run) -> None:
    words = said(build, run, "linear.pt")
    assert words["PyTorch"] == torch.__version__.partition("+")[0]
    assert words["ftorch"] == version("ftorch")


@pytest.mark.parametrize("file", ["linear.pt", "unsampled.pt"])
def test_a_model_with_its_contract_is_warmed_up(build: Build, run: Run, file: str) -> None:
    """Tens of microseconds instead of tens of milliseconds; the least of three, for other programs run beside."""
    warm, cold = (min(float(said(build, run, name)["microseconds"]) for _ in range(3)) for name in (file, "linear_plain.pt"))
    assert warm < cold / 5
