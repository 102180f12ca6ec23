"""The benchmark of expressions runs, and its verdict follows from its numbers."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from benchmarks.operators.run import PAGE, SIZES, met
from benchmarks.shared.measure import Estimate

from ..support import BUILD, ROOT

MISSED = 3


@pytest.mark.long
def test_every_size_is_timed() -> None:
    folder = BUILD / "bench_operators"
    command = [sys.executable, str(ROOT / "benchmarks" / "operators" / "run.py"), "--pairs", "2", "--rounds", "2"]
    done = subprocess.run([*command, "--output", str(folder)], capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode in (0, MISSED), done.stdout + done.stderr
    found: dict[str, dict[str, Any]] = json.loads((folder / "results" / "operators.json").read_text())
    assert list(found) == [str(size) for size in SIZES]
    for result in found.values():
        assert set(result) == {"fortran", "c++", "ratio", "excess"}
        assert result["fortran"]["median"] > 0
    text = (folder / "results" / "operators.md").read_text()
    assert f"is {'missed' if done.returncode else 'met'}." in text
    assert text.count("\n| ") == len(SIZES) + 1


@pytest.mark.parametrize(
    ("ratio", "excess", "expected"), [(1.14, 0.6, True), (1.3, 0.4, True), (1.15, 0.5, True), (1.16, 0.51, False)]
)
def test_one_of_two_bars_is_enough(ratio: float, excess: float, expected: bool) -> None:
    assert met({"ratio": Estimate(ratio, ratio, ratio), "excess": Estimate(excess, excess, excess)}) is expected


def test_the_page_has_a_place_for_the_table() -> None:
    assert all(PAGE.read_text().count(f"<!-- expressions: {mark} -->") == 1 for mark in ("begin", "end"))
