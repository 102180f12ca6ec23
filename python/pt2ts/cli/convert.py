"""The command ``pt2ts convert``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from . import console

if TYPE_CHECKING:
    from ..contract.words import Layout


class Target(StrEnum):
    """What to convert to."""

    PT2 = "pt2"


def convert(
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="TorchScript files with contracts.")],
    module: Annotated[str, typer.Option(metavar="SOURCE", help="What they were made from: package.module:factory.")],
    arg: Annotated[
        list[str] | None, typer.Option("--arg", metavar="KEY=VALUE", help="Argument of the factory; repeat for more.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Where the packages go; beside the files otherwise.")
    ] = None,
    format_: Annotated[Target, typer.Option("--format", help="What to write.")] = Target.PT2,
    layout: Annotated[
        str | None, typer.Option(metavar="NAME", help="Memory order of the caller's inputs: torch, fortran; the file's otherwise.")
    ] = None,
    isa: Annotated[
        str | None, typer.Option(metavar="NAME", help="x86-64-v2, -v3, -v4, native; v3 and v4 (kernels) otherwise.")
    ] = None,
    threads: Annotated[int, typer.Option(min=0, help="As many threads; 0 for as many as the host allows.")] = 0,
    batch: Annotated[
        str | None, typer.Option(metavar="N,N,...", help="Sizes with a variant of their own; 1,32,1024 otherwise.")
    ] = None,
    with_fallback: Annotated[bool, typer.Option("--with-fallback", help="TorchScript inside, for older CPUs.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Turn TorchScript files into compiled packages; exit 1 when one of them fails.

    Contract, example and weights are those of each file, the code is that of the module; it must give the file's numbers. A file
    that fails does not stop the others.
    """
    from ..contract.batch import parse_batch
    from ..contract.formats import Package
    from ..exporting import convert as converting
    from ..report import listening
    from ..sources.load import load_module, parse_arguments

    del format_  # there is one
    sizes = None if batch is None else parse_batch(batch)
    package = Package(cast("Layout | None", layout), isa, threads, sizes, with_fallback)  # refuses now what every file would
    arguments = parse_arguments(arg or [])
    load_module(module, arguments)
    with console.progress() as progress, listening(progress):
        found = []
        for result in converting.convert(files, lambda: load_module(module, arguments), output, package):
            found.append(result)
            progress(f"{len(found)} of {len(files)} done")
    if as_json:
        console.as_json({"results": [item.to_dict() for item in found]})
    else:
        console.table(converting.COLUMNS, [item.row() for item in found])
    failed = [item.error for item in found if item.error is not None]
    for error in failed:
        console.failure(error)
    if failed:
        raise typer.Exit(1)
