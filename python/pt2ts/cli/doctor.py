"""The command ``pt2ts doctor``."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from .._version import __version__
from ..errors import VerifyError
from . import console

if TYPE_CHECKING:
    from ftorch.doctor import Finding


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
) -> None:
    """Say what is wrong with this machine and how to mend it; exit 1 when something that matters is.

    Versions, compilers, PyTorch, devices, threads, library paths; and a short Fortran program is compiled and run.
    """
    findings = []
    for finding in _examine():
        findings.append(finding)
        if not as_json:
            print(finding, flush=True)
    problems = [item for item in findings if item.remedy is not None]
    if as_json:
        rows = [
            {"topic": item.topic, "text": item.text, "problem": item.remedy is not None, "remedy": item.remedy} for item in findings
        ]
        console.as_json({"healthy": not problems, "findings": rows})
    elif problems:
        print(f"\n{len(problems)} {'problem' if len(problems) == 1 else 'problems'} found")
    else:
        console.success("\nnothing is wrong")
    if problems:
        raise typer.Exit(1)


def _examine() -> Iterator[Finding]:
    """Yield everything: what ``python -m ftorch --info`` reports, the surroundings, and the trial."""
    from ftorch.doctor import examine
    from ftorch.layout import Installation

    from ..doctor import surroundings, trial_program
    from ..runtime import library

    place = Installation()
    yield from examine()
    with contextlib.suppress(VerifyError):  # a library that cannot be loaded was found just now
        yield from surroundings.versions(__version__, library.version())
    yield from surroundings.compilers_of_packages(os.environ)
    yield from surroundings.threads(os.environ, len(os.sched_getaffinity(0)))
    yield from surroundings.library_paths(os.environ, place)
    yield from trial_program.trials(place)
