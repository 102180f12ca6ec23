"""Judges the measurements and writes them: tables, JSON, a picture."""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import matplotlib as mpl
import torch
from matplotlib import pyplot as plt

from bench_build import COMPILER
from bench_measure import Case, Estimate

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


@dataclass(frozen=True)
class Verdict:
    """One bar: missed only if even the lower confidence limit exceeds it."""

    what: str
    case: str
    estimate: Estimate
    bar: float
    unit: str

    @property
    def met(self) -> bool:
        """Whether the bar is met."""
        return self.estimate.low <= self.bar


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


def processor() -> str:
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def first_line(command: str) -> str:
    """Return what a compiler says it is."""
    return subprocess.run([command, "--version"], check=True, capture_output=True, text=True).stdout.splitlines()[0]


def surroundings() -> dict[str, Any]:
    """Describe the machine and the versions of everything that matters."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "torch": torch.__version__,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "ftorch": version("ftorch"),
        "fortran": first_line(COMPILER["fortran"]),
        "c++": first_line(COMPILER["c++"]),
        "python": platform.python_version(),
    }


def number(value: float) -> str:
    """Format microseconds with three digits that mean something."""
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return an aligned Markdown table; the first column is text, the others numbers."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(row: Sequence[str]) -> str:
        cells = [cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))]
        return "| " + " | ".join(cells) + " |"

    rule = ["-" * w if i == 0 else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    return "\n".join([line(header), "|" + "|".join(f" {cell} " for cell in rule) + "|", *map(line, rows)])


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


def record(text: str, page: Path, name: str) -> None:
    """Replace what stands between the marks of a name in a page of the documentation."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, rest = page.read_text().split(begin)
    page.write_text(f"{before}{begin}\n{text}{end}{rest.split(end)[1]}")


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
