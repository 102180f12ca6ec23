"""Example inputs: named, checked against the declarations, and resized to other batch sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from ..contract.declare import Declaration
from ..contract.dtypes import DTYPES, PRECISIONS, WHOLE, name_of
from ..contract.ranges import symbols_of
from ..contract.samples import BATCH, Sizes, make, symbol_sizes
from ..contract.spec import Symbol, TensorSpec
from ..errors import DeclarationError, option
from .arguments import arrange, call_of, call_of_names
from .request import Request


@dataclass(frozen=True)
class Examples:
    """Example inputs of a module.

    Attributes
    ----------
    module
        The copy that is exported.
    inputs
        Their specs.
    tensors
        The inputs.
    sizes
        What size each symbol has in them.
    symbols
        The bounds of the symbols.
    """

    module: torch.nn.Module
    inputs: tuple[TensorSpec, ...]
    tensors: list[torch.Tensor]
    sizes: Sizes
    symbols: dict[str, Symbol]


def make_examples(module: torch.nn.Module, given: Any, request: Request) -> Examples:
    """Return the inputs that are given, or some that are made from full declarations, with their specs."""
    declared, wanted = request.inputs, request.converted_to
    if wanted is not None:
        _refuse_other_dtypes(declared or (), wanted)
    names = [item.name for item in declared or ()]
    if given is not None:
        call = call_of(module, given, names)
    elif declared is not None:
        # Declarations that leave the dtype open get the one that was asked for.
        full = [item if item.dtype or wanted is None else replace(item, dtype=wanted) for item in declared]
        call = call_of_names(module, names, make(full, request.symbols))
    else:
        raise DeclarationError("neither example inputs nor declarations are given", "pass one of them")
    found, arranged = arrange(module, call)
    tensors = [tensor for _, tensor in found]
    if wanted is not None:
        tensors = [item.to(PRECISIONS[wanted]) if item.is_floating_point() else item for item in tensors]
    own_names = [name for name, _ in found]
    inputs = input_specs(own_names, tensors, declared, dynamic_batch=request.dynamic_batch)
    if arranged:
        inputs = tuple(replace(item, argument="" if item.name == own else own) for item, own in zip(inputs, own_names, strict=True))
    sizes = symbol_sizes(inputs, tensors)
    return Examples(module, inputs, tensors, sizes, _bounds(request.symbols, inputs, sizes))


def input_specs(
    names: Sequence[str],
    examples: Sequence[torch.Tensor],
    declarations: Sequence[Declaration] | None,
    *,
    dynamic_batch: bool,
) -> tuple[TensorSpec, ...]:
    """Return the spec of every input: declared where declared, from the example otherwise; ``names`` are those in forward."""
    if declarations is None:
        declarations = [Declaration(name) for name in names]
    if len(declarations) != len(examples):
        raise DeclarationError(
            f"{len(declarations)} inputs are declared but there are {len(examples)} example inputs",
            f"the arguments of forward are {', '.join(names)}" if names else "",
        )
    _require_order([item.name for item in declarations], names)
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
            f"declare the shapes, such as {option('inputs', ['x[batch,5]', 'w[3]'])}, or pass {option('dynamic_batch', False)}",
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
    return TensorSpec(item.name, dtype, shape, item.units, item.range, item.description, argument=item.argument)


def _fits(shape: Sequence[int | str], example: torch.Tensor) -> bool:
    return len(shape) == example.dim() and all(
        isinstance(want, str) or want == have for want, have in zip(shape, example.shape, strict=True)
    )


def _refuse_other_dtypes(declared: Sequence[Declaration], dtype: str) -> None:
    for item in declared:
        if item.dtype not in (None, dtype) and DTYPES[str(item.dtype)].is_floating_point:
            raise DeclarationError(
                f"input '{item.name}' is declared {item.dtype}, but dtype '{dtype}' makes every floating-point input {dtype}",
                "leave one of the two out",
            )


def check_ranges(specs: Sequence[TensorSpec], sizes: Mapping[str, int]) -> None:
    """Refuse ranges that follow a size which no call has, and those of other numbers than whole ones."""
    for item in specs:
        for name in symbols_of(item.range):
            if name not in sizes:
                known = f"the sizes are {', '.join(sizes)}" if sizes else "no input has a symbolic dimension"
                raise DeclarationError(f"the range of '{item.name}' ends at '{name}', which is no size of an input", known)
            if DTYPES[item.dtype] not in WHOLE:
                raise DeclarationError(
                    f"the range of '{item.name}' ends at '{name}', and it is {item.dtype}",
                    "only whole numbers are compared with a size",
                )


def _bounds(given: Mapping[str, Symbol], inputs: Sequence[TensorSpec], sizes: Mapping[str, int]) -> dict[str, Symbol]:
    check_ranges(inputs, sizes)
    for name, symbol in given.items():
        if name not in sizes:
            known = f"the symbols are {', '.join(sizes)}" if sizes else "no input has a symbolic dimension"
            raise DeclarationError(f"bounds are given for '{name}', which is in no input", known)
        if not symbol.admits(sizes[name]):
            hint = "give another example; or put the network into pt2ts.nn.Pad, which takes any size" if symbol.multiple > 1 else ""
            raise DeclarationError(f"the example has {name}={sizes[name]}, and {symbol.text()} is declared", hint)
    return {name: given.get(name, Symbol()) for name in sizes}
