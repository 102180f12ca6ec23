"""Runs the contestants of a case against each other."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.shared.build import make_loops, make_program, make_yardstick
from benchmarks.shared.measure import Case, Contestant, Effort, shuffled
from benchmarks.shared.networks import write_case

HERE = Path(__file__).resolve().parent
#: Processes over which the pairs of long calls are spread.
LONG_STARTS = 3
#: Contestants that compute the network.
COMPUTING = ("forward", "infer", "bare_forward", "plain", "loops")


def build(folder: Path, fflags: list[str] | None = None, ldflags: list[str] | None = None) -> Path:
    """Compile the contestants and return the program that holds them.

    Parameters
    ----------
    folder
        Where objects and the program go.
    fflags, ldflags
        What compiles and links a program that uses the Fortran interface; asked of the installed library by default.

    Returns
    -------
    Path
        The program.
    """
    plain, loops, program = folder / "libbench_plain.so", folder / "loops.o", folder / "calls"
    make_yardstick(plain, HERE / "plain.cpp")
    make_loops(loops)
    make_program(program, HERE / "calls.f90", (fflags, ldflags), [loops, plain])
    return program


def disagreement(case: Case, names: Sequence[str], folder: Path) -> float:
    """Return the largest difference between a contestant's result and eager Python's, relative to the largest value."""
    expected: NDArray[np.float32] = np.fromfile(folder / f"{case.network}_{case.batch}.eager", np.float32)
    results = np.fromfile(folder / f"{case.network}_{case.batch}.out", np.float32)
    computed = results.reshape(sum(name in COMPUTING for name in names), -1)
    return float(np.abs(computed - expected.ravel()).max() / np.abs(expected).max())


def measure(program: Path, network: str, batch: int, effort: Effort) -> Case:
    """Time all contestants of one case.

    Parameters
    ----------
    program
        What ``build`` made; the networks' files lie beside it.
    network
        One of ``NETWORKS``.
    batch
        Samples per call.
    effort
        How long to measure.

    Returns
    -------
    Case
        The times, and by how much the contestants' results differ.
    """
    folder = program.parent
    case = Case(network, batch)
    command = [program, write_case(network, batch, effort.block_us, folder)]
    output = f"{network}_{batch}.eager"
    eager = Contestant([sys.executable, HERE / "eager.py", network, str(batch), str(effort.block_us), output], folder)
    # Where things lie does not matter to calls of a quarter of a second: there, each round is a pair of its own.
    long = network == "sst_cnn" and batch > 1
    names: list[str] = []
    for _ in range(LONG_STARTS if long else effort.pairs):
        native = Contestant(command, folder)
        names = native.answer()
        native.tell(shuffled(len(names)))
        for n in range(-(-effort.pairs // LONG_STARTS) if long else effort.rounds):
            native.tell(shuffled(len(names)))
            answers = dict(zip(names, native.answer(), strict=True))
            eager.tell("")
            answers["eager"] = eager.answer()[0]
            for name, nanoseconds in answers.items():
                pairs = case.times.setdefault(name, [])
                if long or n == 0:
                    pairs.append([])
                pairs[-1].append(float(nanoseconds) / 1000)
        native.finish()
    eager.finish()
    case.difference = disagreement(case, names, folder)
    return case
