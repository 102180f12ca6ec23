"""Run the ocean on 1, 2 and 4 ranks and compare with the program without MPI: ``ranks.py OCEAN OCEAN_RANKS --models build``.

Exits with 1 on failure.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from hosts.runs import Fields, Host, Setting, Verdicts, read

RANKS = (1, 2, 4)
DAYS = 4
#: What velocities with a network may differ by, as a share of the largest: it computes in real32, and strips have other sizes.
SAME = 1e-6
#: What a closure may take from nowhere of the momentum that it moves.
CLOSED = 1e-12


def on_ranks(launcher: str, ranks: int) -> tuple[str, ...]:
    """Return the words before a program that is to run on so many ranks, whatever the number of cores."""
    version = subprocess.run([launcher, "--version"], capture_output=True, text=True, check=False).stdout.lower()
    root = ("--allow-run-as-root",) if os.geteuid() == 0 else ()
    return (launcher, *(("--oversubscribe", "--bind-to", "none", *root) if "open" in version else ()), "-n", str(ranks))


def end(host: Host, name: str, **settings: Setting) -> tuple[Fields, float]:
    """Run; return all of the restart file, and what of the momentum came from nowhere."""
    found = host.run(name, **settings, days_between_records=DAYS, restart=f"{name}_end.nc")
    return read(host.folder / f"{name}_end.nc"), float(found["momentum_left"].max(initial=0.0))


def same_bits(one: Fields, other: Fields) -> bool:
    """Say whether two restart files have the same numbers."""
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def apart(one: Fields, other: Fields) -> float:
    """Return how far the velocities are from each other, as a share of the largest."""
    return max(float(np.abs(one[name] - other[name]).max() / np.abs(one[name]).max()) for name in ("u", "v"))


def judge_scheme(scheme: str, alone: Host, hosts: dict[int, Host], network: Path, verdicts: Verdicts) -> None:
    """Run with one scheme on all numbers of ranks."""
    settings: dict[str, Setting] = {"scheme": scheme, "network": network, "days": DAYS}
    expected, _ = end(alone, scheme, **settings)
    for ranks, host in hosts.items():
        found, left = end(host, f"{scheme}_{ranks}", **settings)
        here = f"{scheme}, ranks {ranks}:"
        if scheme == "network":
            differ = apart(expected, found)
            verdicts.check(differ <= SAME, f"{here} velocities differ by {differ:.0e} of the largest (allowed {SAME:.0e})")
        else:
            verdicts.check(same_bits(expected, found), f"{here} the same bits as without MPI")
        if scheme != "none":
            verdicts.check(left <= CLOSED, f"{here} {left:.0e} of the momentum moved comes from nowhere (allowed {CLOSED:.0e})")


def judge_restart(alone: Host, hosts: dict[int, Host], verdicts: Verdicts) -> None:
    """Continue with other numbers of ranks what four have begun."""
    part: dict[str, Setting] = {"scheme": "zanna_bolton", "days": DAYS // 2}
    whole, _ = end(alone, "whole", **{**part, "days": DAYS})
    end(hosts[4], "half", **part)
    for name, host in (("2 ranks", hosts[2]), ("no MPI", alone)):
        resumed, _ = end(host, "resumed", **part, start="half_end.nc")
        verdicts.check(same_bits(whole, resumed), f"begun on 4 ranks, continued with {name}: the same bits as in one run")


def main() -> int:
    """Run, judge; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("alone", type=Path, help="the program without MPI")
    parser.add_argument("program", type=Path, help="the program for many ranks")
    parser.add_argument("--models", type=Path, default=Path("build"), help="folder of the network, and of the results")
    parser.add_argument("--launcher", default="mpirun", help="what starts the ranks (default: mpirun)")
    options = parser.parse_args()
    folder, verdicts = options.models / "ranks_runs", Verdicts("ocean over ranks")
    alone = Host(options.alone, folder)
    hosts = {ranks: Host(options.program, folder, launcher=on_ranks(options.launcher, ranks)) for ranks in RANKS}
    for scheme in ("none", "zanna_bolton", "network"):
        judge_scheme(scheme, alone, hosts, options.models / "closure.pt", verdicts)
    judge_restart(alone, hosts, verdicts)
    return verdicts.finish()


if __name__ == "__main__":
    sys.exit(main())
