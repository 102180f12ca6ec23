"""The command ``pt2ts tune``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import console


def tune(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A compiled package; it is rewritten.")],
    batch: Annotated[str | None, typer.Option(metavar="N,N,...", help="Batch sizes; 1,32,1024 otherwise.")] = None,
    isa: Annotated[str | None, typer.Option(metavar="NAME", help="Instruction set; that of the file otherwise.")] = None,
    limit: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Begin no further form after that; all are tried otherwise.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(metavar="NAME", help="Tune for cuda, hip, xpu or mps; exit 4 where there is none.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=console.JSON_HELP)] = False,
) -> None:
    """Compile what may run a package fast, measure it on this machine, keep the fastest for each size."""
    from ..container.reading import read_spec
    from ..contract.batch import parse_batch
    from ..tuning import tune as tuner
    from .journal import journal

    with journal(as_json) as notes:
        sizes = None if batch is None else parse_batch(batch)
        rows = tuner.tune(file, sizes, isa=isa, limit=limit, device=device)
    if as_json:
        console.as_json(notes.to_dict([file]) | {"measured": [dict(row) for row in read_spec(file).tuning]})
        return
    console.table(tuner.COLUMNS, tuner.table(rows))
    console.success(f"wrote {file}: the fastest of each size, checked")
