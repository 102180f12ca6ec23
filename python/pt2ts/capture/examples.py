"""Example inputs: named, checked against the declarations, and resized to other batch sizes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ..contract.declare import Declaration
from ..contract.dtypes import name_of
from ..contract.samples import BATCH
from ..contract.spec import TensorSpec
from ..errors import DeclarationError, ExportError
from ..pytorch import torchscript


def parameter_names(module: torch.nn.Module) -> list[str]:
    """Return the names of ``forward``'s arguments, as far as it names them."""
    if isinstance(module, torchscript.ScriptModule):
        return torchscript.argument_names(module)
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in inspect.signature(module.forward).parameters.values() if p.kind in positional]


def collect(module: torch.nn.Module, given: Any, declared: Sequence[str] = ()) -> list[torch.Tensor]:
    """Return the example inputs as a list of tensors, in the order of ``forward``.

    Parameters
    ----------
    module
        The module they are for.
    given
        A tensor, a sequence of tensors, or a mapping from declared or argument name to tensor. Arrays and numbers become tensors; a
        trailing None stands for an optional argument that is left out.
    declared
        Names of the declared inputs.
    """
    if isinstance(given, Mapping):
        known = list(declared) if set(given) <= set(declared) else parameter_names(module)
        given = _in_order(known, given)
    if isinstance(given, torch.Tensor) or not isinstance(given, Sequence):
        given = [given]
    items = list(given)
    while items and items[-1] is None:
        items.pop()
    for number, item in enumerate(items, 1):
        if item is None:
            raise ExportError(
                f"example input {number} is None but a later one is not",
                "a Fortran caller passes tensors by position: put optional arguments last, or wrap the module",
            )
    if not items:
        raise ExportError("there are no example inputs", "a model needs at least one input tensor")
    return [_as_tensor(item, number) for number, item in enumerate(items, 1)]


def _in_order(names: Sequence[str], given: Mapping[str, Any]) -> list[Any]:
    unknown = [name for name in given if name not in names]
    if unknown:
        raise ExportError(f"forward has no argument '{unknown[0]}'", f"its arguments are {', '.join(names)}")
    last = max((names.index(name) for name in given), default=-1)
    return [given.get(name) for name in names[: last + 1]]


def _as_tensor(item: Any, number: int) -> torch.Tensor:
    try:
        tensor = torch.as_tensor(item)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ExportError(
            f"example input {number} is a {type(item).__name__}, not a tensor", "forward may only take tensors"
        ) from error
    name_of(tensor)
    if tensor.layout is not torch.strided:
        raise ExportError(f"example input {number} is a {tensor.layout} tensor", "give a dense one")
    return tensor.detach().cpu()


def input_specs(
    module: torch.nn.Module,
    examples: Sequence[torch.Tensor],
    declarations: Sequence[Declaration] | None,
    *,
    dynamic_batch: bool,
) -> tuple[TensorSpec, ...]:
    """Return the spec of every input: declared where declared, from the example otherwise."""
    if declarations is None:
        names = parameter_names(module) + [f"input{n}" for n in range(1, len(examples) + 1)]
        names = names if len(parameter_names(module)) >= len(examples) else names[-len(examples) :]
        declarations = [Declaration(name) for name, _ in zip(names, examples, strict=False)]
    if len(declarations) != len(examples):
        arguments = ", ".join(parameter_names(module))
        raise DeclarationError(
            f"{len(declarations)} inputs are declared but there are {len(examples)} example inputs",
            f"the arguments of forward are {arguments}" if arguments else "",
        )
    _require_order([item.name for item in declarations], parameter_names(module))
    batched = dynamic_batch and _share_first_dimension(examples, declarations)
    return tuple(
        _input_spec(number, item, example, batched)
        for number, (item, example) in enumerate(zip(declarations, examples, strict=True), 1)
    )


def _require_order(declared: Sequence[str], arguments: Sequence[str]) -> None:
    """Refuse names of arguments in another order than forward's: tensors go in by position."""
    for name in declared:
        if name in arguments and arguments.index(name) != declared.index(name):
            raise DeclarationError(
                f"the declared inputs ({', '.join(declared)}) are in another order than the arguments of forward "
                f"({', '.join(arguments)})",
                "declare them in the order of forward; new names may be given too",
            )


def _share_first_dimension(examples: Sequence[torch.Tensor], declarations: Sequence[Declaration]) -> bool:
    pairs = zip(examples, declarations, strict=True)
    firsts = {item.name: example.shape[0] for example, item in pairs if item.shape is None and example.dim() > 0}
    if len(set(firsts.values())) > 1:
        listed = ", ".join(f"{name} {size}" for name, size in firsts.items())
        raise DeclarationError(
            f"the first dimensions of the inputs differ ({listed}), so they are not all one batch",
            "declare the shapes, such as inputs=['x[batch,5]', 'w[3]'], or pass dynamic_batch=False",
        )
    return True


def _input_spec(number: int, item: Declaration, example: torch.Tensor, batched: bool) -> TensorSpec:
    shape = item.shape
    if shape is None:
        shape = tuple(example.shape)
        shape = (BATCH, *shape[1:]) if batched and shape else shape
    dtype = item.dtype or name_of(example)
    if dtype != name_of(example) or not _fits(shape, example):
        have = f"{name_of(example)} {list(example.shape)}"
        want = TensorSpec(item.name, dtype, shape).shape_text()
        raise DeclarationError(f"input {number} '{item.name}': declared {dtype} {want}, but the example is {have}")
    return TensorSpec(item.name, dtype, shape, item.units, item.range, item.description)


def _fits(shape: Sequence[int | str], example: torch.Tensor) -> bool:
    return len(shape) == example.dim() and all(
        isinstance(want, str) or want == have for want, have in zip(shape, example.shape, strict=True)
    )
