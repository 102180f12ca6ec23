"""Operations that are more than elementwise: linear layers, reductions, normalizations, and those that look at arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from . import views
from .ir import EntangledError, Expr, UnsupportedError, View, constant, load
from .lowering import Lowering, kind_of, stack
from .recurrent import recurrent

Result = Expr | list[Expr]
Handler = Callable[..., Result]


def linear(b: Lowering, x: Expr, weight: Expr, bias: Expr | None = None) -> Expr:
    """``x w^T + b``."""
    return b.linear(x, b.view(weight), None if bias is None else b.view(bias))


def matmul(b: Lowering, x: Expr, y: Expr) -> Expr:
    """``x @ y``: a linear layer if y depends on weights only, or else a sum of products."""
    if len(x.shape) == 1:
        raise UnsupportedError("a product with a vector on the left")
    if len(y.shape) == 1:
        product = matmul(b, x, load(views.unsqueeze(b.view(y), 1)))
        return load(views.squeeze(b.view(product), [-1]))
    if y.fixed and len(y.shape) == 2:
        return b.linear(x, views.permute(b.view(y), [1, 0]), None)
    if y.fixed and len(y.shape) == 3 and len(x.shape) == 3 and x.shape[0] == y.shape[0] and not x.fixed:
        return _stacked(b, b.view(x), b.view(y))
    left, right = b.view(x), b.view(y)
    rank = max(len(left.shape), len(right.shape))
    right = views.permute(right, [*range(len(right.shape) - 2), -1, -2])
    left = views.unsqueeze(left, -2)  # [..., row, 1, inner]
    while len(right.shape) < rank:
        right = views.unsqueeze(right, 0)
    right = views.unsqueeze(right, -3)  # [..., 1, column, inner]
    return b.reduce("Sum", b.combine("mul", load(left), load(right)), [-1], False)


def _stacked(b: Lowering, x: View, y: View) -> Expr:
    if x.sample == 0:
        raise EntangledError("a stack of matrices for the samples")
    layers = [b.linear(load(views.select(x, 0, i)), views.permute(views.select(y, 0, i), [1, 0]), None) for i in range(x.shape[0])]
    return stack(b, layers, 0)


def addmm(b: Lowering, bias: Expr, x: Expr, y: Expr, beta: float = 1, alpha: float = 1) -> Expr:
    """``bias + x @ y``."""
    if beta != 1 or alpha != 1:
        raise UnsupportedError("addmm with factors")
    if y.fixed and bias.fixed and bias.shape == (y.shape[1],):
        return b.linear(x, views.permute(b.view(y), [1, 0]), b.view(bias))
    return b.combine("add", matmul(b, x, y), bias)


def baddbmm(b: Lowering, bias: Expr, x: Expr, y: Expr, beta: float = 1, alpha: float = 1) -> Expr:
    """``bias + x @ y`` of stacks."""
    if beta != 1 or alpha != 1:
        raise UnsupportedError("baddbmm with factors")
    return b.combine("add", matmul(b, x, y), bias)


def cat(b: Lowering, tensors: Sequence[Expr], dim: int = 0) -> Expr:
    """Arrays one after the other: each is computed where it belongs."""
    tensors = b.promoted(tensors)
    first = tensors[0]
    dim = views.normal(dim, len(first.shape))
    samples = {t.sample for t in tensors if t.sample is not None}
    if len(samples) > 1 or dim in samples:
        raise EntangledError("samples are put beside other samples")
    sample = samples.pop() if samples else None
    shape = list(first.shape)
    shape[dim] = sum(t.shape[dim] for t in tensors)
    out = b.allocate(all(t.fixed for t in tensors), tuple(shape), sample, kind_of(tensors))
    start = 0
    for t in tensors:
        b.store(t, views.cut(out, dim, start, start + t.shape[dim]))
        start += t.shape[dim]
    return load(out)


def batch_norm(
    b: Lowering,
    x: Expr,
    weight: Expr | None,
    bias: Expr | None,
    mean: Expr | None,
    var: Expr | None,
    training: bool,
    momentum: float,  # noqa: ARG001 -- the schema's
    eps: float,
) -> Expr:
    """Normalization with stored statistics."""
    if training or mean is None or var is None:
        raise UnsupportedError("batch norm with the statistics of the batch")
    rank = len(x.shape)

    def channel(e: Expr) -> Expr:
        return b.reshape(e, (e.shape[0], *(1,) * (rank - 2)))

    scale = b.combine("div", 1.0, b.combine("sqrt", b.combine("add", var, eps)))
    scale = scale if weight is None else b.combine("mul", scale, weight)
    # The mean first: numbers that are large beside their spread keep their digits.
    y = b.combine("mul", b.combine("sub", x, channel(mean)), channel(scale))
    return y if bias is None else b.combine("add", y, channel(bias))


def layer_norm(
    b: Lowering, x: Expr, shape: Sequence[int], weight: Expr | None = None, bias: Expr | None = None, eps: float = 1e-5
) -> Expr:
    """Normalization over the last dimensions."""
    dims = list(range(-len(shape), 0))
    x = b.settle(x)
    count = math.prod(x.shape[-len(shape) :])
    centred = b.settle(b.combine("sub", x, b.reduce("Sum", x, dims, True, 1 / count)))
    variance = b.reduce("Sum", b.combine("mul", centred, centred), dims, True, 1 / count)
    scale = b.settle(b.combine("div", 1.0, b.combine("sqrt", b.combine("add", variance, eps))))
    y = b.combine("mul", centred, scale)
    y = y if weight is None else b.combine("mul", y, weight)
    return y if bias is None else b.combine("add", y, bias)


def softmax(b: Lowering, x: Expr, dim: int) -> Expr:
    """``exp(x) / sum(exp(x))``, shifted so that nothing overflows."""
    x = b.settle(x)
    e = b.settle(b.combine("exp", b.combine("sub", x, b.reduce("Maximum", x, [dim], True))))
    return b.combine("div", e, b.reduce("Sum", e, [dim], True))


def log_softmax(b: Lowering, x: Expr, dim: int) -> Expr:
    """Logarithm of softmax."""
    x = b.settle(x)
    shifted = b.settle(b.combine("sub", x, b.reduce("Maximum", x, [dim], True)))
    return b.combine("sub", shifted, b.settle(b.combine("log", b.reduce("Sum", b.combine("exp", shifted), [dim], True))))


def _reduction(kind: str) -> Handler:
    def handler(b: Lowering, x: Expr, dims: Sequence[int] | int | None = None, keepdim: bool = False) -> Expr:
        wanted = [dims] if isinstance(dims, int) else list(dims or range(len(x.shape)))
        return b.reduce(kind, x, wanted, keepdim)

    return handler


def _quantifier(kind: str) -> Handler:
    def handler(b: Lowering, x: Expr, dims: Sequence[int] | int | None = None, keepdim: bool = False) -> Expr:
        wanted = [dims] if isinstance(dims, int) else list(dims or range(len(x.shape)))
        numbers = b.combine("where", x if x.boolean else b.combine("ne", x, 0.0), 1.0, 0.0)
        return b.combine("ne", b.reduce(kind, numbers, wanted, keepdim), 0.0)

    return handler


def mean(b: Lowering, x: Expr, dims: Sequence[int] | None = None, keepdim: bool = False) -> Expr:
    """Mean over some dimensions."""
    wanted = list(dims or range(len(x.shape)))
    return b.reduce("Sum", x, wanted, keepdim, 1 / math.prod(x.shape[d] for d in wanted))


def _viewing(function: Callable[..., View]) -> Handler:
    return lambda b, x, *args: load(function(b.view(x), *args))


def _reshape(b: Lowering, x: Expr, shape: Sequence[int]) -> Expr:
    known = math.prod(size for size in shape if size != -1)
    return b.reshape(x, tuple(math.prod(x.shape) // known if size == -1 else size for size in shape))


def _flatten(b: Lowering, x: Expr, start: int = 0, end: int = -1) -> Expr:
    rank = max(len(x.shape), 1)
    start, end = views.normal(start, rank), views.normal(end, rank)
    return b.reshape(x, (*x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :]))


def _unflatten(b: Lowering, x: Expr, dim: int, sizes: Sequence[int]) -> Expr:
    dim = views.normal(dim, len(x.shape))
    return _reshape(b, x, (*x.shape[:dim], *sizes, *x.shape[dim + 1 :]))


def _transpose(b: Lowering, x: Expr, first: int, second: int) -> Expr:
    order = list(range(len(x.shape)))
    order[first], order[second] = order[second], order[first]
    return load(views.permute(b.view(x), order))


def _expand(b: Lowering, x: Expr, shape: Sequence[int]) -> Expr:
    missing = len(shape) - len(x.shape)
    full = tuple(x.shape[i - missing] if size == -1 else size for i, size in enumerate(shape))
    return x.reshaped(full, None) if x.op == "constant" else load(views.expand(b.view(x), full))


def _squeeze(b: Lowering, x: Expr, dims: Sequence[int] | int | None = None) -> Expr:
    wanted = range(len(x.shape)) if dims is None else [dims] if isinstance(dims, int) else dims
    return load(views.squeeze(b.view(x), list(wanted)))


def _split(b: Lowering, x: Expr, sizes: Sequence[int] | int, dim: int = 0) -> Result:
    view = b.view(x)
    total = view.shape[views.normal(dim, len(view.shape))]
    if isinstance(sizes, int):
        sizes = [min(sizes, total - start) for start in range(0, total, sizes)]
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    return [load(views.cut(view, dim, start, start + size)) for start, size in zip(starts, sizes, strict=True)]


def _chunk(b: Lowering, x: Expr, chunks: int, dim: int = 0) -> Result:
    return _split(b, x, -(-x.shape[dim] // chunks), dim)


def _unbind(b: Lowering, x: Expr, dim: int = 0) -> Result:
    view = b.view(x)
    return [load(views.select(view, dim, i)) for i in range(view.shape[dim])]


def _same(b: Lowering, x: Expr) -> Expr:  # noqa: ARG001 -- a handler like the others
    return x


def _number(b: Lowering, x: Expr) -> Expr:
    return b.combine("where", x, 1.0, 0.0) if x.boolean else x


def _dropout(b: Lowering, x: Expr, p: float, train: bool) -> Expr:  # noqa: ARG001 -- the schema's
    if train and p:
        raise UnsupportedError("dropout in training")
    return x


def _full(b: Lowering, shape: Sequence[int], value: float) -> Expr:  # noqa: ARG001 -- a handler like the others
    return constant(float(value), tuple(shape))


def _filled(value: float) -> Handler:
    return lambda b, like: constant(value, tuple(like.shape if isinstance(like, Expr) else like))  # noqa: ARG005


#: PyTorch's name -> how many arguments of the schema the function takes, and the function.
LAYERS: dict[str, tuple[int, Handler]] = {
    "linear": (3, linear),
    "matmul": (2, matmul),
    "mm": (2, matmul),
    "bmm": (2, matmul),
    "addmm": (5, addmm),
    "baddbmm": (5, baddbmm),
    "cat": (2, cat),
    "concat": (2, cat),
    "stack": (2, stack),
    "batch_norm": (8, batch_norm),
    "layer_norm": (5, layer_norm),
    "softmax": (2, softmax),
    "_softmax": (2, softmax),
    "log_softmax": (2, log_softmax),
    "_log_softmax": (2, log_softmax),
    "sum": (3, _reduction("Sum")),
    "amax": (3, _reduction("Maximum")),
    "amin": (3, _reduction("Minimum")),
    "prod": (3, _reduction("Product")),
    "all": (3, _quantifier("Minimum")),
    "any": (3, _quantifier("Maximum")),
    "mean": (3, mean),
    "gru": (9, recurrent("Gru")),
    "lstm": (9, recurrent("Lstm")),
    "view": (2, _reshape),
    "reshape": (2, _reshape),
    "_unsafe_view": (2, _reshape),
    "flatten": (3, _flatten),
    "unflatten": (3, _unflatten),
    "permute": (2, _viewing(views.permute)),
    "transpose": (3, _transpose),
    "t": (1, lambda b, x: load(views.permute(b.view(x), list(range(len(x.shape)))[::-1]))),
    "select": (3, _viewing(views.select)),
    "slice": (5, _viewing(views.cut)),
    "flip": (2, _viewing(views.flip)),
    "unsqueeze": (2, _viewing(views.unsqueeze)),
    "squeeze": (2, _squeeze),
    "expand": (2, _expand),
    "split": (3, _split),
    "split_with_sizes": (3, _split),
    "chunk": (3, _chunk),
    "unbind": (2, _unbind),
    "clone": (1, _same),
    "contiguous": (1, _same),
    "detach": (1, _same),
    "alias": (1, _same),
    "lift_fresh_copy": (1, _same),
    "to": (1, _number),
    "_to_copy": (1, _number),
    "type_as": (1, _number),
    "dropout": (3, _dropout),
    "feature_dropout": (3, _dropout),
    "alpha_dropout": (3, _dropout),
    "full": (2, _full),
    "full_like": (2, lambda b, like, value: _full(b, like.shape, value)),
    "zeros": (1, _filled(0.0)),
    "ones": (1, _filled(1.0)),
    "zeros_like": (1, _filled(0.0)),
    "ones_like": (1, _filled(1.0)),
}
