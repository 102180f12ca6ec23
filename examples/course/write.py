"""What a training leaves in a folder: model file, figures, samples, and the result as JSON."""

from __future__ import annotations

import importlib.util
import io
import json
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

import torch

from pt2ts import export
from pt2ts.container.writing import Job, replace_files
from pt2ts.errors import ExportError, LoadError
from pt2ts.report import Progress

from . import LESSONS
from .learning import repeatable
from .lesson import Lesson, Measure, Outcome, Plan

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Format = Literal["torchscript", "pt2", "both"]
SUFFIXES: dict[Format, tuple[str, ...]] = {"torchscript": (".pt",), "pt2": (".pt2",), "both": (".pt", ".pt2")}
COLUMNS = ("result on what was held out", "here", "course", "without a network", "goal", "")


def train(name: str, folder: Path, plan: Plan, kind: Format, tell: Progress) -> tuple[Outcome, list[Path]]:
    """Train a lesson of `LESSONS`, and write all that comes of it into ``folder``.

    Returns
    -------
    tuple
        The outcome, and the files written.
    """
    prepare(folder)
    lesson: Lesson = import_module(f".{LESSONS[name].module}", __package__)
    with repeatable(plan.seed):
        outcome = lesson.learn(plan)
        models = [folder / f"{name}{suffix}" for suffix in SUFFIXES[kind]]
        for path in models:
            tell(f"writing {path}")
            _export(outcome, path, tell)
    tell("drawing")
    contents = {f"{name}-{figure}.png": _png(draw()) for figure, draw in outcome.figures.items()}
    contents |= {**outcome.files, f"{name}.json": _json(name, plan, outcome)}
    filled = {folder / file: content for file, content in contents.items()}
    replace_files([Job(path, partial(_fill, content), _nothing) for path, content in filled.items()])
    return outcome, [*models, *filled]


def prepare(folder: Path) -> None:
    """Find out before the training that what it gives can be written and drawn."""
    if importlib.util.find_spec("matplotlib") is None:
        raise LoadError("the figures need the Python package matplotlib", "pip install matplotlib")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(f"cannot make the folder {folder}: {error.strerror}") from error


def rows(measures: Sequence[Measure]) -> list[tuple[str, ...]]:
    """Return the result table."""
    return [
        (
            item.name + (f" ({item.unit})" if item.unit else ""),
            f"{item.value:.4g}",
            "" if item.course is None else f"{item.course:.4g}",
            "" if item.baseline is None else f"{item.baseline:.4g}",
            item.goal,
            "" if not item.goal else "reached" if item.reached else "missed",
        )
        for item in measures
    ]


def _export(outcome: Outcome, path: Path, tell: Progress) -> None:
    if outcome.export is not None:
        outcome.export(path)
        return
    assert outcome.module is not None
    export(
        outcome.module.eval(),
        list(outcome.example),
        path,
        inputs=list(outcome.inputs),
        outputs=list(outcome.outputs),
        name=path.stem.replace("-", "_"),
        description=LESSONS[path.stem].what,
        progress=tell,
    )


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return file.getvalue()


def _fill(content: bytes, file: IO[bytes]) -> None:
    file.write(content)


def _json(name: str, plan: Plan, outcome: Outcome) -> bytes:
    facts = {
        "name": name,
        "seed": plan.seed,
        "epochs": plan.epochs,
        "torch": torch.__version__,
        "note": outcome.note,
        "measures": [{**vars(item), "reached": item.reached} for item in outcome.measures],
    }
    return (json.dumps(facts, indent=1) + "\n").encode()


def _nothing(_: Path) -> None:
    """There is nothing to check in a figure."""
