"""The command line: ``pt2ts export``, ``export-training``, ``convert``, ``inspect``, ``verify``, ``diff``, ``bench`` and so on.

Each command imports what it needs when it runs: torch takes seconds to import, and the help needs none of it.

Exit codes: 0 all is well, 1 a check failed or something cannot be exported, 2 the command itself was wrong, 3 `verify` found no
fault and could not compare everything, 4 there is no such device here.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from .._version import __version__
from ..errors import NoDeviceError, Pt2tsError
from . import bench, console, convert, diff, doctor, export, export_training, fortran, inspect, new, stats, train, tune, verify

app = typer.Typer(
    name="pt2ts",
    help="From a PyTorch module to a model file that a Fortran program can trust.",
    epilog="Start with: pt2ts export train:build_model --weights w.pt --input 'column[batch,124] float32 K' -o scheme.pt",
    no_args_is_help=True,
    add_completion=False,
    # Boxes and colours are for people; a pipe gets plain text.
    rich_markup_mode="rich" if sys.stdout.isatty() else None,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"pt2ts {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """From a PyTorch module to a model file that a Fortran program can trust."""


app.command(short_help="Write a module as a checked model file.")(export.export)
app.command(short_help="Show what a model file says about itself.")(inspect.inspect)
app.command(short_help="Measure means and deviations of data, for networks to scale by.")(stats.stats)
app.command(short_help="Measure what runs a package fastest here, and keep it.")(tune.tune)
app.command(short_help="Try a model file in a fresh process, in every way its contract admits.")(verify.verify)
app.command(short_help="Measure what a call costs, over batch sizes.")(bench.bench)
app.command(short_help="Compare two model files.")(diff.diff)
app.command(short_help="Turn TorchScript files into compiled packages.")(convert.convert)
app.command(short_help="Say what is wrong with this machine, and how to mend it.")(doctor.doctor)
app.command("export-training", short_help="Compile a whole training step.")(export_training.export_training)
app.command(short_help="Write a Fortran module for a model file.")(fortran.fortran)
app.command(short_help="Make a small project to start from.")(new.new)
app.command(short_help="Train a model of the course.")(train.train)


def exit_code(error: Pt2tsError) -> int:
    """Return what the command ends with."""
    return 4 if isinstance(error, NoDeviceError) else 1


def main() -> None:
    """Run the command line; errors become one line and an exit code, never a traceback."""
    # In a process of its own the library may have its pool, as in a Fortran program: what is measured is then what it costs there.
    os.environ.setdefault("FTORCH_POOL_MB", "")
    try:
        with console.warnings_in_one_line():
            app()
    except Pt2tsError as error:
        console.failure(error)
        sys.exit(exit_code(error))
