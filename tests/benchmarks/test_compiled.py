"""The benchmark of compiled packages: its verdicts follow from its numbers, and it runs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.compiled.networks import COMPILED
from benchmarks.compiled.run import BARS, PAGE, CompiledCase, judge

from ..support import BUILD, ROOT

MISSED = 3
PAIRS = 36


def case(name: str, batch: int, **microseconds: float) -> CompiledCase:
    """Return a case in which every pair says the same."""
    return CompiledCase(name, batch, {contestant: [[time]] * PAIRS for contestant, time in microseconds.items()})


def test_bars_are_of_networks_that_are_measured() -> None:
    assert all(bar.batch in COMPILED[bar.network].batches for bar in BARS)
    assert all(bar.goal is None or bar.goal < bar.limit for bar in BARS)


@pytest.mark.parametrize(("package", "expected"), [(0.2, True), (0.27, False)])
def test_loops_by_hand(package: float, expected: bool) -> None:
    found = judge(case("mlp_small", 1, package=package, script=5.0, script_plain=5.0, loops=0.14))
    assert [verdict.met for verdict in found] == [True, expected, True]


@pytest.mark.parametrize(("package", "expected"), [(103.0, True), (104.0, False)])
def test_never_slower_than_torchscript(package: float, expected: bool) -> None:
    (never,) = judge(case("ocean", 1, package=package, script=100.0, script_plain=100.0))
    assert never.met is expected


@pytest.mark.parametrize(("package", "expected"), [(2.1, True), (2.2, False)])
def test_short_calls_may_cost_a_fraction_of_a_microsecond_more(package: float, expected: bool) -> None:
    found = judge(case("mlp_large", 32, package=package, script=9.0, script_plain=9.0, package_plain=2.0))
    assert [verdict.met for verdict in found] == [True, expected]


def test_work_of_a_perceptron() -> None:
    operations, traffic = COMPILED["mlp_small"].work(32)
    weights = 5 * 16 + 16 * 16 + 16 * 5
    assert operations == 2 * 32 * weights
    assert traffic == 4 * (weights + 16 + 16 + 5 + 32 * 10)


def test_the_page_has_a_place_for_the_tables() -> None:
    assert all(PAGE.read_text().count(f"<!-- compiled: {mark} -->") == 1 for mark in ("begin", "end"))


@pytest.mark.long
def test_it_runs() -> None:
    folder = BUILD / "bench_compiled"
    command = [sys.executable, str(ROOT / "benchmarks" / "compiled" / "run.py"), "--networks", "mlp_small", "--batches", "1", "32"]
    done = subprocess.run([*command, "--pairs", "6", "--output", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode in (0, MISSED), done.stdout + done.stderr
    text = (folder / "performance.md").read_text()
    assert text.count("| MLP 5-16-16-5, batch") == 2
    assert (folder / "performance.png").stat().st_size > 1000
