"""Run the atmosphere in all ways on 1, 2 and 4 ranks: equal fields, one table, one picture. ``scaling.py PROGRAM MODEL``."""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")
from matplotlib import pyplot as plt

#: Ways and the ranks that each is run on; servers need one more than there are columns for.
MODES = {"local": (1, 2, 4), "pool": (1, 2, 4), "hybrid": (2, 4), "servers": (2, 4)}


@dataclass
class Run:
    """What one job said; seconds of a time step."""

    mode: str
    ranks: int
    step: float
    physics: float
    waiting: float
    megabytes: int
    digest: str


def run(program: Path, model: Path, mode: str, ranks: int, options: argparse.Namespace) -> Run:
    """Run one job."""
    name = f"{mode}_{ranks}"
    result = Path(f"{name}.bin")
    Path(f"{name}.nml").write_text(f"&run\n  mode = '{mode}', model = '{model}', result = '{result}', steps = {options.steps}\n/\n")
    # More ranks than cores are for the numbers, not for the time: they must let each other work.
    extra = ["--oversubscribe", "--bind-to", "none"] if "open" in version(options.launcher).lower() else []
    if extra and os.geteuid() == 0:
        extra.append("--allow-run-as-root")
    line = [options.launcher, *extra, "-n", str(ranks), str(program), f"{name}.nml"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(line)} failed:\n{done.stdout}{done.stderr}")
    step, physics, waiting = map(float, re.findall(r"[\d.]+", done.stdout.partition("waiting:")[2].splitlines()[0]))
    megabytes = int(done.stdout.rpartition("ranks: ")[2])
    return Run(mode, ranks, step, physics, waiting, megabytes, hashlib.sha256(result.read_bytes()).hexdigest())


def version(launcher: str) -> str:
    """Return what the launcher says it is."""
    return subprocess.run([launcher, "--version"], capture_output=True, text=True, check=False).stdout


def draw(runs: list[Run], path: Path) -> None:
    """Draw time and memory over the ranks."""
    figure, (times, memory) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for mode in MODES:
        mine = [run for run in runs if run.mode == mode]
        times.plot([run.ranks for run in mine], [1000 * run.step for run in mine], "o-", label=mode)
        memory.plot([run.ranks for run in mine], [run.megabytes for run in mine], "o-", label=mode)
    times.set(xlabel="ranks", ylabel="milliseconds a step", ylim=(0, None), title=f"on {os.cpu_count()} cores")
    memory.set(xlabel="ranks", ylabel="megabytes of all ranks", ylim=(0, None), title="shared pages counted once")
    for axes in (times, memory):
        axes.set_xticks(sorted({run.ranks for run in runs}))
        axes.grid(alpha=0.3)
    times.legend()
    figure.savefig(path, dpi=120)


def main() -> None:
    """Run all, compare, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--launcher", default="mpiexec")
    options = parser.parse_args()
    runs = []
    print("mode     ranks   ms a step   physics   waiting   MB of all ranks", flush=True)
    for mode, counts in MODES.items():
        for ranks in counts:
            made = run(options.program, options.model, mode, ranks, options)
            runs.append(made)
            numbers = f"{1000 * made.step:11.3f}{1000 * made.physics:10.3f}{1000 * made.waiting:10.3f}"
            print(f"{mode:8} {ranks:5}{numbers}{made.megabytes:18}", flush=True)
    draw(runs, Path("scaling.png"))
    if len({made.digest for made in runs}) > 1:
        sys.exit("FAILED: the temperatures differ: " + ", ".join(f"{made.mode} {made.ranks} {made.digest[:8]}" for made in runs))
    print(f"parallel_columns: PASSED, the same bits in {len(runs)} runs")


if __name__ == "__main__":
    main()
