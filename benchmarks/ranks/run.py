"""What ranks do together, against MPI's own calls: pools of columns, averages of gradients, training steps, loading.

Results go to ``build/bench/results``. Exits with 3 when a bar is missed. The MPI is that of ``mpifort.openmpi``.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

import pt2ts

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.shared.build import make
from benchmarks.shared.measure import Case, Contestant, Estimate, estimate, shuffled
from benchmarks.shared.networks import perceptron
from benchmarks.shared.report import Verdict, number, record, surroundings, table

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "parallel.md"
COMPILER, LAUNCHER = "mpifort.openmpi", ["mpirun.openmpi", "--allow-run-as-root", "--bind-to", "core"]
RANKS = 2
#: Bars: times as long as MPI's own calls, or as one rank alone; memory of four ranks in weights of one. Agreeing on errors, which
#: MPI's own calls do not do, may take two microseconds beside that.
AGREEING_US = 2.0
POOL, AVERAGE, STEP, EARLY, MEMORY = 1.10, 1.15, 1 / 0.85, 1.05, 1.3
LOADING_RANKS, STARTS = 4, 5
LABELS = {
    "pool": "pool%infer", "bare": "Gatherv, infer, Scatterv", "average": "torch_mpi_average_gradients", "allreduce": "Allreduce",
    "ranks": "step on two ranks", "one": "step on one", "early": "step, averaged while backward computes",
    "halves": "torch_mpi_trainer_step on two ranks", "whole": "trainer%step on one",
}  # fmt: skip


@dataclass
class RankCase(Case):
    """Two contestants; ``network`` is the kind of the case, and ``batch`` the columns or samples of a rank."""

    widths: Sequence[int] = ()

    @property
    def label(self) -> str:
        """Name for people."""
        what = "columns" if self.network == "pool" else "samples"
        shape = "-".join(map(str, self.widths))
        return f"{shape}" if self.network == "average" else f"{shape}, {self.batch} {what} a rank"


HOST, MIDDLE, LARGE = (45, 64, 64, 9), (124, 128, 128, 128, 128, 112), (512, 1024, 1024, 512)
CASES = [
    *(("pool", HOST, batch) for batch in (32, 512, 4096)),
    *(("pool", MIDDLE, batch) for batch in (32, 512)),
    *(("average", widths, 8) for widths in (MIDDLE, LARGE)),
    ("step", MIDDLE, 1024),
    ("step", LARGE, 1024),
    ("early", LARGE, 1024),
    ("compiled", LARGE, 1024),
]
BARS = {"pool": ("pool", "bare", POOL), "average": ("average", "allreduce", AVERAGE), "step": ("ranks", "one", STEP),
        "early": ("early", "ranks", EARLY), "compiled": ("halves", "whole", STEP)}  # fmt: skip


def flags(option: str) -> list[str]:
    """Ask the installed library what a program with MPI needs."""
    command = [sys.executable, "-m", "ftorch", option, "--mpi", COMPILER]
    return shlex.split(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def build(folder: Path) -> Path:
    """Compile the program."""
    program, source, link = folder / "ranks", HERE / "ranks.f90", flags("--ldflags")
    command = [COMPILER, "-O2", *flags("--fflags"), str(source), "-o", program.name, *link]
    make(program, [source, Path(link[0].removeprefix("-L")) / "libftorch_mpi.so"], command)
    return program


def write_case(folder: Path, kind: str, widths: Sequence[int], batch: int, block_us: float) -> Path:
    """Write the network and what the program has to know; return the namelist's file."""
    torch.manual_seed(1)
    ending = {"pool": ".pt2", "compiled": "-train.pt2"}.get(kind, ".pt")
    model = folder / f"ranks-{'-'.join(map(str, widths))}{ending}"
    network, x = perceptron(list(widths), nn.Tanh), torch.randn(8, widths[0])
    if not model.exists() and kind == "compiled":
        pt2ts.export_training(network, "mse", "adam", x, torch.randn(8, widths[-1]), model, halves=True)
    elif not model.exists():
        pt2ts.export(network, x, model, inputs=[f"x[batch,{widths[0]}]"])
    path = folder / f"{kind}-{widths[0]}-{batch}.nml"
    path.write_text(
        f"&case\n  kind = '{kind}', model_file = '{model.name}', n_in = {widths[0]}, n_out = {widths[-1]}, batch = {batch},\n"
        f"  block_us = {block_us}\n/\n"
    )
    return path


def measure(program: Path, case: RankCase, pairs: int, starts: int, block_us: float) -> None:
    """Time the two contestants of a case."""
    path = write_case(program.parent, case.network, case.widths, case.batch, block_us)
    for _ in range(starts):
        job = Contestant([*LAUNCHER, "-n", str(RANKS), "./ranks", path.name], program.parent)
        names = job.answer()
        for _ in range(-(-pairs // starts)):
            job.tell(shuffled(len(names)))
            for name, nanoseconds in zip(names, job.answer(), strict=True):
                case.times.setdefault(name, []).append([float(nanoseconds) / 1000])
        job.finish()


def loading(folder: Path, megabytes: float) -> tuple[float, dict[str, tuple[Estimate, Estimate]]]:
    """Return the megabytes of the weights, and seconds and megabytes of both ways in which four ranks load one model."""
    # Many layers of moderate width: what is computed while loading is small beside the weights.
    width, layers = 1000, round(megabytes / 4)
    package, name = folder / f"ranks-{width}x{layers}.pt2", "load.nml"
    if not package.exists():
        deep = perceptron([width] * (layers + 1), nn.Tanh)
        pt2ts.export(deep, torch.randn(2, width), package, inputs=[f"x[batch,{width}]"], format=pt2ts.Package(batch=()))
        pt2ts.export(nn.Linear(2, 2), torch.randn(2, 2), folder / f"{name}.warm.pt")
    found = {}
    for kind in ("load", "load_alone"):
        (folder / name).write_text(
            f"&case\n  kind = '{kind}', model_file = '{package.name}', n_in = 2, n_out = 2, batch = 1, block_us = 1\n/\n"
        )
        launcher = [*LAUNCHER[:-1], "none", "--oversubscribe", "-n", str(LOADING_RANKS), "./ranks", name]
        answers = []
        for _ in range(STARTS):
            done = subprocess.run(launcher, cwd=folder, check=True, capture_output=True, text=True)
            answers.append([float(word) for word in done.stdout.split()])
        found[kind] = estimate([seconds for seconds, _ in answers]), estimate([kilobytes / 1024 for _, kilobytes in answers])
    return layers * width * (width + 1) * 4 / 2**20, found


def markdown(cases: Sequence[RankCase], weights: float, loads: dict[str, tuple[Estimate, Estimate]]) -> str:
    """Return the results as Markdown."""
    rows = []
    for case in cases:
        mine, theirs, _ = BARS[case.network]
        verdict = verdict_of(case)
        limits = f"{verdict.estimate.low:.3f} to {verdict.estimate.high:.3f}"
        rows.append([
            f"{verdict.what}: {case.label}", number(case.time(mine).median), number(case.time(theirs).median),
            f"{verdict.estimate.median:.3f}", limits, f"{verdict.bar:.3g}", "met" if verdict.met else "MISSED",
        ])  # fmt: skip
    names = {"load": "`torch_mpi_model_load`", "load_alone": "each rank loads by itself"}
    lines = [
        [names[kind], f"{seconds.median:.3f}", f"{memory.median:.0f}", f"{memory.median / weights:.2f}"]
        for kind, (seconds, memory) in loads.items()
    ]
    around = ", ".join(f"{key}: {value}" for key, value in surroundings().items())
    return "\n".join([
        f"{RANKS} ranks, one on each core. {around}.", "",
        table(["comparison", "us", "MPI or one, us", "ratio", "95 %", "bar", "verdict"], rows), "",
        f"A package with {weights:.0f} MiB of weights on {LOADING_RANKS} ranks of one machine; memory of all together, shared "
        f"pages counted once (bar: {MEMORY} times the weights of one rank):", "",
        table(["", "seconds", "MiB", "in weights of one"], lines), "",
    ])  # fmt: skip


def verdict_of(case: RankCase) -> Verdict:
    """Hold a case against its bar."""
    mine, theirs, bar = BARS[case.network]
    taken = AGREEING_US if case.network in ("pool", "average") else 0.0
    beside = f"({LABELS[mine]} - {taken:g} us)" if taken else LABELS[mine]
    pairs = zip(case.times[mine], case.times[theirs], strict=True)
    ratios = [statistics.median((a - taken) / b for a, b in zip(*pair, strict=True)) for pair in pairs]
    return Verdict(f"{beside} / {LABELS[theirs]}", case.label, estimate(ratios), bar, "")


def main() -> None:
    """Measure, write, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=60, help="measurements of each case")
    parser.add_argument("--starts", type=int, default=6, help="jobs over which they are spread")
    parser.add_argument("--block-us", type=float, default=3000.0, help="length of a measurement")
    parser.add_argument("--megabytes", type=float, default=100.0, help="weights of the model that is loaded")
    parser.add_argument("--cases", type=int, nargs="*", help="numbers of cases, from 0")
    parser.add_argument("--record", action="store_true", help=f"write the results into {PAGE.relative_to(ROOT)}")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "bench" / "ranks")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    program = build(options.folder)
    cases = []
    for number_, (kind, widths, batch) in enumerate(CASES):
        if options.cases is not None and number_ not in options.cases:
            continue
        case = RankCase(kind, batch, widths=widths)
        measure(program, case, options.pairs, options.starts, options.block_us)
        verdict = verdict_of(case)
        print(f"{verdict.what}, {case.label}: {verdict.estimate.median:.3f} (bar {verdict.bar:.3g})", flush=True)
        cases.append(case)
    weights, loads = loading(options.folder, options.megabytes)
    text = markdown(cases, weights, loads)
    print(text)
    results = ROOT / "build" / "bench" / "results"
    results.mkdir(parents=True, exist_ok=True)
    (results / "ranks.md").write_text(text)
    (results / "ranks.json").write_text(json.dumps([asdict(case) | {"label": case.label} for case in cases], indent=1))
    if options.record:
        record(text, PAGE, "ranks")
    memory = statistics.median([loads["load"][1].median / weights])
    if memory > MEMORY or not all(verdict_of(case).met for case in cases):
        sys.exit(3)


if __name__ == "__main__":
    main()
