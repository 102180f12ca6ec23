"""The command ``pt2ts fortran``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..fortran.kinds import HostKind
from . import console


def fortran(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A model file.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The source file to write.")],
    module: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the module; that of the source file otherwise.")
    ] = None,
    kind: Annotated[HostKind | None, typer.Option(help="Kind of all real arguments; that of the model otherwise.")] = None,
    guard: Annotated[
        bool, typer.Option("--guard", help="Count values outside the ranges of the contract, and let a scheme take over.")
    ] = False,
    program: Annotated[bool, typer.Option("--program", help="Write main.f90 and CMakeLists.txt beside it too.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that were not made by this command.")] = False,
) -> None:
    """Write a Fortran module for a model file: typed and documented arguments, init, run, finalize and a self test."""
    from ..fortran import write

    kept = None if kind is None else kind.value
    for path in write.write_fortran(file, output, module, kind=kept, guard=guard, program=program, force=force):
        console.success(f"wrote {path}")
