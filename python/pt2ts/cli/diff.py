"""The command ``pt2ts diff``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import console


def diff(
    first: Annotated[Path, typer.Argument(metavar="A", help="A model file.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another one, of any format.")],
    tolerance: Annotated[
        float | None, typer.Option(min=0.0, help="Largest relative difference that does not matter; by dtype otherwise.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Compare two model files: contracts, weights by name, numbers on the same random inputs; exit 1 when they differ."""
    from ..verification import diff as comparison

    found = comparison.diff(first, second, tolerance)
    differ = any(item.matters for item in found)
    if as_json:
        console.as_json(comparison.to_dict(first, second, found))
    else:
        console.table(comparison.COLUMNS, [item.row() for item in found])
        console.success(f"{first} and {second} {'differ' if differ else 'are the same, within rounding'}")
    if differ:
        raise typer.Exit(1)
