"""Tensors that fit a contract: made up from declarations, and cut or repeated to other sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from ..errors import DeclarationError
from .declare import Declaration
from .dtypes import DTYPES
from .ranges import Numbers, Range, at, symbols_of
from .spec import Symbol, TensorSpec

#: Name of the symbolic first dimension that is assumed where nothing is declared.
BATCH = "batch"


#: Batch size of inputs made from declarations alone.
_MADE_BATCH = 4


Sizes = dict[str, int]


def make(declarations: Sequence[Declaration], symbols: Mapping[str, Symbol]) -> list[torch.Tensor]:
    """Make example inputs from full declarations: reproducible, and within the declared ranges.

    Whole numbers with a range have both ends of it among them: an index that is counted from the wrong number shows there.
    """
    source = torch.Generator().manual_seed(0)
    names = {size for item in declarations for size in item.shape or () if isinstance(size, str)}
    sizes_of = {name: symbols.get(name, Symbol()).nearest(_MADE_BATCH) for name in names}
    made = []
    for item in declarations:
        if item.shape is None or item.dtype is None:
            raise DeclarationError(
                f"without example inputs the declaration of '{item.name}' must give shape and dtype",
                "such as 'column[batch,124] float32'",
            )
        sizes = [sizes_of[size] if isinstance(size, str) else size for size in item.shape]
        bounds = None if item.range is None else _known(item.name, item.range, sizes_of)
        values = random_values(sizes, DTYPES[item.dtype], bounds, source)
        if bounds is not None and values.numel() > 1 and not (values.is_floating_point() or values.is_complex()):
            values.view(-1)[[0, -1]] = torch.tensor(bounds, dtype=torch.float64).floor().to(values.dtype)
        made.append(values)
    return made


def make_from_specs(inputs: Sequence[TensorSpec], symbols: Mapping[str, Symbol]) -> list[torch.Tensor]:
    """Make example inputs from a contract."""
    return make([Declaration(item.name, item.shape, item.dtype, item.units, item.range) for item in inputs], symbols)


def _known(name: str, bounds: Range, sizes: Sizes) -> Numbers:
    """Return the range of an input for some sizes, which must have those that it follows."""
    for symbol in symbols_of(bounds):
        if symbol not in sizes:
            known = f"the sizes are {', '.join(sizes)}" if sizes else "no input has a symbolic dimension"
            raise DeclarationError(f"the range of '{name}' ends at '{symbol}', which is no size of an input", known)
    return at(bounds, sizes)


def random_values(sizes: Sequence[int], dtype: torch.dtype, bounds: Numbers | None, source: torch.Generator) -> torch.Tensor:
    """Return random values: within a range, or the usual ones of the dtype."""
    if bounds is None and (dtype.is_floating_point or dtype.is_complex):
        return torch.randn(sizes, generator=source, dtype=torch.float64).to(dtype)
    low, high = bounds or (0.0, 1.0)
    uniform = torch.rand(sizes, generator=source, dtype=torch.float64)
    if dtype.is_floating_point or dtype.is_complex:
        return (low + (high - low) * uniform).to(dtype)
    return (low + (high - low + 1) * uniform).floor().clamp(low, max(low, high)).to(dtype)


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
    sample differs from the first one of the examples. Indices whose range follows a size are folded into what it is then.
    """
    resized = []
    for spec, example in zip(inputs, examples, strict=True):
        tensor = example
        for dim, symbol in enumerate(spec.shape):
            if isinstance(symbol, str) and sizes[symbol] != example.shape[dim]:
                index = (torch.arange(sizes[symbol]) + 1) % example.shape[dim]
                tensor = tensor.index_select(dim, index)
        bounds = spec.range if symbols_of(spec.range) else None
        resized.append(tensor.clone() if bounds is None else _folded(tensor, at(bounds, sizes)))
    return resized


def _folded(tensor: torch.Tensor, bounds: Numbers) -> torch.Tensor:
    """Return whole numbers of a range in a smaller one."""
    low, high = (int(end) for end in bounds)
    return tensor.clone() if high < low else low + (tensor - low) % (high - low + 1)
