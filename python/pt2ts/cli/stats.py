"""The command ``pt2ts stats``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import console


def stats(
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="NetCDF files, or what else xarray opens.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.json", help="The file to write.")],
    variable: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A variable, or MINE=NAME; repeat for more. All of floating point otherwise."),
    ] = None,
    level: Annotated[
        str | None, typer.Option(metavar="DIM", help="Dimension of the levels, or none; the vertical one otherwise.")
    ] = None,
    area: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Variable with the areas of cells, or none; cell_measures or the latitude otherwise."),
    ] = None,
    where: Annotated[str | None, typer.Option(metavar="CONDITION", help="Which values count: 'lsm<0.5'.")] = None,
    grid: Annotated[Path | None, typer.Option(metavar="FILE", help="Where areas and masks are that the files have not.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Measure means and deviations of data, level by level, for networks to scale by."""
    import json

    from ..statistics import measure

    found = measure.stats(files, output, variables=variable, level=level, area=area, where=where, grid=grid)
    if as_json:
        console.as_json(json.loads(found.to_text()))
        return
    console.success(f"wrote {output}")
    console.table(measure.COLUMNS, measure.rows(found))
