"""What a kernel computes: operations over buffers whose shapes are numbers.

A graph of PyTorch becomes expressions (elementwise, not computed yet) and views (numbers in memory). When an expression is needed
in memory it becomes an operation, with everything elementwise before it inside one loop.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

Shape = tuple[int, ...]

#: Gates of the recurrent cells.
GATES = {"Gru": 3, "Lstm": 4}


#: Operations that are one instruction; others are functions of about so many.
_CHEAP = frozenset({"add", "sub", "mul", "neg", "abs", "maximum", "minimum", "at_least", "at_most", "where"})
_FUNCTION = 15


class UnsupportedError(Exception):
    """The graph has something that kernels cannot compute; the message says what."""


class EntangledError(Exception):
    """The samples of a batch are not independent of each other, as far as can be seen."""


class Real(StrEnum):
    """Kinds of real numbers; the name is that of the type in C++."""

    SINGLE = "float"
    DOUBLE = "double"

    @property
    def itemsize(self) -> int:
        """Bytes of a number."""
        return 4 if self is Real.SINGLE else 8


class Place(StrEnum):
    """Where a buffer lies; the name is that of the pointer in the generated code."""

    INPUT = "inputs"
    OUTPUT = "outputs"
    WORK = "work"
    PACKED = "packed"
    WEIGHT = "weights"
    CONSTANT = "constants"

    @property
    def fixed(self) -> bool:
        """Whether what lies there depends on weights only."""
        return self in (Place.PACKED, Place.WEIGHT, Place.CONSTANT)


@dataclass(eq=False)
class Buffer:
    """Numbers in memory: the whole of an input, or a piece of the workspace. The offset of memory of our own is in bytes."""

    place: Place
    size: int
    real: Real
    index: int = 0
    offset: int = 0


def contiguous(shape: Sequence[int]) -> Shape:
    """Return the strides of an array whose last index is fastest."""
    return tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))


@dataclass(frozen=True, eq=False)
class View:
    """Some of the numbers of a buffer, seen as an array. Strides may be zero or negative.

    Attributes
    ----------
    sample
        The dimension that counts the samples of a block; None when the numbers are the same for all samples, or when there are no
        blocks.
    """

    buffer: Buffer
    shape: Shape
    strides: Shape
    offset: int = 0
    sample: int | None = None

    @property
    def is_contiguous(self) -> bool:
        """Whether the elements are neighbours in memory, in their order."""
        pairs = zip(self.shape, self.strides, contiguous(self.shape), strict=True)
        return all(size == 1 or stride == expected for size, stride, expected in pairs)

    def broadcast(self, shape: Shape) -> Shape:
        """Return the strides of this view as an array of a larger shape."""
        missing = len(shape) - len(self.shape)
        return (0,) * missing + tuple(
            0 if size == 1 and wanted != 1 else stride
            for size, stride, wanted in zip(self.shape, self.strides, shape[missing:], strict=True)
        )


@dataclass(frozen=True, eq=False)
class Product:
    """A linear layer that is not computed yet."""

    x: View
    weight: View
    bias: View | None


@dataclass(frozen=True, eq=False)
class Expr:
    """An elementwise expression.

    Attributes
    ----------
    op
        Key of the table of operations, or ``load``, ``constant``, ``product``.
    real
        What it computes in; None for numbers, which are of any kind.
    """

    op: str
    args: tuple[Expr, ...]
    shape: Shape
    sample: int | None = None
    boolean: bool = False
    view: View | None = None
    value: float = 0.0
    product: Product | None = None
    real: Real | None = None

    def walk(self, seen: set[int] | None = None) -> Iterator[Expr]:
        """Yield this and everything in it, arguments first, each once."""
        seen = set() if seen is None else seen
        if id(self) in seen:
            return
        seen.add(id(self))
        for arg in self.args:
            yield from arg.walk(seen)
        yield self

    @property
    def is_leaf(self) -> bool:
        """Whether there is nothing to compute."""
        return self.op in ("load", "constant")

    @property
    def views(self) -> list[View]:
        """Everything that is read, except by linear layers."""
        return [e.view for e in self.walk() if e.view is not None]

    @property
    def products(self) -> list[Expr]:
        """The linear layers in it."""
        return [e for e in self.walk() if e.product is not None]

    @property
    def fixed(self) -> bool:
        """Whether it depends on weights only."""
        read = [*self.views, *(e.product.x for e in self.products if e.product)]
        return all(view.buffer.place.fixed for view in read)

    @property
    def operations(self) -> int:
        """About how many operations of arithmetic it is, without linear layers."""
        cost = sum(1 if e.op in _CHEAP else _FUNCTION for e in self.walk() if e.args)
        return cost * math.prod(self.shape)

    def reshaped(self, shape: Shape, sample: int | None) -> Expr:
        """Return a number in another shape."""
        return replace(self, shape=shape, sample=sample)


def load(view: View) -> Expr:
    """Return the expression that reads a view."""
    return Expr("load", (), view.shape, view.sample, view=view, real=view.buffer.real)


def constant(value: float, shape: Shape = ()) -> Expr:
    """Return a number."""
    return Expr("constant", (), shape, value=value)


@dataclass(frozen=True, eq=False)
class MapOp:
    """Compute an expression and store it."""

    expr: Expr
    out: View

    @property
    def reads(self) -> list[Buffer]:
        """Buffers that must be computed before."""
        return [view.buffer for view in self.expr.views]

    @property
    def operations(self) -> int:
        """About how many operations of arithmetic it is."""
        return self.expr.operations


@dataclass(frozen=True, eq=False)
class ConvertOp:
    """Store numbers as numbers of the other kind."""

    view: View
    out: View

    @property
    def reads(self) -> list[Buffer]:
        """Buffers that must be computed before."""
        return [self.view.buffer]

    @property
    def operations(self) -> int:
        """About how many operations of arithmetic it is."""
        return math.prod(self.out.shape)


@dataclass(frozen=True, eq=False)
class ReduceOp:
    """Reduce the last ``reduced`` dimensions of an expression, times ``scale``."""

    kind: str
    expr: Expr
    reduced: int
    out: View
    scale: float = 1.0

    @property
    def reads(self) -> list[Buffer]:
        """Buffers that must be computed before."""
        return [view.buffer for view in self.expr.views]

    @property
    def operations(self) -> int:
        """About how many operations of arithmetic it is."""
        return self.expr.operations + math.prod(self.expr.shape)


@dataclass(frozen=True, eq=False)
class PackDenseOp:
    """Put the weights of a linear layer into the order in which they are read."""

    weight: View
    bias: View | None
    out: View
    tile: int  # vectors of outputs, 0 when lanes are inputs

    @property
    def reads(self) -> list[Buffer]:
        """Buffers that must be computed before."""
        return [self.weight.buffer] + ([self.bias.buffer] if self.bias else [])

    @property
    def operations(self) -> int:
        """None: it is done once."""
        return 0


@dataclass(frozen=True, eq=False)
class DenseOp:
    """A linear layer with what follows it elementwise (``expr``, in which ``product`` is the sum)."""

    x: View
    packed: View
    product: Expr
    expr: Expr
    out: View
    tile: int

    @property
    def reads(self) -> list[Buffer]:
        """Buffers that must be computed before."""
        return [self.x.buffer, self.packed.buffer, *(view.buffer for view in self.expr.views)]

    @property
    def operations(self) -> int:
        """About how many operations of arithmetic it is."""
        return 2 * math.prod(self.out.shape) * self.x.shape[-1] + self.expr.operations


@dataclass(frozen=True, eq=False)
class PackRecurrentOp:
    """Put the weights of a recurrent layer into the order in which they are read."""

    cell: str
    w_in: View
    w_state: View
    b_in: View | None
    b_state: View | None
    out: View
    tile: int  # vectors of hidden units

    @property
    def reads(self) -> list[Buffer]:
        """Buffers that must be computed before."""
        return [view.buffer for view in (self.w_in, self.w_state, self.b_in, self.b_state) if view]

    @property
    def operations(self) -> int:
        """None: it is done once."""
        return 0


@dataclass(frozen=True, eq=False)
class RecurrentOp:
    """One layer and direction of a GRU or LSTM: x[time, sample, in] to out[time, sample, hidden].

    The state before the first step is ``h`` (None: zero), for LSTM ``c``, which is also where the last one is left (``memory``).
    """

    cell: str
    x: View
    packed: View
    h: View | None
    out: View
    tile: int
    memory: View | None = None

    @property
    def reads(self) -> list[Buffer]:
        """Buffers that must be computed before."""
        views = (self.x, self.packed, self.h, self.memory)
        return [view.buffer for view in views if view]

    @property
    def operations(self) -> int:
        """About how many operations of arithmetic it is."""
        return 2 * math.prod(self.out.shape) * GATES[self.cell] * (self.x.shape[-1] + self.out.shape[-1] + _FUNCTION)


Op = MapOp | ConvertOp | ReduceOp | PackDenseOp | DenseOp | PackRecurrentOp | RecurrentOp


@dataclass
class Network:
    """Everything that one kernel, or one block of samples in it, computes.

    Attributes
    ----------
    block
        Samples in a block; None when all are computed at once.
    inputs, outputs
        Each as a view of the caller's array.
    dtypes
        Codes of the dtypes of the inputs and outputs in the contract.
    """

    ops: list[Op] = field(default_factory=list)
    packing: list[Op] = field(default_factory=list)
    inputs: list[View] = field(default_factory=list)
    outputs: list[View] = field(default_factory=list)
    buffers: list[Buffer] = field(default_factory=list)
    constants: dict[Real, list[float]] = field(default_factory=lambda: {real: [] for real in Real})
    block: int | None = None
    dtypes: list[int] = field(default_factory=list)

    def allocate(self, place: Place, shape: Shape, real: Real, sample: int | None = None, index: int = 0) -> View:
        """Return a new contiguous array."""
        buffer = Buffer(place, math.prod(shape), real, index)
        self.buffers.append(buffer)
        return View(buffer, shape, contiguous(shape), sample=sample)


def collapse(sizes: Sequence[int], *strides: Sequence[int]) -> tuple[list[int], list[list[int]]]:
    """Merge neighbouring dimensions that all arrays can walk through with one stride; drop those of size 1.

    Returns
    -------
    tuple
        The sizes left, and the strides of each array.
    """
    kept: list[tuple[int, list[int]]] = []
    for size, *steps in zip(sizes, *strides, strict=True):
        if size == 1:
            continue
        if kept and all(before == step * size for before, step in zip(kept[-1][1], steps, strict=True)):
            kept[-1] = (kept[-1][0] * size, steps)
        else:
            kept.append((size, steps))
    return [size for size, _ in kept], [[steps[i] for _, steps in kept] for i in range(len(strides))]


def broadcast_shapes(*shapes: Shape) -> Shape:
    """Return the shape that arrays of these shapes have together."""
    turned = itertools.zip_longest(*(reversed(shape) for shape in shapes), fillvalue=1)
    result = []
    for sizes in turned:
        distinct = {size for size in sizes if size != 1}
        if len(distinct) > 1:
            raise UnsupportedError(f"the shapes {', '.join(map(str, shapes))} do not fit together")
        result.append(distinct.pop() if distinct else 1)
    return tuple(reversed(result))
