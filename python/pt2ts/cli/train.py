"""The command ``pt2ts train``."""

from __future__ import annotations

import importlib
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import LoadError, Pt2tsError
from . import console

#: Where the course lies in the sources.
_COURSE = Path("examples") / "course"


class Format(StrEnum):
    """What kind of model file to write."""

    TORCHSCRIPT = "torchscript"
    PT2 = "pt2"
    BOTH = "both"


def _course() -> Any:
    """Import the course: from the sources in or above the current folder, or those that this package runs from."""
    here = Path.cwd()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[3]):
        if (folder / _COURSE / "lesson.py").is_file():
            place = str((folder / _COURSE).parent)
            if place not in sys.path:
                sys.path.insert(0, place)
            return importlib.import_module(_COURSE.name)
    raise LoadError(
        f"the course and its 1.6 MB of data are not in the installed package, but in {_COURSE} of the sources",
        "run this command in a checkout of them",
    )


def train(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Which model; --list says what there is.")] = None,
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
    course = _course()
    lessons = course.LESSONS
    if list_:
        console.table(("name", "learns", "takes"), [(key, entry.what, entry.takes) for key, entry in lessons.items()])
        return
    if name not in lessons:
        said = "which one? " if name is None else f"there is no '{name}'; there are "
        raise typer.BadParameter(said + ", ".join(lessons), param_hint="NAME")
    write = importlib.import_module(f"{course.__name__}.write")  # torch takes seconds to import
    plan = importlib.import_module(f"{course.__name__}.lesson").Plan(seed, epochs)

    outcome, files = write.train(name, output, plan, format_.value, lambda line: console.facts([("", line)]))
    print()
    console.table(write.COLUMNS, write.rows(outcome.measures))
    print()
    for file in files:
        console.success(f"wrote {file}")
    missed = [item.name for item in outcome.measures if not item.reached]
    # Whoever asks for fewer epochs knows that they do not reach what all of them do.
    if missed and epochs is None:
        raise Pt2tsError(f"{name} misses its goal: {', '.join(missed)}", "the files are written; try another --seed")
