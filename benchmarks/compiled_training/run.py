"""What a step of a compiled training costs: against the optimizers of the library and eager Python, measured as calls are.

Results go to ``build/bench/results``. Exits with 1 when contestants compute different losses and with 3 when a bar is missed.
``--eager FOLDER CASE`` is the process of eager Python, which times a block of steps for every line it reads.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import pt2ts

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.shared.build import make_program
from benchmarks.shared.measure import Contestant, Estimate, estimate, shuffled, stay_on_one_core
from benchmarks.shared.networks import perceptron
from benchmarks.shared.report import number, record, surroundings, table

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "compiled-training.md"

#: How many times as fast as a contestant a compiled step has to be in the case of the 1-16-1 network, and in the others.
BARS = {"library": (4.0, 1.0), "eager": (8.0, 1.0)}
#: Samples in the examples that every package is made from: what it is used with is another matter.
EXAMPLE = 8
#: Losses may differ by this much, relative, after the first steps: the compiled step adds up in another order.
AGREEMENT = 1e-3
FIRST_STEPS = 20
LABELS = {"compiled": "compiled step", "library": "library's optimizer", "eager": "eager Python"}

#: Widths of the layers and batch size of each case.
CASES: dict[str, tuple[list[int], int]] = {
    "line_64": ([1, 16, 1], 64),
    "small_32": ([5, 16, 16, 5], 32),
    "middle_128": ([5, 32, 32, 1], 128),
    "large_32": ([124, 128, 128, 128, 128, 112], 32),
    **{f"small_{batch}": ([5, 16, 16, 5], batch) for batch in (1, 129, 512, 2048, 8192)},
    "large_1024": ([124, 128, 128, 128, 128, 112], 1024),
}


@dataclass
class CompiledCase:
    """Times of all contestants in one case: microseconds per step, ``times[contestant][pair][round]``."""

    name: str
    times: dict[str, list[list[float]]] = field(default_factory=dict)
    losses: dict[str, float] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Name for people."""
        widths, batch = CASES[self.name]
        return f"MLP {'-'.join(map(str, widths))}, batch {batch}"

    def time(self, contestant: str) -> Estimate:
        """Return microseconds per step."""
        return estimate([statistics.median(rounds) for rounds in self.times[contestant]])

    def speedup(self, other: str) -> Estimate:
        """Return how many times as long as the compiled step another one takes."""
        pairs = zip(self.times[other], self.times["compiled"], strict=True)
        return estimate([statistics.median(a / b for a, b in zip(*pair, strict=True)) for pair in pairs])

    @property
    def difference(self) -> float:
        """Largest difference between a loss and eager Python's, relative to that."""
        return max(abs(loss / self.losses["eager"] - 1) for loss in self.losses.values())

    def bar(self, other: str) -> float:
        """Return how many times as fast as a contestant the compiled step has to be."""
        return BARS[other][self.name != "line_64"]

    @property
    def met(self) -> bool:
        """Whether the bars are met: missed only if even the upper limit is below."""
        return all(self.speedup(other).high >= self.bar(other) for other in BARS)


def network(name: str) -> nn.Module:
    """Return the network of a case, with the same weights every time."""
    torch.manual_seed(1)
    return perceptron(CASES[name][0], nn.Tanh)


def data(name: str) -> tuple[Tensor, Tensor]:
    """Return inputs and targets. Targets are noise, so that the loss stays well above 0."""
    widths, batch = CASES[name]
    source = torch.Generator().manual_seed(3)
    return torch.randn(batch, widths[0], generator=source), torch.randn(batch, widths[-1], generator=source)


def resize(tensor: Tensor, batch: int) -> Tensor:
    """Return so many samples, those of a tensor again and again."""
    return tensor[torch.arange(batch) % tensor.shape[0]]


def build(folder: Path, fflags: list[str] | None, ldflags: list[str] | None) -> Path:
    """Compile the program that holds the contestants."""
    program = folder / "compiled_training"
    make_program(program, HERE / "steps.f90", (fflags, ldflags), [])
    return program


def write_case(name: str, block_us: float, folder: Path) -> Path:
    """Write network, package and data, and what the Fortran program has to know."""
    widths, batch = CASES[name]
    module, (x, y) = network(name), data(name)
    inputs = [f"x[batch,{widths[0]}] float32"]
    pt2ts.export(module, x, folder / f"{name}.pt", inputs=inputs)
    package = folder / f"mlp-{'-'.join(map(str, widths))}.pt2"
    if not package.exists():  # compiling takes half a minute
        pt2ts.export_training(
            module, "mse", "adam", resize(x, EXAMPLE), resize(y, EXAMPLE), package, inputs=inputs, learning_rate=1e-3, threads=1,
            isa="native",
        )  # fmt: skip
    np.concatenate([x.numpy().ravel(), y.numpy().ravel()]).tofile(folder / f"{name}.data")
    path = folder / f"{name}.nml"
    path.write_text(
        f"&case\n  model = '{name}.pt', package = '{package.name}', data = '{name}.data',\n"
        f"  n_in = {widths[0]}, n_out = {widths[-1]}, batch = {batch}, first_steps = {FIRST_STEPS}, block_us = {block_us}\n/\n"
    )
    return path


def measure(program: Path, case: CompiledCase, pairs: int, rounds: int, block_us: float) -> None:
    """Time all contestants of one case; every pair comes from a fresh process."""
    folder = program.parent
    command = [program, write_case(case.name, block_us, folder)]
    eager = Contestant([sys.executable, Path(__file__), "--eager", case.name, "--block-us", str(block_us)], folder)
    case.losses["eager"] = float(eager.answer()[0])
    for _ in range(pairs):
        native = Contestant(command, folder)
        names = native.answer()
        native.tell(shuffled(len(names)))
        case.losses |= dict(zip(names, map(float, native.answer()), strict=True))
        for n in range(rounds):
            native.tell(shuffled(len(names)))
            answers = dict(zip(names, native.answer(), strict=True))
            eager.tell("")
            answers["eager"] = eager.answer()[0]
            for name, nanoseconds in answers.items():
                listed = case.times.setdefault(name, [])
                if n == 0:
                    listed.append([])
                listed[-1].append(float(nanoseconds) / 1000)
        native.finish()
    eager.finish()


def run_eager(name: str, block_us: float) -> None:
    """Time a block of eager steps for every line of standard input."""
    torch.set_num_threads(1)
    module, (x, y) = network(name), data(name)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)

    def train(steps: int) -> float:
        for _ in range(steps):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(module(x), y)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return loss.item()

    def timed(steps: int) -> float:
        start = time.perf_counter_ns()
        train(steps)
        return (time.perf_counter_ns() - start) / steps

    print(train(FIRST_STEPS), flush=True)
    steps = max(1, int(1000 * block_us / timed(5)))
    for _ in sys.stdin:
        train(1)
        print(timed(steps), flush=True)


def markdown(cases: Sequence[CompiledCase], around: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    times = [[case.label, *(number(case.time(name).median) for name in LABELS)] for case in cases]
    bars = []
    for case in cases:
        for other in BARS:
            ratio, bar = case.speedup(other), case.bar(other)
            limits = f"{ratio.low:.2f} to {ratio.high:.2f}"
            verdict = "met" if ratio.high >= bar else "MISSED"
            bars.append([f"{LABELS[other]}: {case.label}", f"{ratio.median:.2f}", limits, f"{bar:g}", verdict])
    machine = ", ".join(f"{key}: {value}" for key, value in around.items())
    return "\n".join(
        [
            f"Median microseconds per training step with Adam, float32, one thread; packages of {EXAMPLE} samples. {machine}.",
            "",
            table(["case", *LABELS.values()], times),
            "",
            "How many times as fast the compiled step is, within the pairs, with 95 % confidence limits of the median:",
            "",
            table(["faster than", "median", "95 %", "bar", "verdict"], bars),
            "",
        ]
    )


def main() -> int:
    """Build, measure, report, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES), help="only these")
    parser.add_argument("--pairs", type=int, default=30, help="pairs of measurements; 30 and more for a verdict")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of a pair, in which the contestants take turns")
    parser.add_argument("--block-us", type=float, default=2000.0, help="length of a block of steps in microseconds")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench", help="folder for everything that is made")
    parser.add_argument("--record", action="store_true", help="put the table into docs/compiled-training.md too")
    parser.add_argument("--fflags", type=shlex.split, help="instead of those of the installed library")
    parser.add_argument("--ldflags", type=shlex.split, help="instead of those of the installed library")
    parser.add_argument("--eager", choices=list(CASES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.eager:
        run_eager(options.eager, options.block_us)
        return 0
    folder: Path = options.output.resolve()
    (folder / "results").mkdir(parents=True, exist_ok=True)
    program = build(folder, options.fflags, options.ldflags)
    stay_on_one_core()
    cases = [CompiledCase(name) for name in options.cases]
    for case in cases:
        measure(program, case, options.pairs, options.rounds, options.block_us)
        if not case.difference <= AGREEMENT:
            print(f"{case.label}: the losses differ: {case.losses}", file=sys.stderr)
            return 1
    text = markdown(cases, surroundings())
    print(text)
    (folder / "results" / "compiled_training.md").write_text(text)
    listed = [asdict(case) | {"speedup": {name: asdict(case.speedup(name)) for name in BARS}, "met": case.met} for case in cases]
    (folder / "results" / "compiled_training.json").write_text(json.dumps(listed, indent=1))
    if options.record:
        record(text, PAGE, "results")
    return 0 if all(case.met for case in cases) else 3


if __name__ == "__main__":
    sys.exit(main())
