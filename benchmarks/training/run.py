"""What a training step costs: Fortran against plain C++ and eager Python, measured as calls are.

Results go to ``build/bench/results``. Exits with 1 when contestants compute different losses and with 3 when the bar is missed.
"""

from __future__ import annotations

import argparse
import json
import math
import shlex
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.shared.build import make_program, make_yardstick
from benchmarks.shared.measure import Contestant, Estimate, estimate, shuffled, stay_on_one_core
from benchmarks.shared.networks import NETWORKS, sample, write
from benchmarks.shared.report import number, record, surroundings, table

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"

#: What a step through the library may cost, as a multiple of the fastest plain C++.
BAR = 1.05
#: Losses may differ by this much, relative, after the first steps.
AGREEMENT = 1e-5
FIRST_STEPS = 20
LABELS = {"fortran": "Fortran", "plain": "C++, fused", "torch_optim": "C++, torch::optim", "eager": "eager Python"}
CASES = [("mlp_small", 32, "adam"), ("mlp_small", 32, "sgd"), ("mlp_large", 32, "adam"), ("mlp_large", 1024, "adam")]


@dataclass
class TrainingCase:
    """Times of all contestants in one case: microseconds per step, ``times[contestant][pair][round]``."""

    network: str
    batch: int
    optimizer: str
    times: dict[str, list[list[float]]] = field(default_factory=dict)
    losses: dict[str, float] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Name for people."""
        return (
            f"{NETWORKS[self.network].label}, batch {self.batch}, {self.optimizer.upper() if self.optimizer == 'sgd' else 'Adam'}"
        )

    @property
    def name(self) -> str:
        """Name for files."""
        return f"train_{self.network}_{self.batch}_{self.optimizer}"

    def time(self, contestant: str) -> Estimate:
        """Return microseconds per step."""
        return estimate([statistics.median(rounds) for rounds in self.times[contestant]])

    def ratio(self, contestant: str, other: str) -> Estimate:
        """Return how many times as long as the other a contestant takes."""
        pairs = zip(self.times[contestant], self.times[other], strict=True)
        return estimate([statistics.median(a / b for a, b in zip(*pair, strict=True)) for pair in pairs])

    @property
    def difference(self) -> float:
        """Largest difference between a loss and eager Python's, relative to that."""
        expected = self.losses["eager"]
        return max(abs(loss / expected - 1) if math.isfinite(loss) else math.inf for loss in self.losses.values())

    @property
    def met(self) -> bool:
        """Whether the bar is met: missed only if even the lower limit exceeds it."""
        return self.ratio("fortran", "plain").low <= BAR


def build(folder: Path, fflags: list[str] | None, ldflags: list[str] | None) -> Path:
    """Compile the contestants and return the program that holds them."""
    plain, program = folder / "libtrain_plain.so", folder / "training"
    make_yardstick(plain, HERE / "plain.cpp")
    make_program(program, HERE / "steps.f90", (fflags, ldflags), [plain])
    return program


def write_case(case: TrainingCase, block_us: float, folder: Path) -> Path:
    """Write the data and what the Fortran program has to know. Targets are noise, so that the loss stays well above 0."""
    network = NETWORKS[case.network]
    noise = torch.randn(case.batch, network.n_out, generator=torch.Generator().manual_seed(3))
    np.concatenate([sample(network, case.batch).numpy().ravel(), noise.numpy().ravel()]).tofile(folder / f"{case.name}.data")
    path = folder / f"{case.name}.nml"
    path.write_text(
        f"&case\n  model = '{case.network}_bare.pt', data = '{case.name}.data', n_in = {network.n_in}, n_out = {network.n_out},\n"
        f"  batch = {case.batch}, first_steps = {FIRST_STEPS}, block_us = {block_us},\n"
        f"  adam = {'T' if case.optimizer == 'adam' else 'F'}\n/\n"
    )
    return path


def measure(program: Path, case: TrainingCase, pairs: int, rounds: int, block_us: float) -> None:
    """Time all contestants of one case; every pair comes from a fresh process."""
    folder = program.parent
    command = [program, write_case(case, block_us, folder)]
    settings = [case.network, str(case.batch), case.optimizer, f"{case.name}.data", str(FIRST_STEPS), str(block_us)]
    eager = Contestant([sys.executable, HERE / "eager.py", *settings], folder)
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


def markdown(cases: Sequence[TrainingCase], around: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    times = [[case.label, *(number(case.time(name).median) for name in LABELS)] for case in cases]
    bars = []
    for case in cases:
        ratio = case.ratio("fortran", "plain")
        verdict = "met" if case.met else "MISSED"
        bars.append([case.label, f"{ratio.median:.3f}", f"{ratio.low:.3f} to {ratio.high:.3f}", f"{BAR:g}", verdict])
    machine = ", ".join(f"{key}: {value}" for key, value in around.items())
    return "\n".join(
        [
            f"Median microseconds per training step, one thread. {machine}.",
            "",
            table(["case", *LABELS.values()], times),
            "",
            "Fortran / C++, fused, within the pairs, with 95 % confidence limits of the median:",
            "",
            table(["case", "median", "95 %", "bar", "verdict"], bars),
            "",
        ]
    )


def main() -> int:
    """Build, measure, report, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", type=int, default=range(len(CASES)), help="only these, counted from 0")
    parser.add_argument("--pairs", type=int, default=30, help="pairs of measurements; 30 and more for a verdict")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of a pair, in which the contestants take turns")
    parser.add_argument("--block-us", type=float, default=2000.0, help="length of a block of steps in microseconds")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench", help="folder for everything that is made")
    parser.add_argument("--record", action="store_true", help="put the table into docs/benchmarks.md too")
    parser.add_argument("--fflags", type=shlex.split, help="instead of those of the installed library")
    parser.add_argument("--ldflags", type=shlex.split, help="instead of those of the installed library")
    options = parser.parse_args()
    folder: Path = options.output.resolve()
    (folder / "results").mkdir(parents=True, exist_ok=True)
    program = build(folder, options.fflags, options.ldflags)
    stay_on_one_core()
    cases = [TrainingCase(*CASES[number]) for number in options.cases]
    for name in {case.network for case in cases}:
        write(name, folder)
    for case in cases:
        measure(program, case, options.pairs, options.rounds, options.block_us)
        if not case.difference <= AGREEMENT:
            print(f"{case.label}: the losses differ: {case.losses}", file=sys.stderr)
            return 1
    text = markdown(cases, surroundings())
    print(text)
    (folder / "results" / "training.md").write_text(text)
    listed = [asdict(case) | {"ratio": asdict(case.ratio("fortran", "plain")), "bar": BAR, "met": case.met} for case in cases]
    (folder / "results" / "training.json").write_text(json.dumps(listed, indent=1))
    if options.record:
        record(text, PAGE, "training")
    return 0 if all(case.met for case in cases) else 3


if __name__ == "__main__":
    sys.exit(main())
