"""Command line: ``python -m ftorch --help``."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path

from . import __version__
from .add_compiler import AddCompilerError, add_compiler, add_mpi
from .compilers import Compiler, CompilerError, find_compiler
from .doctor import examine
from .flags import InterfaceMissingError, cflags, fflags, ldflags
from .layout import Installation
from .mpi import Mpi, MpiError, find_mpi

#: --prefix without a folder.
_ASKED = ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ftorch", description="Tells compilers, CMake and people where the Fortran interface to PyTorch is."
    )
    ask = parser.add_argument_group("what to print or do; several kinds of flags may be asked for at once")
    ask.add_argument("--fflags", action="store_true", help="flags to compile Fortran that uses the modules")
    ask.add_argument("--ldflags", action="store_true", help="flags to link")
    ask.add_argument("--cflags", action="store_true", help="flags to compile C that includes ctorch.h")
    ask.add_argument("--cmake-dir", action="store_true", help="folder for CMake: -DFTorch_DIR=...")
    ask.add_argument("--pkgconfig-dir", action="store_true", help="folder for PKG_CONFIG_PATH")
    ask.add_argument(
        "--prefix", metavar="DIR", nargs="?", const=_ASKED,
        help="root of the installation. With a folder: where --add-compiler installs to and --fflags and --ldflags look, for an "
        "installation that cannot be written",
    )  # fmt: skip
    ask.add_argument("--info", action="store_true", help="versions of everything, compilers, PyTorch, devices, and what is wrong")
    ask.add_argument("--add-compiler", metavar="FC", help="compile the Fortran interface for another compiler")
    ask.add_argument("--add-mpi", metavar="MPIFC", help="compile ftorch_mpi for the MPI of this compiler wrapper, such as mpifort")
    ask.add_argument("--version", action="version", version=__version__)
    how = parser.add_argument_group("for which compiler and which interface")
    how.add_argument("--compiler", metavar="FC", help="name or path; default: the environment variable FC, or gfortran")
    how.add_argument("--api", choices=["ftorch", "ftorch1"], default="ftorch", help="ftorch1: as programs for FTorch 1.1 expect it")
    how.add_argument("--stub", action="store_true", help="link the stub: no PyTorch anywhere, every call is an error that says so")
    how.add_argument(
        "--mpi", metavar="MPIFC", nargs="?", const="",
        help="with ftorch_mpi, for the MPI of this compiler wrapper; default: the environment variable MPIFC, or mpifort. "
        "The compiler is then the wrapper's, unless --compiler says otherwise",
    )  # fmt: skip
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return _run(parser, options)
    except (CompilerError, InterfaceMissingError, AddCompilerError, MpiError) as error:
        print(f"ftorch: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # who reads has seen enough, `| head` for instance; what Python still flushes at its end goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _compiler(options: argparse.Namespace, mpi: Mpi | None) -> Compiler:
    """Return the compiler that was named, or the one behind the MPI's wrapper."""
    return mpi.compiler() if mpi is not None and options.compiler is None else find_compiler(options.compiler)


def _run(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    place = Installation()
    elsewhere = None if options.prefix in (None, _ASKED) else Path(options.prefix).expanduser().absolute()
    there = place if elsewhere is None else Installation(elsewhere)  # the Fortran interface
    if options.info:
        findings = []
        for finding in examine():
            print(finding, flush=True)
            findings.append(finding)
        return int(any(f.remedy for f in findings))
    if options.add_compiler:
        compiler = find_compiler(options.add_compiler)
        print(f"Compiling the Fortran interface for {compiler.tag} ...", flush=True)
        add_compiler(compiler, prefix=elsewhere)
        print(f"Installed in {there.fortran_library_dir(compiler.tag)}")
        return 0
    if options.add_mpi:
        mpi = find_mpi(options.add_mpi)
        compiler = _compiler(options, mpi)
        print(f"Compiling ftorch_mpi for {compiler.tag} and {mpi.title} ...", flush=True)
        print(add_mpi(mpi, compiler))
        print(f"Installed in {place.mpi_library_dir(compiler.tag, mpi.kind)}")
        return 0

    words: list[str] = []
    wanted_mpi = None if options.mpi is None else find_mpi(options.mpi)
    if options.cflags:
        words += cflags()
    if options.fflags:
        words += fflags(_compiler(options, wanted_mpi), options.api, there, wanted_mpi)
    if options.ldflags:
        words += ldflags(_compiler(options, wanted_mpi), there, wanted_mpi, stub=options.stub)
    folders = [
        str(folder)
        for wanted, folder in (
            (options.cmake_dir, place.cmake_dir),
            (options.pkgconfig_dir, place.pkgconfig_dir),
            (options.prefix == _ASKED, place.prefix),
        )
        if wanted
    ]
    if not words and not folders:
        parser.print_help()
        return 2
    if words:
        print(shlex.join(words))
    for folder in folders:
        print(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
