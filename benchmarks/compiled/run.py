"""How fast compiled packages run: against TorchScript, plain C++ of both, eager Python, and hand-written Fortran loops.

``make bench`` runs it. Compiling and tuning the packages takes ten minutes or more the first time; they are kept in
``build/bench/compiled``. Exits with 1 when contestants disagree and with 3 when a bar is missed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.compiled.networks import COMPILED, write, write_case
from benchmarks.compiled.plot import plot
from benchmarks.shared.build import COMPILER, SHARED, interface_flags, interface_library, make
from benchmarks.shared.measure import Case, Contestant, Effort, shuffled, stay_on_one_core
from benchmarks.shared.report import Verdict, number, record, surroundings, table

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "performance.md"
#: Contestants may differ by this much, relative to the largest result.
AGREEMENT = {torch.float32: 1e-5, torch.float64: 1e-12}
#: Processes over which the pairs of a case are spread: where code and weights lie in memory is different in each.
STARTS = 6
LABELS = {
    "package": "package",
    "script": "TorchScript",
    "package_plain": "C++, AOTInductor",
    "script_plain": "C++, TorchScript",
    "eager": "eager Python",
    "loops": "Fortran loops",
}


@dataclass(frozen=True)
class Bar:
    """How many times as long as another contestant the package may take in one case, and what is wished for."""

    network: str
    batch: int
    other: str
    limit: float
    goal: float | None = None


BARS = (
    Bar("mlp_small", 1, "loops", 1.8, 1.0),
    Bar("mlp_small", 1, "script_plain", 1 / 8, 1 / 15),
    Bar("mlp_large", 1, "loops", 1.1, 0.8),
    Bar("mlp_large", 1, "script_plain", 1 / 2.5),
    Bar("waves64", 1, "script_plain", 1 / 1.6, 1 / 2.5),
    Bar("waves32", 1, "script_plain", 1 / 1.75, 1 / 4),
    Bar("column", 1, "script_plain", 1 / 4),
    Bar("column", 1024, "script_plain", 1 / 1.8),
)
#: Of every case: times TorchScript through the same interface.
NEVER_SLOWER = 1.03
#: Of every case with PyTorch's own package: times the C++ loop over that, or microseconds more.
OVER_PLAIN, OVER_PLAIN_US = 1.03, 0.15


class CompiledCase(Case):
    """Times of one network of ``COMPILED``."""

    @property
    def label(self) -> str:
        """Name for people."""
        return f"{COMPILED[self.network].label}, batch {self.batch}"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=list(COMPILED), default=list(COMPILED))
    parser.add_argument("--batches", nargs="+", type=int, help="only these of a network's batch sizes")
    parser.add_argument("--pairs", type=int, default=36, help="pairs of measurements; 30 and more for a verdict")
    parser.add_argument("--block-us", type=float, default=500.0, help="length of a block of calls in microseconds")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench" / "compiled", help="folder for what is made")
    parser.add_argument("--record", action="store_true", help="put the tables into docs/performance.md too")
    return parser.parse_args()


def build(folder: Path) -> Path:
    """Compile the contestants and return the program that holds them."""
    include, libraries = Path(torch.__file__).parent / "include", Path(torch.__file__).parent / "lib"
    plain, loops, program = folder / "libcompiled_plain.so", folder / "loops.o", folder / "compiled"
    headers = ["-isystem", str(include), "-isystem", str(include / "torch/csrc/api/include")]
    options = ["-std=c++20", "-O3", "-fPIC", "-shared", "-fvisibility-inlines-hidden"]
    link = [f"-L{libraries}", "-Wl,--no-as-needed", "-ltorch", "-ltorch_cpu", "-lc10", f"-Wl,-rpath,{libraries}"]
    source = HERE / "plain.cpp"
    make(plain, [source], [COMPILER["c++"], *options, *headers, str(source), "-o", plain.name, *link])
    source = SHARED / "loops.f90"
    make(loops, [source], [COMPILER["fortran"], "-O3", "-march=native", "-ffast-math", "-c", str(source), "-o", loops.name])
    first, last, source = interface_flags("--fflags"), interface_flags("--ldflags"), HERE / "calls.f90"
    ours = [loops.name, "-L.", "-lcompiled_plain", "-Wl,-rpath,$ORIGIN", "-o", program.name]
    command = [COMPILER["fortran"], "-O2", *first, str(source), *ours, *last]
    make(program, [source, loops, plain, interface_library(last)], command)
    return program


def measure(program: Path, name: str, batch: int, effort: Effort) -> CompiledCase:
    """Time all contestants of one case; each round is a pair."""
    folder, case = program.parent, CompiledCase(name, batch)
    command = [program, write_case(name, batch, effort.block_us, folder)]
    output = f"{name}_{batch}.eager"
    eager = Contestant([sys.executable, HERE / "eager.py", name, str(batch), str(effort.block_us), output], folder)
    names: list[str] = []
    for _ in range(STARTS):
        native = Contestant(command, folder)
        names = native.answer()
        native.tell(shuffled(len(names)))
        for _ in range(-(-effort.pairs // STARTS)):
            native.tell(shuffled(len(names)))
            answers = dict(zip(names, native.answer(), strict=True))
            eager.tell("")
            answers["eager"] = eager.answer()[0]
            for contestant, nanoseconds in answers.items():
                case.times.setdefault(contestant, []).append([float(nanoseconds) / 1000])
        native.finish()
    eager.finish()
    kind = np.float64 if COMPILED[name].dtype == torch.float64 else np.float32
    expected: NDArray[Any] = np.fromfile(folder / output, kind)
    computed: NDArray[Any] = np.fromfile(folder / f"{name}_{batch}.out", kind).reshape(len(names), -1)
    case.difference = float(np.abs(computed - expected).max() / np.abs(expected).max())
    return case


def judge(case: CompiledCase) -> list[Verdict]:
    """Hold a case against the bars."""
    verdicts = [Verdict("package / TorchScript", case.label, case.ratio("package", "script"), NEVER_SLOWER, "")]
    if "package_plain" in case.times:
        ratio, excess = case.ratio("package", "package_plain"), case.excess("package", "package_plain")
        if ratio.low <= OVER_PLAIN or case.time("package").median > 10:
            verdicts.append(Verdict("package / C++, AOTInductor", case.label, ratio, OVER_PLAIN, ""))
        else:
            verdicts.append(Verdict("package - C++, AOTInductor", case.label, excess, OVER_PLAIN_US, "us"))
    for bar in BARS:
        if (bar.network, bar.batch) == (case.network, case.batch):
            what = f"package / {LABELS[bar.other]}" + (f" (wished for: {bar.goal:.2g})" if bar.goal else "")
            verdicts.append(Verdict(what, case.label, case.ratio("package", bar.other), bar.limit, ""))
    return verdicts


@dataclass(frozen=True)
class Machine:
    """What one core can do at most, as multiplications in registers and PyTorch's own copy show it."""

    flops: dict[torch.dtype, float]
    bytes: float

    def least(self, name: str, batch: int) -> float:
        """Return the microseconds that a call needs at least."""
        operations, traffic = COMPILED[name].work(batch)
        return 1e6 * max(operations / self.flops[COMPILED[name].dtype], traffic / self.bytes)


def best_rate(work: float, run: Callable[[], object]) -> float:
    """Return work per second of the fastest of some calls."""
    times = []
    for _ in range(20):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return work / min(times)


def machine(folder: Path) -> Machine:
    """Measure the peak of one core: multiplications and additions, and copies inside the second-level cache."""
    code, program = HERE / "peak.cpp", folder / "peak"
    options = ["-O3", "-march=native", "-ffp-contract=fast"]
    make(program, [code], [COMPILER["c++"], *options, str(code), "-o", program.name])
    rates = subprocess.run([program], check=True, capture_output=True, text=True).stdout.split()
    flops = dict(zip((torch.float32, torch.float64), map(float, rates), strict=True))
    source = torch.rand(64 * 1024)
    target = torch.empty_like(source)
    copies = 100
    traffic = best_rate(copies * 2.0 * source.nbytes, lambda: [target.copy_(source) for _ in range(copies)])
    return Machine(flops, traffic)


def markdown(cases: Sequence[CompiledCase], limits: Machine) -> str:
    """Return the results as Markdown."""
    times = []
    for case in cases:
        least = limits.least(case.network, case.batch)
        own = case.time("package").median
        row = [number(case.time(name).median) if name in case.times else "" for name in LABELS]
        times.append([case.label, *row, number(least), f"{own / least:.1f}"])
    bars = [
        [
            f"{verdict.what}: {verdict.case}", f"{verdict.estimate.median:.3f}",
            f"{verdict.estimate.low:.3f} to {verdict.estimate.high:.3f}", f"{verdict.bar:.3g} {verdict.unit}".strip(),
            "met" if verdict.met else "MISSED",
        ]
        for case in cases for verdict in judge(case)
    ]  # fmt: skip
    around = ", ".join(f"{key}: {value}" for key, value in surroundings().items())
    peak = ", ".join(f"{rate / 1e9:.0f} GFlop/s in {str(dtype).removeprefix('torch.')}" for dtype, rate in limits.flops.items())
    return "\n".join(
        [
            f"Median microseconds per call, one thread. {around}.",
            f"The limit is what one core needs at least: {peak} and {limits.bytes / 1e9:.0f} GB/s, whichever takes longer.",
            "",
            table(["case", *LABELS.values(), "limit", "package / limit"], times),
            "",
            "Comparisons within the pairs, with 95 % confidence limits of the median:",
            "",
            table(["comparison", "median", "95 %", "bar", "verdict"], bars),
            "",
        ]
    )


def main() -> int:
    """Build, measure, report, judge."""
    options = arguments()
    folder: Path = options.output.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    program = build(folder)
    stay_on_one_core()
    torch.set_num_threads(1)  # tuned for what is measured
    for name in options.networks:
        start = time.perf_counter()
        write(name, folder)
        print(f"{COMPILED[name].label}: compiled and tuned in {time.perf_counter() - start:.0f} s", flush=True)
    cases = []
    for name in options.networks:
        for batch in options.batches or COMPILED[name].batches:
            start = time.perf_counter()
            case = measure(program, name, batch, Effort(pairs=options.pairs, block_us=options.block_us))
            cases.append(case)
            ratio = case.ratio("package", "script")
            print(f"{case.label}: {ratio.median:.3f} of TorchScript, {time.perf_counter() - start:.0f} s", flush=True)
            if not case.difference <= AGREEMENT[COMPILED[name].dtype]:
                print(f"the contestants' results differ by {case.difference:.1e} of the largest value", file=sys.stderr)
                return 1
    text = markdown(cases, machine(folder))
    print(f"\n{text}")
    (folder / "performance.md").write_text(text)
    plot(cases, LABELS, folder / "performance.png")
    print(f"written to {folder}")
    if options.record:
        record(text, PAGE, "compiled")
    missed = [verdict for case in cases for verdict in judge(case) if not verdict.met]
    for verdict in missed:
        print(f"missed: {verdict.what}, {verdict.case}: {verdict.estimate} against {verdict.bar:.3g}", file=sys.stderr)
    return 3 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
