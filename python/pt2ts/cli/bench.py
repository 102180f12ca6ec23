"""The command ``pt2ts bench``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import ExportError, VerifyError
from . import console

if TYPE_CHECKING:
    from ..timing.bench import Bench


def bench(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A model file with a contract.")],
    batch: Annotated[str | None, typer.Option(metavar="N,N,...", help="Batch sizes; 1,32,1024 otherwise.")] = None,
    against: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="What it was made from: measures eager PyTorch beside it.")
    ] = None,
    arg: Annotated[
        list[str] | None, typer.Option("--arg", metavar="KEY=VALUE", help="Argument of the factory; repeat for more.")
    ] = None,
    weights: Annotated[str | None, typer.Option(metavar="FILE", help="state_dict to load into that module.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE.png", help="Draw the times into this file (needs matplotlib).")
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Measure calls on cuda, hip, xpu or mps, arrays of the host in and out; exit 4 where there is none.",
        ),
    ] = None,
    trust_pickle: Annotated[bool, typer.Option("--trust-pickle", help="Allow a pickled module, which runs code.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Measure what a call of a model file costs over batch sizes: through the library, and in eager PyTorch.

    Medians and the middle half of many short rounds, in which all take turns. OMP_NUM_THREADS sets the threads of both.
    """
    from ..contract.batch import parse_batch
    from ..report import listening
    from ..sources.load import load_complete
    from ..timing import bench as bencher

    if against is None and (arg or weights or trust_pickle):
        raise VerifyError("--arg, --weights and --trust-pickle are for the module of --against", "name it, or leave them out")
    if output is not None:
        _require_drawing(output)
    module = None if against is None else load_complete(against, arg, weights, trust_pickle=trust_pickle)
    with console.progress() as progress, listening(progress):
        found = bencher.bench(file, None if batch is None else parse_batch(batch), module, device=device)
    if output is not None:
        from ..timing.plot import draw

        draw(found, output)
    if as_json:
        console.as_json({"file": str(file), **found.to_dict()})
        return
    _print(found)
    if output is not None:
        console.success(f"wrote {output}")


def _print(found: Bench) -> None:
    from ..timing.bench import COLUMNS

    device = [] if found.device == "cpu" else [("device", found.device)]
    console.facts(
        [("model", found.name), *device, ("threads", f"{found.threads[0]} (library), {found.threads[1]} (eager PyTorch)")]
    )
    print()
    console.table(COLUMNS, [row.cells() for row in found.rows])


def _require_drawing(output: Path) -> None:
    """Find out before the work that nothing can be drawn."""
    import importlib.util
    import os

    if importlib.util.find_spec("matplotlib") is None:
        raise ExportError("matplotlib is not installed, which draws the plot", "pip install matplotlib, or leave -o out")
    if output.suffix != ".png":
        raise ExportError(f"cannot draw {output}: the plot is a PNG", "give a file name with .png")
    if not output.parent.is_dir():
        raise ExportError(f"cannot write {output}: there is no folder {output.parent}")
    if not os.access(output.parent, os.W_OK):
        raise ExportError(f"cannot write {output}: its folder is read-only")
