"""Arguments that must fit together in a way that their forms do not tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from .cases import ALL, Drawer

Special = Callable[[Drawer], Any]
UNSIGNED = (torch.uint8, torch.bool)


def _reshaped(d: Drawer) -> list[int]:
    shape = list(d.drawn["a"].shape)
    merged = [shape[0] * shape[1], *shape[2:]] if len(shape) > 1 else shape
    return d.one(shape, shape[::-1], merged, [*shape, 1], [-1], [1, -1])  # type: ignore[no-any-return]


def _expanded(d: Drawer) -> list[int]:
    shape = [d.one(n, -1) if n != 1 else d.one(1, -1, 3, 0) for n in d.drawn["a"].shape]
    return [2, *shape] if d.one(True, False) else shape


def _permutation(d: Drawer) -> list[int]:
    rank = d.rank()
    return [d.one(i, i - rank - 1) for i in d.order(range(1, rank + 1))]


def _extent(d: Drawer) -> int:
    a, dim = d.drawn["a"], d.drawn["dim"]
    return int(a.shape[dim - 1 if dim > 0 else dim])


def _slice(d: Drawer) -> list[Any]:
    a = d.tensor(d.shape((1, 3)))
    d.drawn = {"a": a}
    dim = d.dim()
    d.drawn["dim"] = dim
    extent = _extent(d)
    first = d.one(None, 1, max(extent, 1))
    last = d.one(None, extent, d.integer(0, extent))
    return [a, dim, first if extent else None, last if extent else None, d.one(None, 1, 2, 3)]


def _split(d: Drawer) -> list[Any]:
    a = d.tensor(d.shape((1, 3)))
    d.drawn = {"a": a}
    dim = d.dim()
    d.drawn["dim"] = dim
    extent = _extent(d)
    sizes: list[int] = []
    while sum(sizes) < extent:
        sizes.append(d.integer(1, extent - sum(sizes)))
    return [a, sizes or [0], dim]


def _index(d: Drawer, shape: list[int]) -> torch.Tensor:
    return torch.randint(0, max(_extent(d), 1), shape, generator=torch.Generator().manual_seed(d.integer(0, 99)))


def _gather(d: Drawer) -> list[Any]:
    a = d.tensor(d.shape((1, 3)))
    d.drawn = {"a": a}
    dim = d.dim()
    d.drawn["dim"] = dim
    return [a, dim, _index(d, [d.integer(0, n) if i != dim % len(a.shape) else n for i, n in enumerate(a.shape)])]


def _select(d: Drawer) -> list[Any]:
    a = d.tensor(d.shape((1, 3)))
    d.drawn = {"a": a}
    d.drawn["dim"] = d.dim()
    return [a, d.drawn["dim"], _index(d, [d.integer(0, 4)])]


def _joined(d: Drawer) -> list[torch.Tensor]:
    shape = d.shape((0 if d.op.name == "stack" else 1, 3))
    return [d.tensor(shape) for _ in range(d.integer(1, 3))]


def _pad(d: Drawer) -> list[Any]:
    if d.one(True, False):
        a = d.tensor(d.shape((1, 3)))
        count = d.integer(1, a.dim())
        return [a, [d.integer(0, 2) for _ in range(2 * count)], d.one(None, "constant"), d.one(None, d.number())]
    return [d.tensor([2, 3, 4]), [d.integer(0, 2), d.integer(0, 2)], d.one("reflect", "replicate", "circular"), None]


def _square(d: Drawer) -> torch.Tensor:
    n = d.integer(1, 3)
    batch = d.shape((0, 1))
    a = d.tensor([*batch, n, n])
    wide = a.to(torch.complex128 if a.is_complex() else torch.float64)
    unit = torch.eye(n, dtype=wide.dtype)
    good = wide @ wide.mH + unit * torch.arange(1, n + 1) if d.op.name in ("cholesky", "eigh") else wide + 3 * unit
    return a.copy_(good)  # which keeps the layout


def _solve(d: Drawer) -> list[torch.Tensor]:
    a = _square(d)
    return [a, d.tensor([*a.shape[:-1], 2])]


def _matmul(d: Drawer) -> list[torch.Tensor]:
    n, k, m = d.integer(1, 3), d.integer(1, 3), d.integer(1, 3)
    batch = d.shape((0, 1))
    return [d.tensor([*d.one([], [n], [*batch, n]), k]), d.tensor(d.one([k], [k, m], [*batch, k, m]))]


def _bmm(d: Drawer) -> list[torch.Tensor]:
    b, n, k, m = (d.integer(0 if not d.smooth else 1, 3) for _ in range(4))
    return [d.tensor([b, n, k]), d.tensor([b, k, m])]


def _dot(d: Drawer) -> list[torch.Tensor]:
    n = d.integer(1, 4)
    return [d.tensor([n]), d.tensor([n])]


def _einsum(d: Drawer) -> list[Any]:
    n, m = d.integer(1, 3), d.integer(1, 3)
    equation, shapes = d.one(
        ("ij,jk->ik", [[n, m], [m, 2]]),
        ("i,i->", [[n], [n]]),
        ("ij->ji", [[n, m]]),
        ("bi,bj->bij", [[2, n], [2, m]]),
        ("ii", [[n, n]]),
    )
    return [equation, [d.tensor(shape) for shape in shapes]]


def _linear(d: Drawer) -> list[Any]:
    n, m = d.integer(1, 3), d.integer(1, 3)
    return [d.tensor([*d.shape((0, 2)), n]), d.tensor([m, n]), d.one(None, d.tensor([m]))]


def _convolution(d: Drawer, rank: int) -> list[Any]:
    groups, batch = (1, 1) if d.smooth else (d.integer(1, 2), d.integer(1, 2))
    each = [3 if d.smooth else d.integer(3, 5) for _ in range(rank)]
    x, w = d.tensor([batch, 2 * groups, *each]), d.tensor([2 * groups, 2, *([2] * rank)])

    several = d.one(True, False)  # the driver hands over all as lists or all as numbers

    def steps(low: int) -> Any:
        chosen = [d.integer(low, 2) for _ in range(rank)]
        return d.one(None, chosen if several else chosen[0])

    return [x, w, d.one(None, d.tensor([2 * groups])), steps(1), steps(0), d.one(None, steps(1)), groups]


def _broadcast_condition(d: Drawer) -> torch.Tensor:
    return d.tensor(d.shape(), torch.bool)


def _copied(d: Drawer) -> torch.Tensor:
    return d.tensor(list(d.drawn["a"].shape))


#: Special arguments by operation and name; an empty name stands for all of them.
SPECIAL: dict[tuple[str, str], Special] = {
    ("reshape", "shape"): _reshaped,
    ("view", "shape"): _reshaped,
    ("expand", "shape"): _expanded,
    ("permute", "dims"): _permutation,
    ("slice", ""): _slice,
    ("split", ""): _split,
    ("gather", ""): _gather,
    ("index_select", ""): _select,
    ("cat", "tensors"): _joined,
    ("stack", "tensors"): _joined,
    ("roll", "shifts"): lambda d: [d.integer(-3, 3) for _ in range(d.drawn["a"].dim())],
    ("roll", "dims"): _permutation,
    ("pad", ""): _pad,
    ("where", "condition"): _broadcast_condition,
    ("copy", "b"): _copied,
    ("to", "dtype"): lambda d: torch.float64 if d.smooth else d.one(None, *ALL),
    ("gelu", "approximate"): lambda d: d.one(None, "none", "tanh"),
    ("norm", "p"): lambda d: d.one(None, *map(_real, (0.5, 1.0, 2.0, 3.0))),
    ("std", "correction"): lambda d: d.one(None, *map(_real, (0.0, 1.0))),
    ("var", "correction"): lambda d: d.one(None, *map(_real, (0.0, 1.0))),
    ("arange", ""): lambda d: [d.number(), _real(float(d.integer(2, 9))), d.one(None, _real(0.5)), d.one(None, d.dtype), 0],
    ("linspace", "steps"): lambda d: d.integer(0, 5),
    ("eye", "n"): lambda d: d.integer(0, 4),
    ("randperm", "n"): lambda d: d.integer(0, 9),
    **{(name, "shape"): lambda d: d.shape() for name in ("zeros", "ones", "full", "rand", "randn", "randint")},
    **{(name, "low"): lambda d: 0 if d.dtype in UNSIGNED else d.integer(-3, 0) for name in ("randint", "randint_like")},
    **{(name, "high"): lambda d: d.integer(1, 2 if d.dtype == torch.bool else 5) for name in ("randint", "randint_like")},
    ("softplus", "beta"): lambda d: d.one(None, _real(2.0)),
    ("leaky_relu", "negative_slope"): lambda d: d.one(None, _real(0.3)),
    ("elu", "alpha"): lambda d: d.one(None, _real(0.7)),
    ("matmul", ""): _matmul,
    ("bmm", ""): _bmm,
    ("dot", ""): _dot,
    ("einsum", ""): _einsum,
    ("solve", ""): _solve,
    **{(name, "a"): _square for name in ("inverse", "cholesky", "det", "eigh")},
    ("svd", "a"): lambda d: d.tensor([*d.shape((0, 1)), d.integer(1, 3), d.integer(1, 3)]),
    ("svd", "full_matrices"): lambda d: d.one(None, False, not d.smooth),
    ("linear", ""): _linear,
    ("conv1d", ""): lambda d: _convolution(d, 1),
    ("conv2d", ""): lambda d: _convolution(d, 2),
}


def _real(value: float) -> Any:
    import numpy as np

    return np.float64(value)
