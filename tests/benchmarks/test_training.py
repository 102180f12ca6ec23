"""The benchmark of training runs, its contestants reach the same loss, and its table holds what was measured."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from benchmarks.training.run import CASES, FIRST_STEPS, TrainingCase

from ..support import BUILD, ROOT

MISSED = 3
CHOSEN = (0, 1)


@pytest.fixture(scope="module")
def cases() -> list[dict[str, Any]]:
    """Results of a very short run."""
    folder = BUILD / "bench_train"
    effort = ["--pairs", "2", "--rounds", "2", "--block-us", "200", "--cases", *map(str, CHOSEN)]
    command = [sys.executable, str(ROOT / "benchmarks" / "training" / "run.py"), *effort, "--output", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode in (0, MISSED), done.stdout + done.stderr
    found: list[dict[str, Any]] = json.loads((folder / "results" / "training.json").read_text())
    return found


@pytest.mark.long
def test_contestants_reach_the_same_loss(cases: list[dict[str, Any]]) -> None:
    assert [(case["network"], case["batch"], case["optimizer"]) for case in cases] == [CASES[number] for number in CHOSEN]
    for case in cases:
        assert set(case["losses"]) == set(case["times"]) == {"fortran", "plain", "torch_optim", "eager"}
        assert all(loss == pytest.approx(case["losses"]["eager"], rel=1e-5) for loss in case["losses"].values())
        assert all(time > 0 for pairs in case["times"].values() for rounds in pairs for time in rounds)
    assert FIRST_STEPS > 1, "a loss after some steps depends on the optimizer"


def test_the_bar_is_for_ratios_within_pairs() -> None:
    slowdown = [1.0] * 20 + [10.0] * 20
    case = TrainingCase(
        "mlp_small", 32, "adam", {n: [[t * s] for s in slowdown] for n, t in {"fortran": 1.04, "plain": 1.0}.items()}
    )
    assert case.ratio("fortran", "plain").high == pytest.approx(1.04)
    assert case.met
    case.times["fortran"] = [[1.06 * s] for s in slowdown]
    assert not case.met


def test_a_wrong_loss_is_noticed() -> None:
    case = TrainingCase("mlp_small", 32, "adam", losses={"eager": 1.0, "fortran": 1.0, "plain": 1.1})
    assert case.difference == pytest.approx(0.1)
    case.losses["plain"] = float("nan")
    assert case.difference == float("inf")
