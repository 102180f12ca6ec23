"""The command ``pt2ts export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..contract.words import Format, Layout, Method, Normalization, Precision, Products
from ..errors import DeclarationError
from . import console
from .inspect import tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from ..sources.match import Match


def export(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="package.module:factory, a saved file (TorchScript, Keras, ONNX, pickled module), a folder of a hub, timm:NAME.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The model file to write.")],
    arg: Annotated[
        list[str] | None, typer.Option("--arg", metavar="KEY=VALUE", help="Argument of the factory; repeat for more.")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="state_dict, checkpoint or safetensors to load into the module, or their folder."),
    ] = None,
    weights_key: Annotated[
        str | None,
        typer.Option(metavar="PLACE", help="Where in that file the weights are: ema.state_dict; where they fit otherwise."),
    ] = None,
    not_strict: Annotated[
        bool, typer.Option("--not-strict", help="Load the weights that fit, and list those that are left or missing.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show which weight of the file is for which of the module, and write nothing.")
    ] = False,
    input_: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="DECL", help="An input, in order: 'name[batch,124] float32 K 180..320 -- description'."),
    ] = None,
    output_: Annotated[
        list[str] | None,
        typer.Option("--result", metavar="DECL", help="An output: 'name K/s'; by its key in forward's dictionary, or in order."),
    ] = None,
    symbol: Annotated[
        list[str] | None, typer.Option(metavar="NAME=LOW..HIGH", help="Bounds of a symbolic size: batch=1..1024, batch=0.., ny%4.")
    ] = None,
    example: Annotated[
        str | None, typer.Option(metavar="FILE", help="Example inputs: .npz, .npy or torch.save; made up otherwise.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the model; the file's name otherwise.")] = None,
    description: Annotated[str, typer.Option(help="One line for people.")] = "",
    method: Annotated[Method, typer.Option(help="How to make TorchScript.")] = "auto",
    normalization: Annotated[Normalization, typer.Option(help="Who scales the values.")] = "inside",
    fixed_batch: Annotated[bool, typer.Option("--fixed-batch", help="Undeclared inputs keep the batch of the example.")] = False,
    no_golden: Annotated[bool, typer.Option("--no-golden", help="Store no golden sample.")] = False,
    flush_denormals: Annotated[
        bool, typer.Option("--flush-denormals", help="Calls count numbers below 1.2e-38 as zero; otherwise as the host does.")
    ] = False,
    trust_pickle: Annotated[bool, typer.Option("--trust-pickle", help="Allow a pickled module, which runs code.")] = False,
    format_: Annotated[
        Format | None, typer.Option("--format", help="Compiled package (pt2) or TorchScript; by the file's name otherwise.")
    ] = None,
    layout: Annotated[Layout, typer.Option(help="Memory order of the caller's inputs.")] = "torch",
    isa: Annotated[
        str | None, typer.Option(metavar="NAME", help="Package: x86-64-v2, -v3, -v4, native; v3 and v4 (kernels) otherwise.")
    ] = None,
    threads: Annotated[int, typer.Option(min=0, help="Package: as many threads; 0 for as many as the host allows.")] = 0,
    dtype: Annotated[Precision | None, typer.Option(help="What the network computes in; as it is otherwise.")] = None,
    precision: Annotated[
        Products | None, typer.Option(help="Devices multiply float32 matrices in TF32; with all digits otherwise.")
    ] = None,
    batch: Annotated[
        str | None, typer.Option(metavar="N,N,...", help="Package: sizes with a variant of their own; 1,32,1024 otherwise.")
    ] = None,
    with_fallback: Annotated[
        bool, typer.Option("--with-fallback", help="Package: TorchScript inside, for older CPUs and for devices.")
    ] = False,
    device: Annotated[
        str | None, typer.Option(metavar="NAME", help="Package: code for cuda, hip, xpu or mps too, where there is one.")
    ] = None,
    tolerance: Annotated[
        float | None, typer.Option(min=0.0, help="Largest absolute difference from the module allowed; by dtype otherwise.")
    ] = None,
    provenance: Annotated[
        list[str] | None,
        typer.Option(metavar="WORD=TEXT", help="What people should know: data, code, hyperparameters, device, licence; repeat."),
    ] = None,
    stats: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What pt2ts stats has written: units and ranges, taken and compared.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=console.JSON_HELP)] = False,
) -> None:
    """Write a module as a checked model file with its contract and a golden sample."""
    from ..contract.batch import parse_batch
    from ..contract.declare import parse_symbol
    from ..contract.formats import choose_files, format_of, with_options
    from ..contract.provenance import parse as parse_provenance
    from ..exporting import export as exporter
    from ..inspection import inspect as inspector
    from ..sources.load import find_weights, load_complete, load_examples
    from ..sources.onnx import contract_of
    from .journal import journal

    with journal(as_json) as notes:
        if dry_run:
            if weights is None:
                raise DeclarationError("--dry-run shows how weights are matched, and none are given", "give --weights FILE")
            module = load_complete(source, arg, None, trust_pickle=trust_pickle)
            _show_match(*find_weights(module, weights, weights_key))
            return
        module = load_complete(source, arg, weights, trust_pickle=trust_pickle, key=weights_key, strict=not not_strict)
        if example is None and not input_ and contract_of(module) is None:
            hint = "give --input 'name[batch,124] float32 K' for each, or --example FILE"
            raise DeclarationError("nothing says what the inputs are", hint)
        files = with_options(
            choose_files(output, format_),
            method=method,
            layout=layout,
            isa=isa,
            threads=threads,
            batch=None if batch is None else parse_batch(batch),
            fallback=with_fallback,
            device=device,
        )
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
            normalization=normalization,
            golden=not no_golden,
            flush_denormals=True if flush_denormals else None,
            format=format_of(files),
            dtype=dtype,
            precision=precision,
            tolerance=tolerance,
            provenance=parse_provenance(provenance or []),
            stats=stats,
        )
    written = [file.path for file in files]
    if as_json:
        console.as_json(notes.to_dict(written) | {"spec": inspector.inspect(written[-1]).to_dict()["spec"]})
        return
    for path in written:
        console.success(f"wrote {path}: agrees with the module")
    tables(inspector.inspect(written[-1]))


def _show_match(place: str, state: Mapping[str, torch.Tensor], found: Match) -> None:
    """Print which weights of a file are for which of the module."""
    rows = [(theirs, mine, str(list(state[theirs].shape)), found.remark(mine)) for mine, theirs in found.pairs.items()]
    rows += [("", name, "", "missing in the file") for name in found.missing]
    rows += [(name, "", str(list(state[name].shape)), "left: unknown to the module") for name in found.left]
    rows += [(name, "", str(list(state[name].shape)), "left: of something else") for name in found.beside]
    console.table(("in the file" + (f" at '{place}'" if place else ""), "in the module", "shape", "remark"), rows)
