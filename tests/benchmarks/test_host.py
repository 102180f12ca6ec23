"""The host with an emulator: its verdicts follow from its numbers, and it runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.host.emulator import N_COLUMNS
from benchmarks.host.run import CASES, LABELS, PAGE, HostCase, judge, markdown, sizes_of

from ..support import BUILD, ROOT

MISSED = 3
PAIRS = 36
#: Microseconds with which every bar is met.
GOOD = {"package": 1.2, "packed": 1.4, "fields": 1.5, "script": 9.0, "kernel": 1.0, "blocks": 1.1, "matrices": 2.0}


def met(worse: dict[str, float], threads: int = 1) -> list[bool]:
    """Return the verdicts of a case in which every pair says the same."""
    case = HostCase("levels", 96, threads=threads)
    case.times = {name: [[time]] * PAIRS for name, time in (GOOD | worse).items()}
    return [verdict.met for verdict in judge(case)]


def test_bars_that_are_met() -> None:
    assert met({}) == [True] * 5


@pytest.mark.parametrize(
    ("worse", "place"),
    [
        ({"script": 1.1}, 0),
        ({"blocks": 1.08}, 1),
        ({"matrices": 1.08}, 1),
        ({"package": 1.37, "blocks": 1.3}, 2),
        ({"packed": 1.51}, 3),
        ({"fields": 1.51}, 4),
    ],
)
def test_every_bar_can_be_missed(worse: dict[str, float], place: int) -> None:
    assert met(worse) == [number != place for number in range(5)]


@pytest.mark.parametrize(("one", "expected"), [(2.17, True), (2.15, False)])
def test_threads_have_to_be_worth_it(one: float, expected: bool) -> None:
    assert met({"package_one": one}, threads=2) == [True, expected]


def test_a_case_that_was_not_measured_has_no_verdict() -> None:
    case = HostCase("levels", N_COLUMNS, threads=2)
    assert judge(case) == []
    assert f"| {case.label} | not measured: load |" in markdown([case], 0.0)


@pytest.mark.parametrize("batch", {batch for _, batch, _, _ in CASES})
def test_calls_cover_the_globe(batch: int) -> None:
    sizes = sizes_of(batch)
    assert sizes.sum() == N_COLUMNS
    assert np.all(sizes == batch) if batch else 1 <= sizes.min() < sizes.max() <= 200


def test_the_page_has_a_place_for_the_tables() -> None:
    assert all(PAGE.read_text().count(f"<!-- host: {mark} -->") == 1 for mark in ("begin", "end"))


@pytest.fixture(scope="module")
def results() -> Path:
    """Folder with the results of a very short run: both storages, two threads, two processes."""
    effort = ["--pairs", "2", "--starts", "1", "--seconds", "5", "--busy"]
    chosen = [CASES.index(case) for case in (("levels", 1, 1, 1), ("columns", 0, 1, 1), ("levels", 0, 2, 1), ("levels", 96, 1, 2))]
    command = [sys.executable, str(ROOT / "benchmarks" / "host" / "run.py"), *effort, "--cases", *map(str, chosen)]
    done = subprocess.run([*command, "--output", str(BUILD / "bench")], capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode in (0, MISSED), done.stdout + done.stderr
    return BUILD / "bench" / "results"


def test_everybody_computes_the_same(results: Path) -> None:
    cases: list[dict[str, Any]] = json.loads((results / "host.json").read_text())
    for case in cases:
        assert 0 < case["difference"] <= 1e-5
        assert set(LABELS) <= set(case["times"])
        assert all(time > 0 for times in case["times"].values() for (time,) in times)


def test_tables_and_picture(results: Path) -> None:
    cases: list[dict[str, Any]] = json.loads((results / "host.json").read_text())
    text = (results / "host.md").read_text()
    for case in cases:
        assert all(f"| {found['what']}: {case['label']} " in text for found in case["comparisons"])
    assert (results / "host.png").stat().st_size > 1000
