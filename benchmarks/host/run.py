"""The library inside a host: an emulator of longwave radiation, called as a model of the atmosphere would call it.

Results go to ``build/bench/results``. Exits with 1 when contestants disagree and with 3 when a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib import pyplot as plt
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.host.emulator import N_COLUMNS, STORAGES, longwave, write
from benchmarks.shared.build import COMPILER, interface_flags, interface_library, make
from benchmarks.shared.measure import Case, Contestant, Estimate, estimate, shuffled
from benchmarks.shared.report import Verdict, number, record, surroundings, table

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "benchmark-host.md"
AGREEMENT = 1e-5
#: Processes over which the pairs of a case are spread.
STARTS = 6
LABELS = {
    "package": "package",
    "packed": "real64, packed",
    "fields": "real64, fields",
    "script": "TorchScript",
    "plain": "C++, AOTInductor",
    "kernel": "bare kernel",
    "blocks": "Fortran, blocks",
    "matrices": "Fortran, matmul",
    "scheme": "longwave scheme",
}
#: Microseconds that a call through the library may take beside its multiple of another contestant.
CALL_US = 0.2
NOT_MEASURED = "not measured: load"
BY_HAND, BARE, BARE_DOUBLE, TEAM = 1.1, 1.15, 1.3, 1 / 1.8


@dataclass
class HostCase(Case):
    """One way to call the emulator: ``network`` is the storage and ``batch`` the columns of a call, 0 for varying numbers."""

    threads: int = 1
    processes: int = 1

    @property
    def label(self) -> str:
        """Name for people."""
        size = {0: "1 to 200 columns", 1: "1 column"}.get(self.batch, f"{self.batch} columns")
        several = [f"{n} {what}" for n, what in ((self.threads, "threads"), (self.processes, "processes")) if n > 1]
        return ", ".join([size, f"{self.network} first", *several])

    def beyond(self, contestant: str, other: str) -> Estimate:
        """Return the ratio to another contestant, without what a call may take anyway."""
        # Where processes share a core, all that they do takes so much longer.
        call_us = CALL_US * max(1.0, self.processes / len(os.sched_getaffinity(0)))
        pairs = zip(self.times[contestant], self.times[other], strict=True)
        return estimate([statistics.median((a - call_us) / b for a, b in zip(*pair, strict=True)) for pair in pairs])


SIZES = (1, 96, N_COLUMNS, 0)
CASES = [
    *((storage, size, 1, 1) for storage in STORAGES for size in SIZES),
    *(("levels", size, 2, 1) for size in (N_COLUMNS, 0)),
    *(("levels", size, 1, processes) for processes in (2, 4) for size in SIZES),
]


def build(folder: Path) -> Path:
    """Compile the scheme and return it as a library."""
    options = [COMPILER["fortran"], "-O3", "-march=native", "-ffast-math", "-fPIC", "-shared"]
    scheme = folder / "libscheme.so"
    make(scheme, [HERE / "longwave.f90"], [*options, f"-J{folder}", str(HERE / "longwave.f90"), "-o", scheme.name])
    return scheme


def build_host(folder: Path, storage: str) -> None:
    """Compile the host with one storage of its arrays."""
    include, libraries = Path(torch.__file__).parent / "include", Path(torch.__file__).parent / "lib"
    place, yardsticks, code = folder / storage, folder / "libyardsticks.so", HERE / "yardsticks.cpp"
    headers = ["-isystem", str(include), "-isystem", str(include / "torch/csrc/api/include")]
    options = ["-std=c++20", "-O3", "-fPIC", "-shared", "-fvisibility-inlines-hidden"]
    link = ["-ldl", f"-L{libraries}", "-Wl,--no-as-needed", "-ltorch", "-ltorch_cpu", "-lc10", f"-Wl,-rpath,{libraries}"]
    make(yardsticks, [code], [COMPILER["c++"], *options, *headers, str(code), "-o", yardsticks.name, *link])
    text, source = place / "host.f90", HERE / "host.fypp"
    make(text, [source], ["fypp", f"-DSTORAGE='{storage}'", str(source), text.name])
    by_hand = [HERE / "longwave.f90", HERE / "network.f90"]
    best = [COMPILER["fortran"], "-O3", "-march=native", "-ffast-math", "-c", *map(str, by_hand)]
    make(place / "network.o", by_hand, best)
    fflags, ldflags = interface_flags("--fflags"), interface_flags("--ldflags")
    ours = ["packed.f90", "fields.f90", "host.f90", "longwave.o", "network.o", "-L..", "-lyardsticks", "-Wl,-rpath,$ORIGIN/.."]
    sources = [text, place / "network.o", yardsticks, place / "packed.f90", place / "fields.f90", interface_library(ldflags)]
    make(place / "host", sources, [COMPILER["fortran"], "-O2", "-fopenmp", *fflags, *ours, "-o", "host", *ldflags])


def sizes_of(batch: int) -> NDArray[np.int32]:
    """Return the columns of each call that together are the globe."""
    if batch:
        return np.full(N_COLUMNS // batch, batch, np.int32)
    ends = np.cumsum(np.random.default_rng(3).integers(1, 201, N_COLUMNS))
    return np.diff([0, *ends[ends < N_COLUMNS], N_COLUMNS]).astype(np.int32)


def idle_cores(seconds: float = 1.0) -> float:
    """Return how many of our cores do nothing at present. The load average would still know of the case before."""

    def idle() -> int:
        lines = [line.split() for line in Path("/proc/stat").read_text().splitlines()]
        ours = {f"cpu{core}" for core in os.sched_getaffinity(0)}
        return sum(int(words[4]) for words in lines if words[0] in ours)

    before = idle()
    time.sleep(seconds)
    return (idle() - before) / seconds / os.sysconf("SC_CLK_TCK")


def measure(folder: Path, case: HostCase, pairs: int, starts: int) -> None:
    """Time all contestants of a case; each round is a pair. Processes do the same at the same time."""
    place, name = folder / case.network, f"{case.batch}_{case.threads}_{case.processes}"
    sizes_of(case.batch).tofile(place / f"{name}.sizes")
    team = ["env", f"OMP_NUM_THREADS={case.threads}", f"MKL_NUM_THREADS={case.threads}", str(place / "host")]
    expected: NDArray[np.float32] = np.fromfile(folder / "expected.bin", np.float32)
    case.difference = 0.0
    for _ in range(starts):
        outputs = [place / f"{name}_{n}.out" for n in range(case.processes)]
        hosts = [Contestant([*team, f"{name}.sizes", str(case.threads), str(output)], place) for output in outputs]
        names = [host.answer() for host in hosts].pop()
        for host in hosts:
            host.tell(shuffled(len(names)))
        for _ in range(-(-pairs // starts)):
            for contestant in random.sample(range(len(names)), len(names)):
                for host in hosts:
                    host.tell(str(contestant + 1))
                nanoseconds = [float(host.answer()[0]) for host in hosts]
                case.times.setdefault(names[contestant], []).append([statistics.mean(nanoseconds) / 1000])
        for host, output in zip(hosts, outputs, strict=True):
            host.finish()
            fluxes = np.fromfile(output, np.float32).reshape(len(names), -1)
            emulators = fluxes[[n for n, contestant in enumerate(names) if contestant != "scheme"]]
            difference = float(np.abs(emulators - expected).max() / np.abs(expected).max())
            case.difference = max(case.difference, difference if np.isfinite(difference) else np.inf)


def judge(case: HostCase) -> list[Verdict]:
    """Hold a case against the bars."""
    if not case.times:
        return []
    by_hand = min(("blocks", "matrices"), key=lambda name: case.time(name).median)
    verdicts = [Verdict("package / TorchScript", case.label, case.ratio("package", "script"), 1.0, "")]
    if case.threads > 1:
        return [*verdicts, Verdict("package, threads / 1 thread", case.label, case.ratio("package", "package_one"), TEAM, "")]
    verdicts.append(Verdict(f"package / {LABELS[by_hand]}", case.label, case.ratio("package", by_hand), BY_HAND, ""))
    for name, bar in (("package", BARE), ("packed", BARE_DOUBLE), ("fields", BARE_DOUBLE)):
        verdicts.append(Verdict(f"({LABELS[name]} - {CALL_US} us) / bare kernel", case.label, case.beyond(name, "kernel"), bar, ""))
    return verdicts


def markdown(cases: Sequence[HostCase], error: float) -> str:
    """Return the results as Markdown."""
    rows, bars = [], []
    for case in cases:
        times = [number(case.time(name).median) for name in LABELS] if case.times else [NOT_MEASURED, *[""] * (len(LABELS) - 1)]
        rows.append([case.label, *times])
        for verdict in judge(case):
            limits = f"{verdict.estimate.low:.3f} to {verdict.estimate.high:.3f}"
            met = "met" if verdict.met else "MISSED"
            bars.append([f"{verdict.what}: {case.label}", f"{verdict.estimate.median:.3f}", limits, f"{verdict.bar:.3g}", met])
    around = ", ".join(f"{key}: {value}" for key, value in surroundings().items())
    return "\n".join(
        [
            f"Median microseconds per call. {around}. The emulator is off by {error:.1f} W/m2 (root mean square).",
            "",
            table(["case", *LABELS.values()], rows),
            "",
            "Comparisons within the pairs, with 95 % confidence limits of the median:",
            "",
            table(["comparison", "median", "95 %", "bar", "verdict"], bars),
            "",
        ]
    )


def plot(cases: Sequence[HostCase], path: Path) -> None:
    """Draw the times of all contestants over those of the package."""
    mpl.use("agg")
    known = [case for case in cases if case.times]
    figure, axes = plt.subplots(figsize=(9, 0.32 * len(known) + 1.6), layout="constrained")
    for name, marker in zip(list(LABELS)[1:], "ox+^sDv*", strict=True):
        ratios = [case.ratio(name, "package").median for case in known]
        axes.plot(ratios, range(len(known)), marker, label=LABELS[name], fillstyle="none")
    axes.axvline(1, color="gray", linewidth=0.8)
    axes.set(xscale="log", xlabel="time per call / package, real32 arrays", yticks=range(len(known)))
    axes.set_yticklabels([case.label for case in known])
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def as_json(cases: Sequence[HostCase]) -> list[dict[str, Any]]:
    """Return the results for programs."""
    return [
        asdict(case) | {"label": case.label, "comparisons": [asdict(v) | {"met": v.met} for v in judge(case)]} for case in cases
    ]


def main() -> int:
    """Build, train, measure, report, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", type=int, default=range(len(CASES)), help="only these, counted from 0")
    parser.add_argument("--pairs", type=int, default=36, help="pairs of measurements; 30 and more for a verdict")
    parser.add_argument("--starts", type=int, default=STARTS, help="processes over which they are spread")
    parser.add_argument("--seconds", type=float, default=60, help="of training")
    parser.add_argument("--busy", action="store_true", help="measure several threads even where other work has the cores")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench", help="folder for everything that is made")
    parser.add_argument("--record", action="store_true", help="put the tables into docs/benchmark-host.md too")
    options = parser.parse_args()
    folder, results = options.output.resolve() / "host", options.output.resolve() / "results"
    for place in (folder, results):
        place.mkdir(parents=True, exist_ok=True)
    scheme = build(folder)
    write(folder, scheme, options.seconds)
    for storage in STORAGES:
        build_host(folder, storage)
    cores = os.sched_getaffinity(0)
    cases = []
    for chosen in options.cases:
        storage, batch, threads, processes = CASES[chosen]
        case = HostCase(storage, batch, threads=threads, processes=processes)
        cases.append(case)
        free = options.busy or threads == 1 or idle_cores() > threads - 0.2
        if free:
            os.sched_setaffinity(0, {max(cores)} if threads * processes == 1 else cores)
            measure(folder, case, options.pairs, options.starts)
            os.sched_setaffinity(0, cores)
            free = options.busy or threads == 1 or idle_cores() > threads - 0.2
        if not free:
            case.times.clear()
            print(f"{case.label}: {NOT_MEASURED}", flush=True)
            continue
        print(f"{case.label}: package {case.time('package').median:.2f} us", flush=True)
        if not case.difference <= AGREEMENT:
            print(f"the contestants' results differ by {case.difference:.1e} of the largest value", file=sys.stderr)
            return 1
    x, emulated = np.fromfile(folder / "columns.bin").reshape(-1, 45), np.fromfile(folder / "expected.bin", np.float32)
    text = markdown(cases, float(np.sqrt(np.mean((longwave(scheme, x).ravel() - emulated) ** 2))))
    print(f"\n{text}")
    (results / "host.md").write_text(text)
    (results / "host.json").write_text(json.dumps(as_json(cases), indent=1))
    plot(cases, results / "host.png")
    if options.record:
        record(text, PAGE, "host")
    missed = [verdict for case in cases for verdict in judge(case) if not verdict.met]
    for verdict in missed:
        print(f"missed: {verdict.what}, {verdict.case}: {verdict.estimate} against {verdict.bar:.3g}", file=sys.stderr)
    return 3 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
