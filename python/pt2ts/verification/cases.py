"""Inputs to try a model with: random ones that could be real, the edges of what may come, and batches of any size."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from ..contract.batch import batch_symbol
from ..contract.dtypes import DTYPES
from ..contract.golden import Golden
from ..contract.ranges import Numbers, at
from ..contract.samples import Sizes, random_values, symbol_sizes
from ..contract.spec import Spec, Symbol, TensorSpec

Tensors = list[torch.Tensor]

#: Beyond anything physical, and still a number; by dtype.
_LARGE = {"float16": 1e4, "bfloat16": 1e30, "float32": 1e30, "float64": 1e300, "complex64": 1e30, "complex128": 1e300}

#: Sizes of free dimensions that are no batch, where no sample tells better.
_OTHER_SIZE = 3


@dataclass(frozen=True)
class Edge:
    """Inputs at an edge.

    Attributes
    ----------
    name
        What they are.
    inputs
        The tensors.
    inside
        Whether every value lies within its declared range, so that an ordinary result is due.
    compared
        Whether the numbers mean something: sums of huge ones depend on their order.
    """

    name: str
    inputs: Tensors
    inside: bool
    compared: bool = True


class Cases:
    """Makes inputs for one contract.

    Parameters
    ----------
    spec
        The contract.
    golden
        Its sample: where no range is declared, its values say what is usual.
    """

    def __init__(self, spec: Spec, golden: Golden | None) -> None:
        self.spec = spec
        self.batch = batch_symbol(spec.inputs, {name: spec.symbols[name] for name in _symbols(spec.inputs)})
        self._golden = golden
        self._seeds = itertools.count(1)
        self._sizes = {} if golden is None else symbol_sizes(spec.inputs, golden.inputs)

    @property
    def bounds(self) -> Symbol:
        """Bounds of the batch."""
        return self.spec.symbols[str(self.batch)]

    def admitted(self, sizes: Sequence[int]) -> list[int]:
        """Return those batch sizes that the contract admits, or the nearest ones."""
        if self.batch is None:
            return []
        return sorted({self.bounds.nearest(size) for size in sizes} - {0})

    def random(self, batch: int | None = None) -> Tensors:
        """Return inputs that could be real, others at every call, the same ones in every run."""
        source = torch.Generator().manual_seed(next(self._seeds))
        sizes = self._sizes_with(batch)
        ranges = self._ranges(sizes)
        return [self._random(number, item, ranges[number], sizes, source) for number, item in enumerate(self.spec.inputs)]

    def edges(self, batch: int | None = None) -> Iterator[Edge]:
        """Yield zeros, both ends of the declared ranges, and very large values."""
        base = self.random(batch)
        inputs = self.spec.inputs
        ranges = self._ranges(symbol_sizes(inputs, base))
        zeros = [_filled(x, 0.0) if _is_real(x) or _admits(known, 0.0) else x for x, known in zip(base, ranges, strict=True)]
        real = [(item, known) for item, known in zip(inputs, ranges, strict=True) if item.dtype in _LARGE]
        inside = all(known is None or _admits(known, 0.0) for _, known in real)
        yield Edge("zeros", zeros, inside)
        for which, word in ((0, "lowest"), (1, "highest")):
            if any(known is not None for known in ranges):
                ends = [
                    x if known is None else _filled(x, _inward(known, which, x.dtype))
                    for x, known in zip(base, ranges, strict=True)
                ]
                yield Edge(f"{word} of the range", ends, inside=True)
        if any(item.dtype in _LARGE for item in inputs):
            large = [_filled(x, _LARGE[item.dtype]) if item.dtype in _LARGE else x for x, item in zip(base, inputs, strict=True)]
            inside = all(_admits(known, _LARGE[item.dtype]) for item, known in real)
            yield Edge("very large", large, inside, compared=False)

    def pick(self, tensors: Sequence[torch.Tensor], specs: Sequence[TensorSpec], start: int, count: int) -> Tensors:
        """Return ``count`` samples of a batch; tensors without the batch dimension stay whole."""
        return [
            x.narrow(item.shape.index(self.batch), start, count) if self.batch in item.shape else x
            for x, item in zip(tensors, specs, strict=True)
        ]

    def _sizes_with(self, batch: int | None) -> Sizes:
        chosen = dict(self._sizes)
        for name in _symbols(self.spec.inputs):
            bounds = self.spec.symbols[name]
            if name not in chosen:
                chosen[name] = bounds.nearest(_OTHER_SIZE)
        if batch is not None and self.batch is not None:
            chosen[self.batch] = batch
        return chosen

    def _ranges(self, sizes: Sizes) -> list[Numbers | None]:
        """Return the ranges of the inputs for some sizes."""
        return [None if item.range is None else at(item.range, sizes) for item in self.spec.inputs]

    def _random(self, number: int, item: TensorSpec, known: Numbers | None, sizes: Sizes, source: torch.Generator) -> torch.Tensor:
        shape = [sizes[size] if isinstance(size, str) else size for size in item.shape]
        dtype = DTYPES[item.dtype]
        seen = None if self._golden is None else self._golden.inputs[number]
        if item.range is None and seen is not None and seen.numel() and not _is_real(seen):
            # Indices and flags: values that were legal once are legal again.
            places = torch.randint(seen.numel(), shape, generator=source)
            return seen.reshape(-1)[places].clone()
        return random_values(shape, dtype, known or _usual(seen), source)


def _symbols(inputs: Sequence[TensorSpec]) -> list[str]:
    return list(dict.fromkeys(size for item in inputs for size in item.shape if isinstance(size, str)))


def _is_real(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def _usual(seen: torch.Tensor | None) -> Numbers | None:
    """Return the smallest and largest value of a sample, or None where it says nothing."""
    if seen is None or not seen.is_floating_point() or not seen.numel():
        return None
    low, high = float(seen.nan_to_num(0.0).min()), float(seen.nan_to_num(0.0).max())
    return (low, high) if math.isfinite(low) and math.isfinite(high) and low < high else None


def _admits(known: Numbers | None, value: float) -> bool:
    return known is not None and known[0] <= value <= known[1]


def _filled(tensor: torch.Tensor, value: float) -> torch.Tensor:
    return torch.full_like(tensor, value if _is_real(tensor) else int(value))


def _inward(bounds: Numbers, which: int, dtype: torch.dtype) -> float:
    """Return an end of a range as the dtype has it, whole numbers within it."""
    if dtype.is_floating_point or dtype.is_complex:
        return bounds[which]
    return math.floor(bounds[1]) if which else math.ceil(bounds[0])
