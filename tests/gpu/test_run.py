"""The checks of a machine with a GPU, on the fake device; and what they say where there is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import pt2ts

from ..fake_device.library import flags_for_fake_device
from . import run as under_test


def test_the_checks_pass_on_the_fake_device(fc: str, tmp_path: Path) -> None:
    """All but the times, which would be those of the CPU."""
    flags = ("-Wl,--no-as-needed", *flags_for_fake_device())
    results = under_test.run_all(tmp_path, "privateuseone", fc, flags, lambda: [])
    assert [(item.name, item.words) for item in results if not item.passed] == []
    assert {*under_test.CHECKS, "openmp"} <= {item.name for item in results}
    under_test.report(tmp_path / "report.md", [("device", "none")], results)
    assert (tmp_path / "report.md").read_text().count("\n| ") == len(results) + 1


def test_a_difference_fails(fc: str, tmp_path: Path) -> None:
    flags = ("-Wl,--no-as-needed", *flags_for_fake_device())
    under_test.write_models(tmp_path, "privateuseone")
    program = under_test.build(tmp_path, fc, under_test.HERE / "checks.f90", flags)
    other = under_test.network()
    with torch.no_grad():
        next(other.parameters()).add_(0.1)
    package = pt2ts.Package(fallback=True)
    pt2ts.export(other, torch.randn(4, 40), tmp_path / "model.pt2", inputs=["x[batch,40]"], format=package)
    result = under_test.run_check(tmp_path, "package", "", [program, "package", "privateuseone"])
    assert not result.passed
    assert "more than rounding explains" in result.words


@pytest.mark.skipif(torch.accelerator.is_available(), reason="there is a device: make test-gpu runs the checks on it")
def test_without_a_device_it_says_what_it_would_do() -> None:
    done = subprocess.run([sys.executable, under_test.__file__], capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == under_test.NO_DEVICE
    assert "finds no device here" in done.stdout
    assert all(name in done.stdout for name in under_test.CHECKS)
