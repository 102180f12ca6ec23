"""Flags by which a compiler finds and links the libraries."""

from __future__ import annotations

from typing import Literal

from .compilers import Compiler
from .layout import Installation

Api = Literal["ftorch", "ftorch1"]


class InterfaceMissingError(RuntimeError):
    """The Fortran interface of this compiler is not installed."""


def _require(compiler: Compiler, installation: Installation) -> None:
    if compiler.tag not in installation.tags():
        present = ", ".join(installation.tags()) or "none"
        raise InterfaceMissingError(
            f"no Fortran interface for {compiler.tag} ({compiler.command}) is installed, because module files work with one "
            f"compiler only (there: {present}); add it with: python -m ftorch --add-compiler {compiler.command}"
        )


def cflags(installation: Installation | None = None) -> list[str]:
    """Flags to compile C or C++ that includes ``ctorch.h``."""
    return [f"-I{(installation or Installation()).include_dir}"]


def fflags(compiler: Compiler, api: Api = "ftorch", installation: Installation | None = None) -> list[str]:
    """Flags to compile Fortran that uses the modules.

    Parameters
    ----------
    compiler
        The compiler they are for.
    api
        ``ftorch1`` puts the module files that programs written for FTorch 1.1 expect before the others.

    Raises
    ------
    InterfaceMissingError
        If the interface for that compiler is not installed.
    """
    place = installation or Installation()
    _require(compiler, place)
    modules = place.module_dir(compiler.tag)
    return [f"-I{modules / 'ftorch1'}"] * (api == "ftorch1") + [f"-I{modules}"]


def ldflags(compiler: Compiler, installation: Installation | None = None) -> list[str]:
    """Flags to link a program; they hold for both interfaces.

    Raises
    ------
    InterfaceMissingError
        If the interface for that compiler is not installed.
    """
    place = installation or Installation()
    _require(compiler, place)
    folders = [place.fortran_library_dir(compiler.tag), place.library_dir]
    return [f"-L{f}" for f in folders] + [f"-Wl,-rpath,{f}" for f in folders] + ["-lftorch", "-lctorch"]
