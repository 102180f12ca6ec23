"""What is known about a model before a file of it is written: the copy that is exported, its contract, and what it does."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from .._version import __version__
from ..contract.batch import batch_symbol
from ..contract.declare import Declaration, arrange
from ..contract.dtypes import DTYPES, PRECISIONS, name_of
from ..contract.golden import Golden
from ..contract.samples import Sizes, make, symbol_sizes
from ..contract.spec import MAX_SYMBOLS, Spec, Symbol, TensorSpec
from ..errors import DeclarationError, ExportError
from .examples import collect, input_specs
from .golden import sample
from .layers import describe
from .module_copy import evaluation_copy
from .remarks import remarks
from .trials import Trial, output_shapes, trials


@dataclass(frozen=True)
class Draft:
    """A model on its way into a file.

    Attributes
    ----------
    module
        The copy in evaluation mode, on the CPU, of the dtype that was asked for.
    examples, sizes
        Example inputs, and what size each symbol has there.
    found
        What the module does: on the examples first, then on other sizes.
    spec
        The contract, as every format has it.
    golden
        The golden sample, or None.
    """

    module: torch.nn.Module
    examples: list[torch.Tensor]
    sizes: Sizes
    found: list[Trial]
    spec: Spec
    golden: Golden | None


def prepare(
    module: torch.nn.Module,
    example_inputs: Any,
    declared: Sequence[Declaration] | None,
    declared_outputs: Sequence[Declaration] | None,
    given_bounds: Mapping[str, Symbol],
    *,
    dynamic_batch: bool,
    dtype: str | None,
    golden: bool,
    name: str,
    description: str,
    normalization: str,
    flush_denormals: bool | None = None,
) -> Draft:
    """Find out all that; the arguments are those of `pt2ts.export`."""
    eager = evaluation_copy(module)
    wanted = None if dtype == "bfloat16" else dtype
    if wanted is not None:
        _refuse_other_dtypes(declared or (), wanted)
        eager = eager.to(PRECISIONS[wanted])
    if example_inputs is not None:
        examples = collect(eager, example_inputs, [item.name for item in declared or ()])
    elif declared is not None:
        # Declarations that leave the dtype open get the one that was asked for.
        filled = [item if item.dtype or wanted is None else replace(item, dtype=wanted) for item in declared]
        examples = make(filled, given_bounds)
    else:
        raise DeclarationError("neither example inputs nor declarations are given", "pass one of them")
    if wanted is not None:
        examples = [item.to(PRECISIONS[wanted]) if item.is_floating_point() else item for item in examples]

    input_spec = input_specs(eager, examples, declared, dynamic_batch=dynamic_batch)
    sizes = symbol_sizes(input_spec, examples)
    bounds = _bounds(given_bounds, sizes)
    found = trials(eager, input_spec, examples, sizes, bounds)
    kept = sample(eager, input_spec, found[0], bounds) if golden else None
    if golden and kept is None:
        warnings.warn("the example inputs are too large to store: the file gets no golden sample", stacklevel=3)
    output_spec = _output_specs(found, declared_outputs)
    for remark in remarks(input_spec, output_spec, found[0]):
        warnings.warn(remark, stacklevel=3)
    free = {size for tensor in output_spec for size in tensor.shape if isinstance(size, str)} - set(bounds)
    _check_symbols(len(bounds) + len(free))
    spec = Spec(
        torch=torch.__version__.split("+")[0],
        producer=f"pt2ts {__version__}",
        name=name,
        description=description,
        inputs=_unique(input_spec, "inputs"),
        outputs=_unique(output_spec, "outputs"),
        symbols=bounds | {size: Symbol(min=0) for size in sorted(free)},
        normalization=normalization,
        golden=kept is not None,
        flush_denormals=flush_denormals,
        network=describe(eager, found, batch_symbol(input_spec, bounds)),
    )
    return Draft(eager, examples, sizes, found, spec, kept)


def _refuse_other_dtypes(declared: Sequence[Declaration], dtype: str) -> None:
    for item in declared:
        if item.dtype not in (None, dtype) and DTYPES[str(item.dtype)].is_floating_point:
            raise DeclarationError(
                f"input '{item.name}' is declared {item.dtype}, but dtype '{dtype}' makes every floating-point input {dtype}",
                "leave one of the two out",
            )


def _bounds(given: Mapping[str, Symbol], sizes: Mapping[str, int]) -> dict[str, Symbol]:
    for name, symbol in given.items():
        if name not in sizes:
            known = f"the symbols are {', '.join(sizes)}" if sizes else "no input has a symbolic dimension"
            raise DeclarationError(f"bounds are given for '{name}', which is in no input", known)
        if not symbol.admits(sizes[name]):
            raise DeclarationError(f"the example has {name}={sizes[name]}, outside its bounds {symbol.min}..{symbol.max}")
    return {name: given.get(name, Symbol()) for name in sizes}


def _check_symbols(count: int) -> None:
    """Refuse what the library that reads the file has no room for."""
    if count > MAX_SYMBOLS:
        raise DeclarationError(f"{count} symbolic sizes are more than the {MAX_SYMBOLS} a model may have", "fix some of them")


def _output_specs(found: Sequence[Trial], declared: Sequence[Declaration] | None) -> tuple[TensorSpec, ...]:
    seen = found[0].outputs
    if not seen:
        raise ExportError("forward returns no tensor")
    names = [name for name, _ in seen]
    items = [Declaration(name) for name in names] if declared is None else arrange(declared, names)
    shapes = output_shapes(found)
    made = []
    for number, (item, (_, tensor), shape) in enumerate(zip(items, seen, shapes, strict=True), 1):
        spec = TensorSpec(item.name, name_of(tensor), shape, item.units, item.range, item.description)
        wrong_shape = item.shape is not None and item.shape != shape
        if wrong_shape or item.dtype not in (None, spec.dtype):
            want = TensorSpec(item.name, item.dtype or spec.dtype, shape if item.shape is None else item.shape)
            raise DeclarationError(
                f"output {number} '{item.name}': declared {want.dtype} {want.shape_text()}, but forward gives "
                f"{spec.dtype} {spec.shape_text()}"
            )
        made.append(spec)
    return tuple(made)


def _unique(specs: tuple[TensorSpec, ...], kind: str) -> tuple[TensorSpec, ...]:
    names = [spec.name for spec in specs]
    for name in names:
        if names.count(name) > 1:
            raise DeclarationError(f"two {kind} are called '{name}'", f"name them by {kind}=[...]")
    return specs
