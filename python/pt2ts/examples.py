"""Example inputs: named, checked against the declarations, and resized to other batch sizes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from . import torchscript
from .declare import Declaration
from .dtypes import DTYPES, name_of
from .errors import DeclarationError, ExportError
from .spec import Symbol, TensorSpec

#: Name of the symbolic first dimension that is assumed where nothing is declared.
BATCH = "batch"

#: Batch size of inputs made from declarations alone.
_MADE_BATCH = 4

Sizes = dict[str, int]


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


def make(declarations: Sequence[Declaration], symbols: Mapping[str, Symbol]) -> list[torch.Tensor]:
    """Make example inputs from full declarations: reproducible, and within the declared ranges.

    Whole numbers with a range have both ends of it among them: an index that is counted from the wrong number shows there.
    """
    source = torch.Generator().manual_seed(0)
    made = []
    for item in declarations:
        if item.shape is None or item.dtype is None:
            raise DeclarationError(
                f"without example inputs the declaration of '{item.name}' must give shape and dtype",
                "such as 'column[batch,124] float32'",
            )
        sizes = [_made_size(symbols.get(size, Symbol())) if isinstance(size, str) else size for size in item.shape]
        values = random_values(sizes, DTYPES[item.dtype], item, source)
        if item.range is not None and values.numel() > 1 and not (values.is_floating_point() or values.is_complex()):
            values.view(-1)[[0, -1]] = torch.tensor(item.range, dtype=torch.float64).floor().to(values.dtype)
        made.append(values)
    return made


def make_from_specs(inputs: Sequence[TensorSpec], symbols: Mapping[str, Symbol]) -> list[torch.Tensor]:
    """Make example inputs from a contract."""
    return make([Declaration(item.name, item.shape, item.dtype, item.units, item.range) for item in inputs], symbols)


def _made_size(symbol: Symbol) -> int:
    return max(symbol.min, min(_MADE_BATCH, symbol.max or _MADE_BATCH))


def random_values(sizes: Sequence[int], dtype: torch.dtype, item: Declaration, source: torch.Generator) -> torch.Tensor:
    """Return random values: within the declared range, or the usual ones of the dtype."""
    if item.range is None and (dtype.is_floating_point or dtype.is_complex):
        return torch.randn(sizes, generator=source, dtype=torch.float64).to(dtype)
    low, high = item.range or (0.0, 1.0)
    uniform = torch.rand(sizes, generator=source, dtype=torch.float64)
    if dtype.is_floating_point or dtype.is_complex:
        return (low + (high - low) * uniform).to(dtype)
    return (low + (high - low + 1) * uniform).floor().clamp(low, high).to(dtype)


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


def symbol_sizes(inputs: Sequence[TensorSpec], examples: Sequence[torch.Tensor]) -> Sizes:
    """Return the size that each symbol has in the examples."""
    sizes: Sizes = {}
    for spec, example in zip(inputs, examples, strict=True):
        for symbol, size in zip(spec.shape, example.shape, strict=True):
            if isinstance(symbol, str) and sizes.setdefault(symbol, size) != size:
                raise DeclarationError(
                    f"'{symbol}' is {sizes[symbol]} in one input and {size} in '{spec.name}'",
                    "the same name means the same size: use two names, or give examples that agree",
                )
    return sizes


def resize(inputs: Sequence[TensorSpec], examples: Sequence[torch.Tensor], sizes: Sizes) -> list[torch.Tensor]:
    """Return the examples with their symbolic dimensions cut or repeated to ``sizes``.

    The values are those of the examples, so indices and physical ranges stay legal; they are shifted by one so that the first
    sample differs from the first one of the examples.
    """
    resized = []
    for spec, example in zip(inputs, examples, strict=True):
        tensor = example
        for dim, symbol in enumerate(spec.shape):
            if isinstance(symbol, str) and sizes[symbol] != example.shape[dim]:
                index = (torch.arange(sizes[symbol]) + 1) % example.shape[dim]
                tensor = tensor.index_select(dim, index)
        resized.append(tensor.clone())
    return resized
