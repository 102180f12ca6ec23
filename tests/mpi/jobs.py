"""Programs of many ranks: built with an MPI as users do, and run."""

from __future__ import annotations

import os
import shlex
import subprocess
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ftorch import Mpi, find_mpi

from ..support import known_compiler, printed_flags, run, shared_folder

HERE = Path(__file__).resolve().parent
RANKS = (1, 2, 4)


@cache
def the_mpi(kind: str) -> Mpi:
    """Return an MPI. Where set-up has not installed it, this fails and says so."""
    return find_mpi(f"mpifort.{kind}")


@cache
def flags_of_wrapper(kind: str) -> tuple[str, ...]:
    """Return what the MPI's wrapper adds, without what is meant for the compiler it was made with."""
    asked = {"openmpi": "--showme", "mpich": "-show"}[kind]
    words = shlex.split(run(the_mpi(kind).fortran, asked))
    return tuple(word for word in words if word.startswith(("-I", "-L", "-l")))


@cache
def readable_header(fc: str, kind: str) -> tuple[str, ...]:
    """Return the flag for an mpif.h that the compiler can read: flang refuses the generic MPI_Sizeof of Open MPI's."""
    if fc == "gfortran" or kind != "openmpi":
        return ()
    folders = [Path(word[2:]) for word in flags_of_wrapper(kind) if word.startswith("-I")]
    original = next(folder / "mpif.h" for folder in folders if (folder / "mpif.h").exists())
    lines = [line for line in original.read_text().splitlines() if "mpif-sizeof.h" not in line]

    def write(folder: Path) -> None:
        (folder / "mpif.h").write_text("\n".join(lines) + "\n")

    return (f"-I{shared_folder('mpif', [original.read_bytes()], write)}",)


def line_to_compile(fc: str, kind: str, sources: list[Path], flags: tuple[str, ...]) -> list[str | Path]:
    """Return the compiler, its sources and the flags that are printed; the library of MPI comes last."""
    options = ("--mpi", str(the_mpi(kind).fortran))
    of_mpi = flags_of_wrapper(kind)
    first, last = printed_flags(fc, "--fflags", *options), printed_flags(fc, "--ldflags", *options)
    return [fc, *flags, *first, *readable_header(fc, kind), *of_mpi, *sources, *last, *of_mpi]


class Rank(NamedTuple):
    """What one rank says."""

    rank: int
    status: int
    message: str


class Job(NamedTuple):
    """How a job has ended."""

    code: int
    out: str
    err: str

    def ranks(self) -> list[Rank]:
        """What the ranks say, in their order; of several lines of one the first comes first."""
        lines = [line.split("|", 2) for line in self.out.splitlines() if line.count("|") >= 2]
        return sorted((Rank(int(rank), int(status), message) for rank, status, message in lines), key=lambda said: said.rank)


def launch(kind: str, ranks: int, program: Path, *words: str, cwd: Path | None = None, **environment: str | None) -> Job:
    """Run a program on many ranks, more of them than there are cores. A variable that is None is taken away."""
    mpirun = f"mpirun.{kind}"
    allowed = ["--oversubscribe", "--allow-run-as-root", "--bind-to", "none"] if kind == "openmpi" else []
    known = {name: value for name, value in {**os.environ, **environment}.items() if value is not None}
    # The launcher is asked to end, so that it takes its ranks with it.
    line = ["timeout", "--kill-after=10", "90", mpirun, *allowed, "-n", str(ranks), str(program), *words]
    done = subprocess.run(line, cwd=cwd, env=known, capture_output=True, text=True, check=False)
    return Job(done.returncode, done.stdout, done.stderr)


def tag(fc: str) -> str:
    """Return the tag of a compiler."""
    return known_compiler(fc).tag
