"""What a call costs: the Fortran interface against plain C++, hand-written Fortran loops and eager Python.

``make bench`` runs all cases but the longest in some minutes, ``make bench LONG=1`` all of them in less than an hour. Results go to
``build/bench/results``. Exits with 1 when contestants disagree and with 3 when a bar is missed.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.call.measure import build, measure
from benchmarks.call.report import as_json, judge, markdown, plot
from benchmarks.shared.measure import AGREEMENT, Effort, stay_on_one_core
from benchmarks.shared.networks import NETWORKS, batches_of, write
from benchmarks.shared.report import record, surroundings

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--batches", nargs="+", type=int, help="only these of a network's batch sizes")
    parser.add_argument("--long", action="store_true", help="the batch sizes too that take half an hour")
    parser.add_argument("--pairs", type=int, default=40, help="pairs of measurements; 30 and more for a verdict")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of a pair, in which the contestants take turns")
    parser.add_argument("--block-us", type=float, default=500.0, help="length of a block of calls in microseconds")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench", help="folder for everything that is made")
    parser.add_argument("--record", action="store_true", help="put the table into docs/benchmarks.md too")
    parser.add_argument("--fflags", type=shlex.split, help="instead of those of the installed library")
    parser.add_argument("--ldflags", type=shlex.split, help="instead of those of the installed library")
    return parser.parse_args()


def main() -> int:
    """Build, measure, report, judge."""
    options = arguments()
    folder: Path = options.output.resolve()
    results = folder / "results"
    results.mkdir(parents=True, exist_ok=True)
    program = build(folder, options.fflags, options.ldflags)
    stay_on_one_core()
    cases = []
    for name in options.networks:
        write(name, folder)
        for batch in options.batches or batches_of(NETWORKS[name], long=options.long):
            start = time.perf_counter()
            case = measure(program, name, batch, Effort(options.pairs, options.rounds, options.block_us))
            cases.append(case)
            print(f"{case.label}: {options.pairs} pairs in {time.perf_counter() - start:.0f} s", flush=True)
            if not case.difference <= AGREEMENT:
                print(f"the contestants' results differ by {case.difference:.1e} of the largest value", file=sys.stderr)
                return 1
    around = surroundings()
    text = markdown(cases, around)
    print(f"\n{text}")
    (results / "benchmarks.md").write_text(text)
    (results / "benchmarks.json").write_text(as_json(cases, around))
    plot(cases, results / "benchmarks.png")
    print(f"written to {results}")
    if options.record:
        record(text, PAGE, "results")
    missed = [verdict for case in cases for verdict in judge(case) if not verdict.met]
    for verdict in missed:
        print(f"missed: {verdict.what}, {verdict.case}: {verdict.estimate} against {verdict.bar}", file=sys.stderr)
    return 3 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
