"""The command ``pt2ts inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import console

if TYPE_CHECKING:
    from ..inspection.inspect import Report


def tables(report: Report) -> None:
    """Print inputs, outputs and variants."""
    from ..inspection import inspect as inspector

    console.table(inspector.COLUMNS, report.tensors())
    if report.variants():
        print()
        console.table(inspector.VARIANT_COLUMNS, report.variants())


def inspect(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A model file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Show what a model file says about itself."""
    from ..contract.network import COLUMNS as LAYER_COLUMNS
    from ..inspection import inspect as inspector

    report = inspector.inspect(file)
    if as_json:
        console.as_json(report.to_dict())
        return
    console.facts(report.facts())
    if report.spec is not None:
        print()
        tables(report)
    if report.layers():
        print()
        console.table(LAYER_COLUMNS, report.layers())
