"""Compiles the contestants. Nothing is compiled twice."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
COMPILER = {"fortran": os.environ.get("FC", "gfortran"), "c++": os.environ.get("CXX", "g++")}


def interface_flags(option: str) -> list[str]:
    """Ask the installed library what a Fortran program needs, ``--fflags`` or ``--ldflags``."""
    command = [sys.executable, "-m", "ftorch", option, "--compiler", COMPILER["fortran"]]
    return shlex.split(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def interface_library(ldflags: list[str]) -> Path:
    """Return the library that ``ldflags`` link: a program made for an older one has to be made again."""
    return Path(ldflags[0].removeprefix("-L")) / "libftorch.so"


def make(target: Path, sources: list[Path], command: list[str]) -> None:
    """Run ``command`` unless ``target`` is newer than all sources and was made by the same command."""
    stamp = target.with_name(target.name + ".command")
    if target.exists() and stamp.exists() and stamp.read_text() == shlex.join(command):
        made = target.stat().st_mtime
        if all(source.stat().st_mtime <= made for source in sources):
            return
    print(f"compiling {target.name}", flush=True)
    subprocess.run(command, check=True, cwd=target.parent)
    stamp.write_text(shlex.join(command))


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
    fflags = interface_flags("--fflags") if fflags is None else fflags
    ldflags = interface_flags("--ldflags") if ldflags is None else ldflags
    include, libraries = Path(torch.__file__).parent / "include", Path(torch.__file__).parent / "lib"

    plain = folder / "libbench_plain.so"
    headers = ["-isystem", str(include), "-isystem", str(include / "torch/csrc/api/include")]
    # In a library of its own: only there may torch/lib be in the search path, see docs/install.md. Its copies of libtorch's
    # inline functions stay hidden, or the interface would be timed with the yardstick's.
    options = ["-std=c++20", "-O3", "-fPIC", "-shared", "-fvisibility-inlines-hidden"]
    link = [f"-L{libraries}", "-ltorch", "-ltorch_cpu", "-lc10", f"-Wl,-rpath,{libraries}"]
    source = HERE / "plain.cpp"
    make(plain, [source], [COMPILER["c++"], *options, *headers, str(source), "-o", plain.name, *link])

    loops = folder / "loops.o"
    source = HERE / "loops.f90"
    best = ["-O3", "-march=native", "-ffast-math"]
    make(loops, [source], [COMPILER["fortran"], *best, "-c", str(source), "-o", loops.name])

    program = folder / "bench"
    source = HERE / "bench.f90"
    ours = [loops.name, "-L.", "-lbench_plain", "-Wl,-rpath,$ORIGIN", "-o", program.name]
    make(
        program,
        [source, loops, plain, interface_library(ldflags)],
        [COMPILER["fortran"], "-O2", *fflags, str(source), *ours, *ldflags],
    )
    return program
