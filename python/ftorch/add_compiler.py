"""Compiles installed sources into this installation: the Fortran interface for another compiler, or ``ftorch_mpi`` for an MPI."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .compilers import Compiler, present_compilers
from .layout import Installation
from .mpi import Mpi


class AddCompilerError(RuntimeError):
    """The interface could not be compiled; the message is CMake's or the compiler's."""


def add_compiler(compiler: Compiler, installation: Installation | None = None) -> None:
    """Compile and install the Fortran interface for ``compiler``.

    Raises
    ------
    AddCompilerError
        If CMake is missing, the compiler is refused, or the installation cannot be written.
    """
    place = installation or Installation()
    _install(_cmake(place), place.source_dir, [f"-DCMAKE_Fortran_COMPILER={compiler.command}"])


def add_mpi(mpi: Mpi, compiler: Compiler, installation: Installation | None = None) -> str:
    """Compile and install ``ftorch_mpi`` for an MPI and a Fortran compiler whose interface is installed.

    Returns
    -------
    str
        A sentence: how communicators can be handed over.

    Raises
    ------
    AddCompilerError
        If that interface or CMake is missing, the MPI is refused, or the installation cannot be written.
    """
    place = installation or Installation()
    if compiler.tag not in place.tags():
        raise AddCompilerError(
            f"the Fortran interface for {compiler.tag} comes first: python -m ftorch --add-compiler {compiler.command}"
        )
    # The compiler itself and not the MPI's wrapper, whose flags may be meant for another one; the rest is asked of the wrappers.
    options = {"CMAKE_Fortran_COMPILER": _behind(mpi, compiler), "MPI_C_COMPILER": mpi.c, "MPI_Fortran_COMPILER": mpi.fortran}
    said = _install(_cmake(place), place.mpi_source_dir(), [f"-D{name}={value}" for name, value in options.items()])
    return next(line.removeprefix("-- ") for line in said.splitlines() if line.startswith("-- Communicators"))


def _behind(mpi: Mpi, compiler: Compiler) -> Path:
    """Return a compiler of the same tag that is no wrapper, if there is one on the PATH."""
    if compiler.command != mpi.fortran:
        return compiler.command
    return next((found.command for found in present_compilers() if found.tag == compiler.tag), compiler.command)


def _cmake(place: Installation) -> str:
    cmake = shutil.which("cmake")
    if cmake is None:
        raise AddCompilerError("cmake was not found; install it, for example with: python -m pip install cmake")
    if not os.access(place.library_dir, os.W_OK):
        raise AddCompilerError(f"{place.library_dir} cannot be written by this user")
    return cmake


def _install(cmake: str, source: Path, options: list[str]) -> str:
    with tempfile.TemporaryDirectory(prefix="ftorch-") as build:
        steps = [
            [cmake, "-S", str(source), "-B", build, *options],
            [cmake, "--build", build, "--target", "install"],
        ]
        said = ""
        for step in steps:
            done = subprocess.run(step, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            if done.returncode != 0:
                raise AddCompilerError(f"{' '.join(step)} failed:\n{done.stdout}")
            said += done.stdout
    return said
