"""Flags by which a compiler finds and links the libraries."""

from __future__ import annotations

import shlex
from typing import Literal

from .compilers import Compiler
from .layout import Installation
from .mpi import Mpi

Api = Literal["ftorch", "ftorch1"]


class InterfaceMissingError(RuntimeError):
    """The Fortran interface of this compiler is not installed."""


def _require(compiler: Compiler, installation: Installation) -> None:
    if compiler.tag not in installation.tags():
        present = ", ".join(installation.tags()) or "none"
        raise InterfaceMissingError(
            f"no Fortran interface for {compiler.tag} ({compiler.command}) is installed, because module files work with one "
            f"compiler only (there: {present}); add it with: python -m ftorch --add-compiler {shlex.quote(str(compiler))}"
        )


def _require_mpi(compiler: Compiler, mpi: Mpi, installation: Installation) -> None:
    _require(compiler, installation)
    if mpi.kind not in installation.mpis(compiler.tag):
        present = ", ".join(installation.mpis(compiler.tag)) or "none"
        raise InterfaceMissingError(
            f"no ftorch_mpi for {compiler.tag} and {mpi.title} ({mpi.kind}) is installed, because a library works with one kind "
            f"of MPI only (there: {present}); add it with: python -m ftorch --add-mpi {mpi.fortran} --compiler {compiler.command}"
        )


def cflags(installation: Installation | None = None) -> list[str]:
    """Flags to compile C or C++ that includes ``ctorch.h``."""
    return [f"-I{(installation or Installation()).include_dir}"]


def fflags(compiler: Compiler, api: Api = "ftorch", installation: Installation | None = None, mpi: Mpi | None = None) -> list[str]:
    """Flags to compile Fortran that uses the modules.

    Parameters
    ----------
    compiler
        The compiler they are for.
    api
        ``ftorch1`` puts the module files that programs written for FTorch 1.1 expect before the others.
    mpi
        Adds the module ``ftorch_mpi`` for it.

    Raises
    ------
    InterfaceMissingError
        If the interface for that compiler is not installed.
    """
    place = installation or Installation()
    _require(compiler, place)
    modules = place.module_dir(compiler.tag)
    first = []
    if mpi is not None:
        _require_mpi(compiler, mpi, place)
        first = [f"-I{place.mpi_module_dir(compiler.tag, mpi.kind)}"]
    return first + [f"-I{modules / 'ftorch1'}"] * (api == "ftorch1") + [f"-I{modules}"]


def ldflags(
    compiler: Compiler, installation: Installation | None = None, mpi: Mpi | None = None, *, stub: bool = False
) -> list[str]:
    """Flags to link a program; they hold for both interfaces.

    Parameters
    ----------
    compiler
        The compiler they are for.
    mpi
        Adds ``ftorch_mpi`` for it.
    stub
        With the stub instead of the library: no PyTorch anywhere, and every call is an error.

    Raises
    ------
    InterfaceMissingError
        If the interface for that compiler is not installed, or ``ftorch_mpi`` is wanted of the stub.
    """
    place = installation or Installation()
    _require(compiler, place)
    core = place if place.c_library.exists() else Installation()  # where the interface was added elsewhere, with --prefix
    folders, libraries = [place.fortran_library_dir(compiler.tag), core.library_dir], ["-lftorch", "-lctorch"]
    if stub and mpi is not None:
        raise InterfaceMissingError("the stub has no ftorch_mpi; leave out --mpi or --stub")
    if stub:
        folders, libraries = folders[:1], ["-lftorch_stub"]
    if mpi is not None:
        _require_mpi(compiler, mpi, place)
        folders.insert(0, place.mpi_library_dir(compiler.tag, mpi.kind))
        libraries.insert(0, "-lftorch_mpi")
    return [f"-L{f}" for f in folders] + [f"-Wl,-rpath,{f}" for f in folders] + libraries
