"""The command ``pt2ts new``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..starter.project import Format, make_project
from . import console


def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make; it must be empty if it exists.")],
    format_: Annotated[
        Format, typer.Option("--format", help="Model file of the project: TorchScript or compiled package.")
    ] = Format.TORCHSCRIPT,
) -> None:
    """Make a small project: a network that is trained in seconds, and a Fortran program that runs it."""
    make_project(folder, format_)
    console.success(f"made {folder}: follow its README.md")
