"""Compiles installed sources into this installation: the Fortran interface for another compiler, or ``ftorch_mpi`` for an MPI."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
import textwrap
from pathlib import Path

from .compilers import Compiler, how_to_get, present_compilers
from .layout import Installation
from .mpi import Mpi


class AddCompilerError(RuntimeError):
    """The interface could not be compiled; the message is CMake's or the compiler's."""


def add_compiler(compiler: Compiler, installation: Installation | None = None, prefix: Path | None = None) -> None:
    """Compile and install the Fortran interface for ``compiler``.

    Parameters
    ----------
    compiler
        The one that is added.
    installation
        Where the sources are, and the C library.
    prefix
        Root of a tree to install into, where the installation cannot be written; made if it is not there.

    Raises
    ------
    AddCompilerError
        If CMake is missing, the compiler is refused, or the installation cannot be written.
    """
    place = installation or Installation()
    options = [f"-DCMAKE_Fortran_COMPILER={compiler.command}"]
    if compiler.flags:
        options.append(f"-DCMAKE_Fortran_FLAGS={shlex.join(compiler.flags)}")
    if prefix is None:
        way_out = f"python -m ftorch --add-compiler {shlex.quote(str(compiler))} --prefix ~/ftorch"
        _require_writable(place, f"; a folder of your own will do: {way_out}, and the same with --fflags and --ldflags")
    else:
        options.append(f"-DCMAKE_INSTALL_PREFIX={prefix.expanduser().absolute()}")
    _install(_cmake(), place.source_dir, options)


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
    _require_writable(place)
    said = _install(_cmake(), place.mpi_source_dir(), [f"-D{name}={value}" for name, value in options.items()])
    return next(line.removeprefix("-- ") for line in said.splitlines() if line.startswith("-- Communicators"))


def _behind(mpi: Mpi, compiler: Compiler) -> Path:
    """Return a compiler of the same tag that is no wrapper, if there is one on the PATH."""
    if compiler.command != mpi.fortran:
        return compiler.command
    return next((found.command for found in present_compilers() if found.tag == compiler.tag), compiler.command)


def _require_writable(place: Installation, way_out: str = "") -> None:
    if not os.access(place.library_dir, os.W_OK):
        raise AddCompilerError(f"{place.library_dir} cannot be written by this user{way_out}")


def _cmake() -> str:
    cmake = shutil.which("cmake")
    if cmake is None:
        raise AddCompilerError(f"cmake was not found; {how_to_get('cmake')}")
    return cmake


def _install(cmake: str, source: Path, options: list[str]) -> str:
    """Build in a folder that goes when all is well, and stays for who wants to see what went wrong."""
    build = Path(tempfile.mkdtemp(prefix="ftorch-"))
    steps = [
        [cmake, "-S", str(source), "-B", str(build), *options],
        [cmake, "--build", str(build), "--target", "install"],
    ]
    said = ""
    for step in steps:
        done = subprocess.run(step, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        said += done.stdout
        if done.returncode != 0:
            log = build / "ftorch.log"
            log.write_text(said)
            raise AddCompilerError(f"{_reason(done.stdout)}\nAll that was said: {log}")
    shutil.rmtree(build)
    return said


def _reason(said: str) -> str:
    """Return what matters of the output of CMake: what its first error says, or the lines in which compilers speak of errors."""
    if block := re.search(r"^CMake Error[^\n]*:\n((?:\n|  [^\n]*\n)+)", said, re.MULTILINE):
        text = textwrap.dedent(block[1]).partition("\nCall Stack")[0].strip()
        return re.sub(r"(?<=\S)\n(?=\S)", " ", text)  # CMake wraps sentences
    errors = [line for line in said.splitlines() if re.search(r"\berror\b", line, re.IGNORECASE)]
    return "\n".join(errors[:10] or said.splitlines()[-10:])
