"""The checks of a machine with a GPU, on the fake device; and what they say where there is none."""

from __future__ import annotations

import os
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


SUMMARY = """Processing [copies.sqlite] with [cuda_gpu_mem_size_sum.py]...
Total (MB),Count,Avg (MB),Med (MB),Min (MB),Max (MB),StdDev (MB),Operation
0.082,{calls},0.010,0.010,0.000,0.082,0.000,[CUDA memcpy Host-to-Device]
0.010,1,0.010,0.010,0.010,0.010,0.000,[CUDA memset]
"""


@pytest.mark.parametrize("each_call_copies", [False, True])
def test_copies_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, each_call_copies: bool) -> None:
    """With a profiler that says how many there were."""
    tool = tmp_path / "nsys"
    tool.write_text(
        f"#!{sys.executable}\nimport sys\n"
        f"calls = sys.argv[-1].rpartition('/')[2][7:-9] if {each_call_copies} else '7'\n"
        f"print({SUMMARY!r}.format(calls=calls) if sys.argv[1] == 'stats' else '')\n"
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    result = under_test.counted(tmp_path, tmp_path / "checks", "cuda")
    assert result.passed is not each_call_copies
    assert result.words == ("10 copies with 10 calls, 110 with 110" if each_call_copies else "7 copies with 10 calls, 7 with 110")


def test_what_a_tool_finds_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "compute-sanitizer"
    tool.write_text("#!/bin/sh\necho 'Invalid __global__ read of size 4' >&2\n[ $4 != requests ] || exit $2\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    results = under_test.sanitized(tmp_path, tmp_path / "checks", "cuda")
    assert [item.name for item in results if not item.passed] == ["compute-sanitizer requests"]
    assert "Invalid __global__ read" in results[1].words


def test_a_tool_that_is_not_here_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    results = [*under_test.sanitized(tmp_path, tmp_path / "checks", "cuda"), under_test.counted(tmp_path, tmp_path, "cuda")]
    assert [(item.name, item.words) for item in results] == [
        ("compute-sanitizer", "not run: it is not on this machine"), ("nsys", "not run: it is not on this machine"),
    ]  # fmt: skip


@pytest.mark.skipif(torch.accelerator.is_available(), reason="there is a device: make test-gpu runs the checks on it")
def test_without_a_device_it_says_what_it_would_do() -> None:
    done = subprocess.run([sys.executable, under_test.__file__], capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == under_test.NO_DEVICE
    assert "finds no device here" in done.stdout
    assert all(name in done.stdout for name in under_test.CHECKS)
