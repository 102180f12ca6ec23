"""What an expression of tensors costs: ``c = a * b + a`` in Fortran against the same in plain C++, in pairs.

The two take turns in one process; every pair of times is the medians of one process, and ratios and differences are taken within
pairs. Exits with 3 when the bar is missed: at most 1.15 times the C++ expression, or half a microsecond more.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.shared.build import make_program, make_yardstick
from benchmarks.shared.measure import ENVIRONMENT, Estimate, estimate, stay_on_one_core
from benchmarks.shared.report import record, surroundings

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
SIZES = (1, 1000, 100000)
JUDGED, RATIO, EXCESS_US = 1000, 1.15, 0.5


def build(folder: Path, fflags: list[str] | None, ldflags: list[str] | None) -> Path:
    """Compile both sides and return the program."""
    plain, program = folder / "libbench_operators.so", folder / "operators"
    make_yardstick(plain, HERE / "plain.cpp")
    make_program(program, HERE / "operators.f90", (fflags, ldflags), [plain])
    return program


def measure(program: Path, size: int, pairs: int, rounds: int) -> dict[str, Estimate]:
    """Return microseconds of both, their ratio and their difference."""
    # A turn lasts long enough for its first call, which finds the caches full of the other's numbers, to be one of many.
    calls = max(200, 200000 // max(size, 1000))
    environment = os.environ | ENVIRONMENT
    found = []
    for _ in range(pairs):
        command = [str(program), str(size), str(calls), str(rounds)]
        text = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
        times = [[float(word) / 1000 for word in line.split()] for line in text.splitlines()]
        found.append([statistics.median(column) for column in zip(*times, strict=True)])
    return {
        "fortran": estimate([ours for ours, _ in found]),
        "c++": estimate([plain for _, plain in found]),
        "ratio": estimate([ours / plain for ours, plain in found]),
        "excess": estimate([ours - plain for ours, plain in found]),
    }


def met(result: dict[str, Estimate]) -> bool:
    """Whether one of the two bars is met, up to the confidence limits."""
    return result["ratio"].low <= RATIO or result["excess"].low <= EXCESS_US


def markdown(results: dict[int, dict[str, Estimate]]) -> str:
    """Return the table of the report."""
    lines = ["| elements | Fortran, us | C++, us | ratio | 95 % | difference, us | 95 % |", "|---:|---:|---:|---:|---:|---:|---:|"]
    for size, r in results.items():
        ratio, excess = r["ratio"], r["excess"]
        limits = f"{ratio.low:.3f} to {ratio.high:.3f} | {excess.median:.3f} | {excess.low:.3f} to {excess.high:.3f}"
        lines.append(f"| {size} | {r['fortran'].median:.3f} | {r['c++'].median:.3f} | {ratio.median:.3f} | {limits} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Build, measure, report, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=40, help="processes; 30 and more for a verdict")
    parser.add_argument("--rounds", type=int, default=9, help="rounds of a process, in which the two take turns")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench", help="folder for everything that is made")
    parser.add_argument("--record", action="store_true", help="put the table into docs/benchmarks.md too")
    parser.add_argument("--fflags", type=shlex.split, help="instead of those of the installed library")
    parser.add_argument("--ldflags", type=shlex.split, help="instead of those of the installed library")
    options = parser.parse_args()
    folder: Path = options.output.resolve()
    (folder / "results").mkdir(parents=True, exist_ok=True)
    program = build(folder, options.fflags, options.ldflags)
    stay_on_one_core()
    results = {size: measure(program, size, options.pairs, options.rounds) for size in SIZES}
    around = ", ".join(f"{name}: {value}" for name, value in surroundings().items())
    verdict = "met" if met(results[JUDGED]) else "missed"
    text = (
        f"`c = a * b + a` of float64, one thread, median of {options.pairs} processes. {around}.\n\n"
        f"{markdown(results)}\nThe bar at {JUDGED} elements is {verdict}.\n"
    )
    print(text)
    (folder / "results" / "operators.md").write_text(text)
    values = {size: {name: vars(value) for name, value in result.items()} for size, result in results.items()}
    (folder / "results" / "operators.json").write_text(json.dumps(values, indent=2))
    if options.record:
        record(text, PAGE, "expressions")
    if not met(results[JUDGED]):
        print(f"missed: {RATIO} times the C++ expression or {EXCESS_US} us more, at {JUDGED} elements", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
