"""The tools with which operations of PyTorch are turned into those of a kernel: expressions, and putting them into memory."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from . import views
from .elementwise import CONDITIONS
from .ir import (
    Buffer,
    ConvertOp,
    DenseOp,
    EntangledError,
    Expr,
    MapOp,
    Network,
    Op,
    PackDenseOp,
    Place,
    Product,
    Real,
    ReduceOp,
    Shape,
    UnsupportedError,
    View,
    broadcast_shapes,
    constant,
    contiguous,
    load,
)
from .machine import Machine


def _varies(expr: Expr, dim: int) -> bool:
    """Return whether an expression may have other values at another index of a dimension."""
    if expr.view is not None:
        return expr.view.shape[dim] != 1 and expr.view.strides[dim] != 0
    if expr.product is not None:
        return True
    return any(
        _varies(arg, dim - len(expr.shape) + len(arg.shape)) for arg in expr.args if dim - len(expr.shape) + len(arg.shape) >= 0
    )


def common_sample(args: Sequence[Expr], shape: Shape) -> int | None:
    """Return where the samples of an elementwise result are."""
    at = {arg.sample + len(shape) - len(arg.shape) for arg in args if arg.sample is not None}
    if not at:
        return None
    if len(at) > 1:
        raise EntangledError("samples meet samples of another index")
    dim = at.pop()
    for arg in args:
        mine = dim - len(shape) + len(arg.shape)
        if arg.sample is None and mine >= 0 and arg.shape[mine] != 1 and _varies(arg, mine):
            raise EntangledError("samples meet something that has a value for each place in the batch")
    return dim


def real_of(args: Sequence[Expr]) -> Real | None:
    """Return the kind of numbers of expressions that have one kind."""
    return next((arg.real for arg in args if arg.real is not None), None)


def kind_of(args: Sequence[Expr]) -> Real:
    """Return the kind in which they are stored; plain numbers lose nothing in double precision."""
    return real_of(args) or Real.DOUBLE


class Lowering:
    """Builds a network.

    Parameters
    ----------
    machines
        What it is compiled for, by the kind of numbers.
    rows
        Samples of a block, or all: for these the layout of packed weights is chosen.
    """

    def __init__(self, machines: Mapping[Real, Machine], rows: int) -> None:
        self.machines = machines
        self.rows = rows
        self.network = Network()
        #: Where the result of the operation at hand is wanted, if that is known.
        self.target: View | None = None
        self._copies: dict[tuple[Buffer, int, Shape, Shape], View] = {}

    def combine(self, op: str, *args: Expr | float) -> Expr:
        """Return an elementwise operation, not computed yet."""
        given = self.promoted([arg if isinstance(arg, Expr) else constant(float(arg)) for arg in args])
        if any(arg.boolean for arg in (given[1:] if op == "where" else given)) and op not in ("and", "or", "xor", "not"):
            raise UnsupportedError("arithmetic with conditions")
        if op in ("and", "or", "xor", "not") and not all(arg.boolean for arg in given):
            raise UnsupportedError("logic with numbers")
        if op == "where" and not given[0].boolean:
            raise UnsupportedError("where with a condition that is no comparison")
        if not all(arg.fixed for arg in given):
            # What depends on weights only is computed when they are packed.
            given = [load(self.packed(arg)) if arg.fixed and arg.op != "constant" and not arg.boolean else arg for arg in given]
        shape = broadcast_shapes(*(arg.shape for arg in given))
        return Expr(op, tuple(given), shape, common_sample(given, shape), op in CONDITIONS, real=real_of(given))

    def promoted(self, args: Sequence[Expr]) -> list[Expr]:
        """Return expressions in one kind of numbers: in double precision if any of them is."""
        if len({arg.real for arg in args} - {None}) < 2:
            return list(args)
        return [self.convert(arg, Real.DOUBLE) for arg in args]

    def convert(self, expr: Expr, real: Real) -> Expr:
        """Return an expression in this kind of numbers."""
        if expr.real in (None, real):
            return expr
        if expr.boolean:
            return self.combine("ne", self.convert(self.combine("where", expr, 1.0, 0.0), real), 0.0)
        view = self.view(expr)
        place = Place.PACKED if view.buffer.place.fixed else Place.WORK
        out = self.network.allocate(place, view.shape, real, view.sample)
        self.append(ConvertOp(view, out))
        return load(out)

    def view(self, expr: Expr) -> View:
        """Return an expression as numbers in memory."""
        return expr.view if expr.view is not None else self.store(expr)

    def packed(self, expr: Expr) -> View:
        """Return something that depends on weights only as numbers that are there when the network runs."""
        view = self.view(expr)
        if view.buffer.place is not Place.WEIGHT:
            return view
        key = (view.buffer, view.offset, view.shape, view.strides)
        if key not in self._copies:
            out = self.network.allocate(Place.PACKED, view.shape, view.buffer.real)
            self.append(MapOp(load(view), out))
            self._copies[key] = out
        return self._copies[key]

    def allocate(self, fixed: bool, shape: Shape, sample: int | None, real: Real) -> View:
        """Return memory for the result of the operation at hand: where it is wanted, if that is known."""
        target, self.target = self.target, None
        if not fixed and target is not None and (target.shape, target.sample, target.buffer.real) == (shape, sample, real):
            return target
        return self.network.allocate(Place.PACKED if fixed else Place.WORK, shape, real, sample)

    def settle(self, expr: Expr) -> Expr:
        """Return an expression that may be used more than once without being computed more than once."""
        return expr if expr.is_leaf or expr.boolean else load(self.view(expr))

    def store(self, expr: Expr, out: View | None = None) -> View:
        """Compute an expression into memory."""
        if expr.boolean:
            raise UnsupportedError("a condition as a tensor of its own")
        if out is not None:
            expr = self.convert(expr, out.buffer.real)
        if out is not None and out.buffer.place is not Place.PACKED and expr.fixed and expr.op != "constant":
            expr = load(self.packed(expr))
        products = expr.products
        # One linear layer can take the expression as what follows its sums; others are computed before.
        keep = products[-1] if products and products[-1].shape == expr.shape else None
        swaps = {id(p): load(self._dense(p, p, None)) for p in products if p is not keep}
        if swaps:
            expr = _substitute(expr, swaps)
        if keep is not None:
            return self._dense(keep, expr, out)
        place = Place.PACKED if expr.fixed else Place.WORK
        out = out or self.network.allocate(place, expr.shape, expr.real or Real.DOUBLE, expr.sample)
        self.append(MapOp(expr, out))
        return out

    def append(self, op: Op) -> None:
        """Add an operation, to the packing if it computes with weights only."""
        (self.network.packing if op.out.buffer.place is Place.PACKED else self.network.ops).append(op)

    def contiguous(self, view: View) -> View:
        """Return the same numbers as neighbours in memory."""
        return view if view.is_contiguous else self.store(load(view))

    def reshape(self, expr: Expr, shape: Shape) -> Expr:
        """Return an expression in another shape."""
        if expr.op == "constant":
            return expr.reshaped(shape, None)
        view = self.view(expr)
        seen = views.reshape(view, shape)
        if seen is None:
            view = self.store(load(view))
            seen = replace(view, shape=shape, strides=contiguous(shape), sample=views.sample_after(view.shape, view.sample, shape))
        return load(seen)

    def reduce(self, kind: str, expr: Expr, dims: Sequence[int], keepdim: bool, scale: float = 1.0) -> Expr:
        """Return the reduction over some dimensions."""
        rank = len(expr.shape)
        reduced = sorted({views.normal(d, rank) for d in dims}) or list(range(rank))
        if expr.sample in reduced:
            raise EntangledError("a reduction over the batch")
        kept = [d for d in range(rank) if d not in reduced]
        if kept + reduced != list(range(rank)) or expr.products:
            expr = load(views.permute(self.view(expr), kept + reduced))
        shape = expr.shape[: len(kept)]
        place = Place.PACKED if expr.fixed else Place.WORK
        out = self.network.allocate(place, shape, expr.real or Real.DOUBLE, expr.sample)
        self.append(ReduceOp(kind, expr, len(reduced), out, scale))
        for dim in reduced if keepdim else []:
            out = views.unsqueeze(out, dim)
        return load(out)

    def linear(self, x: Expr, weight: View, bias: View | None) -> Expr:
        """Return a linear layer of weights [out, in], not computed yet."""
        kinds = {x.real, weight.buffer.real} | ({bias.buffer.real} if bias is not None else set())
        if len(kinds - {None}) > 1:
            raise UnsupportedError("a linear layer whose weights are in another precision than its input")
        if not weight.buffer.place.fixed or (bias is not None and not bias.buffer.place.fixed):
            raise UnsupportedError("a linear layer with weights that are computed from inputs")
        seen = self.view(x)
        if not seen.shape or seen.shape[-1] != weight.shape[1]:
            raise UnsupportedError(f"a linear layer of {weight.shape} for an array {seen.shape}")
        if seen.sample == len(seen.shape) - 1:
            raise EntangledError("a linear layer over the batch")
        return Expr(
            "product",
            (),
            (*seen.shape[:-1], weight.shape[0]),
            seen.sample,
            product=Product(seen, weight, bias),
            real=weight.buffer.real,
        )

    def row_count(self, shape: Shape, sample: int | None) -> int:
        """Return how many rows there are for the block that the layout of weights is made for."""
        rows = math.prod(shape)
        return rows if sample is None else rows // shape[sample] * self.rows

    def _dense(self, product: Expr, expr: Expr, out: View | None) -> View:
        assert product.product is not None  # noqa: S101
        x, weight, bias = product.product.x, product.product.weight, product.product.bias
        n_out, n_in = weight.shape
        fixed = expr.fixed
        real = weight.buffer.real
        machine = self.machines[real]
        out = out or self.network.allocate(Place.PACKED if fixed else Place.WORK, expr.shape, real, expr.sample)
        if n_out > 1 and out.strides[-1] != 1:
            result = self._dense(product, expr, None)
            self.append(MapOp(load(result), out))
            return out
        tile = machine.tile(n_in, n_out, self.row_count(x.shape[:-1], x.sample), x.strides[-1] == 1 or n_in == 1)
        packed = self.network.allocate(Place.PACKED, (machine.packed_dense(n_in, n_out, tile),), real)
        self.network.packing.append(PackDenseOp(weight, bias, packed, tile))
        self.append(DenseOp(x, packed, product, expr, out, tile))
        return out


def _substitute(expr: Expr, swaps: dict[int, Expr]) -> Expr:
    if id(expr) in swaps:
        return swaps[id(expr)]
    if not expr.args:
        return expr
    swapped = replace(expr, args=tuple(_substitute(arg, swaps) for arg in expr.args))
    swaps[id(expr)] = swapped  # what is used twice stays one thing
    return swapped


def stack(b: Lowering, tensors: Sequence[Expr], dim: int = 0) -> Expr:
    """Arrays one after the other along a new dimension."""
    tensors = b.promoted(tensors)
    first = tensors[0]
    dim = views.normal(dim, len(first.shape) + 1)
    samples = {t.sample for t in tensors if t.sample is not None}
    if len(samples) > 1:
        raise EntangledError("samples are put beside other samples")
    sample = samples.pop() if samples else None
    shape = (*first.shape[:dim], len(tensors), *first.shape[dim:])
    out = b.allocate(all(t.fixed for t in tensors), shape, None if sample is None else sample + (sample >= dim), kind_of(tensors))
    for i, t in enumerate(tensors):
        b.store(t, views.select(out, dim, i))
    return load(out)
