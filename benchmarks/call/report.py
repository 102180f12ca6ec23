"""Judges the measurements and writes them: tables, JSON, a picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.shared.measure import Case
from benchmarks.shared.report import Verdict, number, table

LABELS = {
    "plain": "C++ loop",
    "forward": "forward",
    "infer": "infer",
    "bare_forward": "forward, no contract",
    "eager": "eager Python",
    "loops": "Fortran loops",
}
#: Microseconds; what a short call takes at most.
SHORT = 25.0
#: How many times as long as forward infer may take where calls are long.
LONG_INFER = 1.02


def judge(case: Case) -> list[Verdict]:
    """Hold a case against the bars.

    Differences of a fraction of a microsecond are asked only of short calls: where memory happens to lie moves long ones by more.
    Of those the ratio is asked.
    """
    verdicts = [Verdict("forward / C++ loop", case.label, case.ratio("forward", "plain"), 1.05 if case.batch < 32 else 1.02, "")]
    if case.time("plain").median < SHORT:
        verdicts.append(Verdict("infer - forward", case.label, case.excess("infer", "forward"), 0.6, "us"))
    else:
        verdicts.append(Verdict("infer / forward", case.label, case.ratio("infer", "forward"), LONG_INFER, ""))
    if case.network == "mlp_small":
        excess = case.excess("from_array", "from_blob")
        verdicts.append(Verdict("tensor from array + delete - at::from_blob", case.label, excess, 0.35, "us"))
    return verdicts


def markdown(cases: Sequence[Case], around: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    times = [[case.label, *(number(case.time(name).median) if name in case.times else "" for name in LABELS)] for case in cases]
    bars = [
        [
            f"{verdict.what}: {verdict.case}",
            f"{verdict.estimate.median:.3f}",
            f"{verdict.estimate.low:.3f} to {verdict.estimate.high:.3f}",
            f"{verdict.bar:g} {verdict.unit}".strip(),
            "met" if verdict.met else "MISSED",
        ]
        for case in cases
        for verdict in judge(case)
    ]
    machine = ", ".join(f"{key}: {value}" for key, value in around.items())
    return "\n".join(
        [
            f"Median microseconds per call, one thread. {machine}.",
            "",
            table(["case", *LABELS.values()], times),
            "",
            "Comparisons within the pairs, with 95 % confidence limits of the median:",
            "",
            table(["comparison", "median", "95 %", "bar", "verdict"], bars),
            "",
        ]
    )


def as_json(cases: Sequence[Case], around: dict[str, Any]) -> str:
    """Return the results for programs."""
    return json.dumps(
        {
            "surroundings": around,
            "cases": [
                {
                    "network": case.network,
                    "batch": case.batch,
                    "pairs": len(case.times["forward"]),
                    "difference": case.difference,
                    "microseconds": {name: asdict(case.time(name)) for name in case.times},
                    "comparisons": [asdict(verdict) | {"met": verdict.met} for verdict in judge(case)],
                }
                for case in cases
            ],
        },
        indent=1,
    )


def plot(cases: Sequence[Case], path: Path) -> None:
    """Draw the times, and the ratio to the C++ loop with its confidence limits."""
    mpl.use("agg")
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 0.6 * len(cases) + 1.6), sharey=True, layout="constrained")
    rows = range(len(cases))
    for name, marker in zip(LABELS, "ox+^sD", strict=True):
        known = [row for row in rows if name in cases[row].times]
        left.plot([cases[row].time(name).median for row in known], known, marker, label=LABELS[name], fillstyle="none")
    left.set(xscale="log", xlabel="microseconds per call", yticks=list(rows), yticklabels=[case.label for case in cases])
    left.invert_yaxis()
    left.legend(fontsize="small")
    for row, case in enumerate(cases):
        verdict = judge(case)[0]
        ratio = verdict.estimate
        right.errorbar(ratio.median, row, xerr=[[ratio.median - ratio.low], [ratio.high - ratio.median]], fmt="ok", capsize=3)
        right.plot(verdict.bar, row, "|", color="tab:red", markersize=18)
    right.axvline(1, color="gray", linewidth=0.8)
    right.set(xlabel="forward / C++ loop (red: bar)")
    for axes in (left, right):
        axes.grid(axis="x", alpha=0.3)
    figure.savefig(path, dpi=150)
    plt.close(figure)
