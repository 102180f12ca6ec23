"""Compiles contestants. Nothing is compiled twice."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import torch

SHARED = Path(__file__).resolve().parent
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


def make_yardstick(library: Path, source: Path) -> None:
    """Compile plain C++ over libtorch, which the interface is compared with.

    It is a library of its own: only there may torch/lib be in the search path, see docs/install.md. Its copies of libtorch's inline
    functions stay hidden, or the interface would be timed with the yardstick's.
    """
    root = Path(torch.__file__).parent
    headers = ["-isystem", str(root / "include"), "-isystem", str(root / "include/torch/csrc/api/include")]
    options = ["-std=c++20", "-O3", "-fPIC", "-shared", "-fvisibility-inlines-hidden"]
    link = [f"-L{root / 'lib'}", "-Wl,--no-as-needed", "-ltorch", "-ltorch_cpu", "-lc10", f"-Wl,-rpath,{root / 'lib'}"]
    make(library, [source], [COMPILER["c++"], *options, *headers, str(source), "-o", library.name, *link])


def make_loops(target: Path) -> None:
    """Compile the loops that a modeller would write by hand."""
    source = SHARED / "loops.f90"
    best = ["-O3", "-march=native", "-ffast-math"]
    make(target, [source], [COMPILER["fortran"], *best, "-c", str(source), "-o", target.name])


def make_program(program: Path, source: Path, flags: tuple[list[str] | None, list[str] | None], made: list[Path]) -> None:
    """Compile a program that uses the Fortran interface.

    Parameters
    ----------
    program, source
        What is made, of what.
    flags
        What compiles and what links such a program; None asks the installed library.
    made
        What is linked to it, too: objects, and libraries in the program's own folder.
    """
    fflags = interface_flags("--fflags") if flags[0] is None else flags[0]
    ldflags = interface_flags("--ldflags") if flags[1] is None else flags[1]
    own = [path.name if path.suffix == ".o" else f"-l{path.stem.removeprefix('lib')}" for path in made]
    command = [COMPILER["fortran"], "-O2", *fflags, str(source), *own, "-L.", "-Wl,-rpath,$ORIGIN", "-o", program.name, *ldflags]
    make(program, [source, *made, interface_library(ldflags)], command)
