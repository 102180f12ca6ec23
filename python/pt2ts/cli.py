"""The command line: ``pt2ts export``, ``export-training``, ``convert``, ``inspect``, ``verify``, ``diff``, ``bench`` and so on.

Each command imports what it needs when it runs: torch takes seconds to import, and the help needs none of it.

Exit codes: 0 all is well, 1 a check failed or something cannot be exported, 2 the command itself was wrong, 3 `verify` found no
fault and could not compare everything.
"""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import bench_command, convert_command, course_command, diff_command, doctor_command, show, training_command, verify_command
from ._version import __version__
from .errors import DeclarationError, Pt2tsError
from .fortran import command as fortran_command
from .starter import new as new_command

if TYPE_CHECKING:
    from .inspector import Report

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


class Format(StrEnum):
    """What kind of file to write."""

    TORCHSCRIPT = "torchscript"
    PT2 = "pt2"
    BOTH = "both"


class Layout(StrEnum):
    """In which memory order the caller has its inputs."""

    TORCH = "torch"
    FORTRAN = "fortran"


class Dtype(StrEnum):
    """What the network computes in."""

    FLOAT64 = "float64"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


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
        str,
        typer.Argument(
            metavar="SOURCE", help="package.module:factory, or a saved file (TorchScript, Keras, ONNX, pickled module)."
        ),
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
    flush_denormals: Annotated[
        bool, typer.Option("--flush-denormals", help="Calls count numbers below 1.2e-38 as zero; otherwise as the host does.")
    ] = False,
    trust_pickle: Annotated[bool, typer.Option("--trust-pickle", help="Allow a pickled module, which runs code.")] = False,
    format_: Annotated[
        Format | None, typer.Option("--format", help="Compiled package (pt2) or TorchScript; by the file's name otherwise.")
    ] = None,
    layout: Annotated[Layout, typer.Option(help="Package: memory order of the caller's inputs.")] = Layout.TORCH,
    isa: Annotated[
        str | None, typer.Option(metavar="NAME", help="Package: x86-64-v2, x86-64-v3 (default), x86-64-v4 or native.")
    ] = None,
    threads: Annotated[int, typer.Option(min=0, help="Package: as many threads; 0 for as many as the host allows.")] = 0,
    dtype: Annotated[Dtype | None, typer.Option(help="What the network computes in; as it is otherwise.")] = None,
    batch: Annotated[
        str | None, typer.Option(metavar="N,N,...", help="Package: sizes with a variant of their own; 1,32,1024 otherwise.")
    ] = None,
    with_fallback: Annotated[bool, typer.Option("--with-fallback", help="Package: TorchScript inside, for older CPUs.")] = False,
    tolerance: Annotated[
        float | None, typer.Option(min=0.0, help="Largest absolute difference from the module allowed; by dtype otherwise.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=show.JSON_HELP)] = False,
) -> None:
    """Write a module as a checked model file with its contract and a golden sample."""
    from . import exporter, inspector
    from .declare import parse_symbol
    from .journal import journal
    from .load import load_complete, load_examples
    from .onnx_model import contract_of
    from .options import choose_files, parse_batch

    with journal(as_json) as notes:
        module = load_complete(source, arg, weights, trust_pickle=trust_pickle)
        if example is None and not input_ and contract_of(module) is None:
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
            flush_denormals=True if flush_denormals else None,
            format=None if format_ is None else format_.value,
            layout=layout.value,
            isa=isa,
            threads=threads,
            dtype=None if dtype is None else dtype.value,
            batch=None if batch is None else parse_batch(batch),
            fallback=with_fallback,
            tolerance=tolerance,
            progress=notes.step,
            note=notes.check,
        )
    written = [path for path in choose_files(output, None if format_ is None else format_.value) if path is not None]
    if as_json:
        show.as_json(notes.to_dict(written) | {"spec": inspector.inspect(written[-1]).to_dict()["spec"]})
        return
    for path in written:
        show.success(f"wrote {path}: agrees with the module")
    _tables(inspector.inspect(written[-1]))


def _tables(report: Report) -> None:
    from . import inspector

    show.table(inspector.COLUMNS, report.tensors())
    if report.variants():
        print()
        show.table(inspector.VARIANT_COLUMNS, report.variants())


@app.command(short_help="Show what a model file says about itself.")
def inspect(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A model file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Show what a model file says about itself."""
    from . import inspector
    from .network import COLUMNS as LAYER_COLUMNS

    report = inspector.inspect(file)
    if as_json:
        show.as_json(report.to_dict())
        return
    show.facts(report.facts())
    if report.spec is not None:
        print()
        _tables(report)
    if report.layers():
        print()
        show.table(LAYER_COLUMNS, report.layers())


@app.command(short_help="Measure what runs a package fastest here, and keep it.")
def tune(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A compiled package; it is rewritten.")],
    batch: Annotated[str | None, typer.Option(metavar="N,N,...", help="Batch sizes; 1,32,1024 otherwise.")] = None,
    isa: Annotated[str | None, typer.Option(metavar="NAME", help="Instruction set; that of the file otherwise.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help=show.JSON_HELP)] = False,
) -> None:
    """Compile what may run a package fast, measure it on this machine, keep the fastest for each size."""
    from . import tuner
    from .archive import read_spec
    from .journal import journal
    from .options import parse_batch

    with journal(as_json) as notes:
        sizes = None if batch is None else parse_batch(batch)
        rows = tuner.tune(file, sizes, isa=isa, progress=notes.step, note=notes.check)
    if as_json:
        show.as_json(notes.to_dict([file]) | {"measured": [dict(row) for row in read_spec(file).tuning]})
        return
    show.table(tuner.COLUMNS, tuner.table(rows))
    show.success(f"wrote {file}: the fastest of each size, checked")


app.command("verify", short_help="Try a model file in a fresh process, in every way its contract admits.")(verify_command.verify)
app.command("bench", short_help="Measure what a call costs, over batch sizes.")(bench_command.bench)
app.command("diff", short_help="Compare two model files.")(diff_command.diff)
app.command("convert", short_help="Turn TorchScript files into compiled packages.")(convert_command.convert)
app.command("doctor", short_help="Say what is wrong with this machine, and how to mend it.")(doctor_command.doctor)
app.command("export-training", short_help="Compile a whole training step.")(training_command.export_training)
app.command("fortran", short_help="Write a Fortran module for a model file.")(fortran_command.fortran)
app.command("new", short_help="Make a small project to start from.")(new_command.new)
app.command(short_help="Train a model of the course.")(course_command.train)


def main() -> None:
    """Run the command line; errors become one line and an exit code, never a traceback."""
    # In a process of its own the library may have its pool, as in a Fortran program: what is measured is then what it costs there.
    os.environ.setdefault("FTORCH_POOL_MB", "")
    try:
        with show.warnings_in_one_line():
            app()
    except Pt2tsError as error:
        show.failure(error)
        sys.exit(1)
