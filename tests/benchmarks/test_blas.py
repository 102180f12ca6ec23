"""The benchmark of a host's BLAS runs, and without what keeps that out PyTorch computes with it."""

from __future__ import annotations

import re
import sys

from ..support import ROOT, run


def test_all_three_are_timed() -> None:
    printed = run(sys.executable, ROOT / "benchmarks" / "blas" / "run.py")
    alone, linked, open_ = (float(number) for number in re.findall(r"^\| .* \| (\d+) \|$", printed, re.MULTILINE))
    assert min(alone, linked) > 0
    assert open_ > 2 * linked, "the reference BLAS is at least ten times as slow; it was not used"
