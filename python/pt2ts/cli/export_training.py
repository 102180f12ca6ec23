"""The command ``pt2ts export-training``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import LoadError
from . import console


def export_training(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="package.module:factory of the network, or a pickled module.")],
    loss: Annotated[str, typer.Argument(metavar="LOSS", help="mse, 'huber delta=0.5', ..., or package.module:function.")],
    optimizer: Annotated[str, typer.Argument(metavar="OPTIMIZER", help="adam, 'sgd momentum=0.9 nesterov=true', ...")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.pt2", help="The package to write.")],
    input_: Annotated[
        list[str] | None, typer.Option("--input", metavar="DECL", help="An input, in order: 'x[batch,5] float32 K'.")
    ] = None,
    target: Annotated[list[str] | None, typer.Option(metavar="DECL", help="A target, in order: 'y[batch,1] float32 K/s'.")] = None,
    output_: Annotated[list[str] | None, typer.Option("--result", metavar="DECL", help="An output of the network.")] = None,
    arg: Annotated[
        list[str] | None, typer.Option("--arg", metavar="KEY=VALUE", help="Argument of the factory; repeat for more.")
    ] = None,
    weights: Annotated[str | None, typer.Option(metavar="FILE", help="state_dict to start from.")] = None,
    symbol: Annotated[
        list[str] | None, typer.Option(metavar="NAME=LOW..HIGH", help="Bounds of a symbolic size: batch=2..1024.")
    ] = None,
    example: Annotated[
        str | None, typer.Option(metavar="FILE", help="Example inputs: .npz, .npy or torch.save; made up otherwise.")
    ] = None,
    example_target: Annotated[str | None, typer.Option("--example-target", metavar="FILE", help="Their targets, likewise.")] = None,
    learning_rate: Annotated[float | None, typer.Option("--learning-rate", help="Base rate.")] = None,
    schedule: Annotated[str, typer.Option(help="constant, 'cosine schedule_steps=5900 warmup_steps=100', ...")] = "constant",
    group: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GROUP",
            help="Options of some weights: 'encoder.* learning_rate=1e-4', '*.bias weight_decay=0'; repeat for more.",
        ),
    ] = None,
    clip_norm: Annotated[float | None, typer.Option("--clip-norm", help="Largest norm of all gradients together.")] = None,
    clip_value: Annotated[float | None, typer.Option("--clip-value", help="Largest element of a gradient.")] = None,
    keep_nonfinite: Annotated[bool, typer.Option("--keep-nonfinite", help="Take steps even where they are not finite.")] = False,
    seed: Annotated[int, typer.Option(help="Where the random numbers of dropout start.")] = 0,
    name: Annotated[str | None, typer.Option(help="Name of the model; the file's name otherwise.")] = None,
    description: Annotated[str, typer.Option(help="One line for people.")] = "",
    isa: Annotated[str | None, typer.Option(help="What the CPU can do: x86-64-v2, -v3, -v4, native.")] = None,
    threads: Annotated[int, typer.Option(help="0: as many as the host program allows.")] = 0,
    batch: Annotated[str | None, typer.Option(metavar="N,N,...", help="Sizes of the batch with code of their own.")] = None,
    tolerance: Annotated[
        float | None, typer.Option(min=0.0, help="Part of a step by which it may differ from torch.optim's; by dtype otherwise.")
    ] = None,
    halves: Annotated[
        bool, typer.Option("--halves", help="Compile the two halves of a step too, for ranks that average gradients in between.")
    ] = False,
    device: Annotated[
        str | None, typer.Option(help="Code for a device too: cuda, hip, xpu, mps. It is compiled where such a device is.")
    ] = None,
    trust_pickle: Annotated[bool, typer.Option("--trust-pickle", help="Allow a pickled module, which runs code.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help=console.JSON_HELP)] = False,
) -> None:
    """Compile forward, loss, backward, clipping, optimizer and schedule into one file for Fortran programs."""
    from ..contract.batch import parse_batch
    from ..contract.declare import parse_symbol
    from ..sources.load import load_complete, load_examples
    from ..training import export as training
    from ..training.groups import parse_groups
    from .journal import journal

    with journal(as_json) as notes:
        module = load_complete(source, arg, weights, trust_pickle=trust_pickle)
        spec = training.export_training(
            module,
            _loss(loss),
            optimizer,
            None if example is None else load_examples(example),
            None if example_target is None else load_examples(example_target),
            output,
            inputs=input_ or None,
            targets=target or None,
            outputs=output_ or None,
            symbols=dict(parse_symbol(text) for text in symbol or []),
            learning_rate=learning_rate,
            schedule=schedule,
            groups=parse_groups(group or []),
            clip_norm=clip_norm,
            clip_value=clip_value,
            skip_nonfinite=not keep_nonfinite,
            seed=seed,
            name=name,
            description=description,
            isa=isa,
            threads=threads,
            batch=() if batch is None else parse_batch(batch),
            tolerance=tolerance,
            halves=halves,
            device=device,
        )
    if as_json:
        console.as_json(notes.to_dict([output]) | {"spec": spec.to_dict()})
        return
    console.success(f"wrote {output}: its steps agree with the module")
    console.table(("tensor", "role", "dtype", "shape"), _rows(spec.state))


def _loss(text: str) -> Any:
    name, colon, attribute = text.partition(":")
    if not colon or " " in name:
        return text
    from ..sources.load import load_object

    found = load_object(name, attribute)
    if not callable(found):
        raise LoadError(f"{text} gives something of type {type(found).__name__}", "a loss is a function loss(outputs, targets)")
    return found


def _rows(state: Sequence[Any]) -> list[tuple[str, str, str, str]]:
    return [(item.place.name, item.role, item.place.dtype, str(list(item.place.shape))) for item in state]
