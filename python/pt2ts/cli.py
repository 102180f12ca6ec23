"""The command line: ``pt2ts export``, ``pt2ts export-training``, ``pt2ts inspect``, ``pt2ts verify``.

Each command imports what it needs when it runs: torch takes seconds to import, and the help needs none of it.

Exit codes: 0 all is well, 1 a check failed or something cannot be exported, 2 the command itself was wrong.
"""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from . import show, training_command
from ._version import __version__
from .errors import DeclarationError, Pt2tsError

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


class Method(StrEnum):
    """How to make TorchScript."""

    AUTO = "auto"
    SCRIPT = "script"
    TRACE = "trace"


class Normalization(StrEnum):
    """Where physical units become the network's numbers."""

    INSIDE = "inside"
    HOST = "host"


def _version(wanted: bool) -> None:
    if wanted:
        print(f"pt2ts {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """From a PyTorch module to a model file that a Fortran program can trust."""


@app.command(short_help="Write a module as a checked model file.")
def export(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="package.module:factory, or a saved file (TorchScript, pickled module).")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The model file to write.")],
    arg: Annotated[
        list[str] | None, typer.Option("--arg", metavar="KEY=VALUE", help="Argument of the factory; repeat for more.")
    ] = None,
    weights: Annotated[str | None, typer.Option(metavar="FILE", help="state_dict to load into the module.")] = None,
    input_: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="DECL", help="An input, in order: 'name[batch,124] float32 K 180..320 -- description'."),
    ] = None,
    output_: Annotated[
        list[str] | None,
        typer.Option("--result", metavar="DECL", help="An output: 'name K/s'; by its key in forward's dictionary, or in order."),
    ] = None,
    symbol: Annotated[
        list[str] | None, typer.Option(metavar="NAME=LOW..HIGH", help="Bounds of a symbolic size: batch=1..1024.")
    ] = None,
    example: Annotated[
        str | None, typer.Option(metavar="FILE", help="Example inputs: .npz, .npy or torch.save; made up otherwise.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the model; the file's name otherwise.")] = None,
    description: Annotated[str, typer.Option(help="One line for people.")] = "",
    method: Annotated[Method, typer.Option(help="How to make TorchScript.")] = Method.AUTO,
    normalization: Annotated[Normalization, typer.Option(help="Who scales the values.")] = Normalization.INSIDE,
    fixed_batch: Annotated[bool, typer.Option("--fixed-batch", help="Undeclared inputs keep the batch of the example.")] = False,
    no_golden: Annotated[bool, typer.Option("--no-golden", help="Store no golden sample.")] = False,
    trust_pickle: Annotated[bool, typer.Option("--trust-pickle", help="Allow a pickled module, which runs code.")] = False,
) -> None:
    """Write a module as a checked model file with its contract and a golden sample."""
    from . import exporter, inspector
    from .declare import parse_symbol
    from .load import load_examples, load_module, load_weights, parse_arguments

    module = load_module(source, parse_arguments(arg or []), trust_pickle=trust_pickle)
    if weights is not None:
        load_weights(module, weights)
    if example is None and not input_:
        hint = "give --input 'name[batch,124] float32 K' for each, or --example FILE"
        raise DeclarationError("nothing says what the inputs are", hint)
    exporter.export(
        module,
        None if example is None else load_examples(example),
        output,
        inputs=input_ or None,
        outputs=output_ or None,
        symbols=dict(parse_symbol(text) for text in symbol or []),
        dynamic_batch=not fixed_batch,
        name=name,
        description=description,
        normalization=normalization.value,
        method=method.value,
        golden=not no_golden,
    )
    show.success(f"wrote {output}: agrees with the module")
    show.table(inspector.COLUMNS, inspector.inspect(output).tensors())


@app.command(short_help="Show what a model file says about itself.")
def inspect(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A model file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Show what a model file says about itself."""
    from . import inspector

    report = inspector.inspect(file)
    if as_json:
        print(json.dumps(report.to_dict(), indent=1, ensure_ascii=False))
        return
    show.facts(report.facts())
    if report.spec is not None:
        print()
        show.table(inspector.COLUMNS, report.tensors())


@app.command(short_help="Replay the golden sample through Fortran.")
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A model file with a golden sample.")],
    tolerance: Annotated[
        float | None, typer.Option(min=0.0, help="Largest absolute difference allowed; by dtype otherwise.")
    ] = None,
) -> None:
    """Replay the golden sample through the Fortran interface; exit 1 when a result differs."""
    from . import verifier

    found = verifier.verify(file, tolerance)
    rows = [
        (item.name, item.dtype, str(list(item.shape)), f"{item.difference:.3g}", f"{item.tolerance:.3g}", item.verdict)
        for item in found
    ]
    show.table(("output", "dtype", "shape", "largest difference", "allowed", ""), rows)
    if not all(item.passed for item in found):
        raise Pt2tsError(f"{file} does not reproduce its golden sample", "the weights or the library changed: export it again")
    show.success(f"{file}: the Fortran interface reproduces the golden sample")


app.command("export-training", short_help="Compile a whole training step.")(training_command.export_training)


def main() -> None:
    """Run the command line; errors become one line and an exit code, never a traceback."""
    try:
        with show.warnings_in_one_line():
            app()
    except Pt2tsError as error:
        show.failure(error)
        sys.exit(1)
