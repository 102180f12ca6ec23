"""The command ``pt2ts train``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from . import show
from .course import LESSONS
from .errors import Pt2tsError


class Format(StrEnum):
    """What kind of model file to write."""

    TORCHSCRIPT = "torchscript"
    PT2 = "pt2"
    BOTH = "both"


def _check(name: str | None) -> str | None:
    if name is not None and name not in LESSONS:
        raise typer.BadParameter(f"there is no '{name}'; there are {', '.join(LESSONS)}")
    return name


def train(
    name: Annotated[str | None, typer.Argument(metavar="NAME", callback=_check, help=", ".join(LESSONS))] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where model file, figures and samples go; made if missing.")
    ] = Path(),
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over the training samples; as many as needed otherwise.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of all random numbers.")] = 0,
    format_: Annotated[
        Format, typer.Option("--format", help="The model file: TorchScript, compiled, or both.")
    ] = Format.TORCHSCRIPT,
    list_: Annotated[bool, typer.Option("--list", help="Say what there is.")] = False,
) -> None:
    """Train a model of the course, judge it, draw it, and write it for Fortran."""
    if list_:
        show.table(("name", "learns", "takes"), [(key, entry.what, entry.takes) for key, entry in LESSONS.items()])
        return
    if name is None:
        raise typer.BadParameter(f"which one? {', '.join(LESSONS)}", param_hint="NAME")
    from .course import write  # torch takes seconds to import
    from .course.lesson import Plan

    outcome, files = write.train(name, output, Plan(seed, epochs), format_.value, lambda line: show.facts([("", line)]))
    print()
    show.table(write.COLUMNS, write.rows(outcome.measures))
    print()
    for file in files:
        show.success(f"wrote {file}")
    missed = [item.name for item in outcome.measures if not item.reached]
    # Whoever asks for fewer epochs knows that they do not reach what all of them do.
    if missed and epochs is None:
        raise Pt2tsError(f"{name} misses its goal: {', '.join(missed)}", "the files are written; try another --seed")
