"""The benchmark runs, its contestants compute the same, and its verdicts follow from its numbers. Not how long anything takes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.call.report import judge
from benchmarks.shared.measure import Case, Estimate, estimate
from benchmarks.shared.networks import NETWORKS as ALL
from benchmarks.shared.networks import batches_of
from benchmarks.shared.report import Verdict

from ..support import BUILD, ROOT

NETWORKS = ("mlp_small", "mlp_large", "sst_cnn")
BATCHES = (1, 3)  # of the SST network, a batch of more than one sample is measured in another way
MISSED = 3


@pytest.fixture(scope="module")
def results() -> Path:
    """Folder with the results of a very short run."""
    folder = BUILD / "bench"
    effort = ["--pairs", "2", "--rounds", "2", "--block-us", "100"]
    cases = ["--networks", *NETWORKS, "--batches", *map(str, BATCHES)]
    command = [sys.executable, str(ROOT / "benchmarks" / "call" / "run.py"), *effort, *cases, "--output", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode in (0, MISSED), done.stdout + done.stderr
    return folder / "results"


@pytest.fixture(scope="module")
def cases(results: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((results / "benchmarks.json").read_text())["cases"]
    return found


def test_every_case_is_there(cases: list[dict[str, Any]]) -> None:
    assert [(case["network"], case["batch"]) for case in cases] == [(name, batch) for name in NETWORKS for batch in BATCHES]


def test_contestants_agree(cases: list[dict[str, Any]]) -> None:
    assert all(case["difference"] <= 1e-5 for case in cases)


def test_every_contestant_is_timed(cases: list[dict[str, Any]]) -> None:
    for case in cases:
        everybody = {"forward", "infer", "bare_forward", "plain", "from_array", "from_blob", "eager"}
        assert set(case["microseconds"]) == everybody | ({"loops"} if case["network"] != "sst_cnn" else set())
        assert all(0 < time["low"] <= time["median"] <= time["high"] for time in case["microseconds"].values())
        assert case["pairs"] >= 2


def test_tables_hold_every_comparison(results: Path, cases: list[dict[str, Any]]) -> None:
    text = (results / "benchmarks.md").read_text()
    for case in cases:
        for comparison in case["comparisons"]:
            assert f"| {comparison['what']}: {comparison['case']} " in text
            assert comparison["met"] == (comparison["estimate"]["low"] <= comparison["bar"])
    assert (results / "benchmarks.png").stat().st_size > 0


def test_limits_of_a_median() -> None:
    assert estimate(range(1, 102)) == Estimate(51, 41, 61)  # ranks 41 and 61 of 101, as tables of the sign test have them
    assert estimate([3.0, 1.0, 2.0]) == Estimate(2.0, 1.0, 3.0)


@pytest.mark.parametrize(("low", "met"), [(1.0499, True), (1.05, True), (1.0501, False)])
def test_a_bar_is_missed_when_the_lower_limit_exceeds_it(low: float, met: bool) -> None:
    assert Verdict("", "", Estimate(1.1, low, 1.2), 1.05, "").met is met


@pytest.mark.parametrize(
    ("plain", "infer", "what", "met"),
    [
        (10.0, 10.5, "infer - forward", True),
        (10.0, 10.7, "infer - forward", False),
        (1000.0, 1019.0, "infer / forward", True),
        (1000.0, 1021.0, "infer / forward", False),
    ],
)
def test_infer_has_a_bar_in_every_case(plain: float, infer: float, what: str, met: bool) -> None:
    """A difference where calls are short, a ratio where they are long."""
    case = Case("mlp_large", 1, {name: [[time]] * 40 for name, time in {"plain": plain, "forward": plain, "infer": infer}.items()})
    verdicts = {verdict.what: verdict.met for verdict in judge(case)}
    assert {name: good for name, good in verdicts.items() if name.startswith("infer")} == {what: met}


def test_long_cases_are_measured_when_asked_for() -> None:
    for network in ALL.values():
        assert 1024 in batches_of(network, long=True)
    assert batches_of(ALL["sst_cnn"], long=False) == (1, 32)


def test_ratios_are_taken_within_pairs() -> None:
    """A machine that slows down halfway changes times, not ratios."""
    slowdown = [1.0] * 20 + [10.0] * 20
    names = {"forward": 1.04, "plain": 1.0, "infer": 1.2, "from_array": 0.2, "from_blob": 0.1}
    case = Case("mlp_small", 32, {name: [[time * s] for s in slowdown] for name, time in names.items()})
    ratio = judge(case)[0]
    assert (ratio.estimate.low, ratio.estimate.high) == pytest.approx((1.04, 1.04))
    assert not ratio.met
