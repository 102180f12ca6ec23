"""Examples of arguments for every row of the table of operations, mostly from the forms of its arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

import operations

from .runner import CODES, TABLE

Draw = Callable[[st.SearchStrategy[Any]], Any]
REAL = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
ALL = (torch.float64, torch.float32, *(dtype for dtype in CODES if dtype not in REAL[:2]))
KINDS = (np.int8, np.int16, np.int32, np.int64, np.float32, np.float64, np.complex64, np.complex128)
MATRICES = {"solve", "inverse", "cholesky", "det", "svd", "eigh"}
PRODUCTS = {"matmul", "bmm", "dot", "einsum", "linear", "conv1d", "conv2d"}
#: Their gradients are asked for where they have one.
POSITIVE = {"log", "log10", "sqrt", "rsqrt", "pow"}
#: Operations on these look at one triangle only.
SYMMETRIC = {"cholesky", "eigh"}


class Drawer:
    """Draws the arguments of one operation; ``smooth`` ones are float64 and away from where gradients jump."""

    def __init__(self, draw: Draw, op: operations.Operation, *, smooth: bool) -> None:
        self.draw, self.op, self.smooth = draw, op, smooth
        self.drawn: dict[str, Any] = {}
        products = op.name in MATRICES | PRODUCTS
        self.dtype = torch.float64 if smooth else draw(st.sampled_from(REAL[:2] if products else ALL))
        if not smooth and products:
            self.dtype = draw(st.sampled_from((torch.float64, torch.float32, torch.complex128)))

    def one(self, *choices: Any) -> Any:
        """Return one of the choices."""
        return self.draw(st.sampled_from(choices))

    def integer(self, low: int, high: int) -> int:
        """Return an integer of the interval."""
        value: int = self.draw(st.integers(low, high))
        return value

    def shape(self, ranks: tuple[int, int] = (0, 3)) -> list[int]:
        """Return a shape; extents may be zero."""
        shape: list[int] = self.draw(
            st.lists(st.integers(1, 2) if self.smooth else st.integers(0, 3), min_size=ranks[0], max_size=ranks[1])
        )
        return shape

    def tensor(self, shape: Sequence[int], dtype: torch.dtype | None = None) -> torch.Tensor:
        """Return a tensor of many layouts: permuted, strided, with an offset."""
        dtype = dtype or self.dtype
        chance = torch.Generator().manual_seed(self.integer(0, 10**6))
        order = self.draw(st.permutations(range(len(shape))))
        step, offset = self.one(1, 1, 2), self.one(0, 0, 1)
        memory = torch.rand([offset + step * max(1, int(np.prod(shape)))], generator=chance, dtype=torch.float64) * 0.8 + 0.1
        if dtype.is_floating_point or dtype.is_complex:
            if self.op.name not in POSITIVE or not self.smooth:
                memory *= torch.randint(0, 2, memory.shape, generator=chance) * 2 - 1
            if not self.smooth:
                memory *= self.one(1, 1, 3, 100)
                if self.op.name not in MATRICES | PRODUCTS and self.draw(st.booleans()):
                    memory[::3] = self.one(torch.nan, torch.inf, -torch.inf, 0.0, 0.5)
            values = memory.to(dtype)
            if dtype.is_complex:
                values = torch.complex(memory, memory.flip(0)).to(dtype)
        else:
            low = 0 if dtype in (torch.uint8, torch.bool) else -4
            values = torch.randint(low, 2 if dtype == torch.bool else 5, memory.shape, generator=chance).to(dtype)
        permuted = [shape[d] for d in order]
        strides = [0] * len(shape)
        stride = step
        for d in reversed(order):
            strides[d], stride = stride, stride * max(1, shape[d])
        assert len(permuted) == len(strides)
        return values.as_strided(list(shape), strides, offset)

    def number(self, kinds: Sequence[type[np.generic]] = KINDS) -> np.generic:
        """Return a number of some kind."""
        kind = self.one(*(kinds if not self.smooth else (np.float64,)))
        if issubclass(kind, np.integer):
            return kind(self.integer(-3, 4))  # type: ignore[no-any-return]
        value = self.one(-1.5, 0.1, 0.5, 2.0, 0.75) if not self.smooth else self.one(0.33, 0.6123)
        return kind(value + 1j if issubclass(kind, np.complexfloating) else value)  # type: ignore[no-any-return]

    def operand(self, name: str) -> Any:
        """Return a tensor that can be broadcast, a number or, for an operator, an array."""
        others = [v for v in self.drawn.values() if isinstance(v, torch.Tensor)]
        number_taken = any(not isinstance(v, torch.Tensor) for v in self.drawn.values())
        in_place = self.op.in_place
        choice = self.one("tensor", "tensor", "number", *(["array"] if self.op.operator else []))
        if choice == "number" and not (number_taken and not others):
            return self.number(KINDS if self.op.operator else KINDS[:6])
        base = list(others[0].shape) if others else self.shape()
        if others and self.draw(st.booleans()):
            base = base[self.integer(0, len(base)) :] if self.draw(st.booleans()) else [self.one(1, n) for n in base]
            if not in_place and self.draw(st.booleans()):
                base = [self.integer(1, 2), *base]
        if choice == "array" and others and len(base) in (1, 2):
            kind = self.one(*KINDS) if not self.smooth else np.float64
            values = self.tensor(base, _dtype_of(kind)).contiguous().numpy()
            return np.asfortranarray(values)
        if choice == "array" and not others and name == "a":
            kind = self.one(*KINDS) if not self.smooth else np.float64
            return np.asfortranarray(self.tensor(self.shape((1, 2)), _dtype_of(kind)).contiguous().numpy())
        return self.tensor(base, self.one(self.dtype, self.dtype, *ALL[:2]) if not self.smooth else None)

    def rank(self) -> int:
        """Return the rank to which dimensions refer."""
        first = next(v for v in self.drawn.values() if isinstance(v, torch.Tensor | list))
        return first.dim() if isinstance(first, torch.Tensor) else int(first[0].dim())

    def dim(self, extra: int = 0) -> int:
        """Return a dimension, counted from 1 or from the last."""
        rank = max(1, self.rank() + extra)
        dim = self.integer(1, rank)
        return self.one(dim, dim - rank - 1)  # type: ignore[no-any-return]

    def dims(self) -> list[int]:
        """Return different dimensions."""
        rank = self.rank()
        chosen = self.draw(st.permutations(range(1, rank + 1)))[: self.integer(min(1, rank), rank)]
        return [self.one(d, d - rank - 1) for d in chosen]

    def by_form(self, argument: operations.Argument) -> Any:
        """Return what an argument of a form can be."""
        form = argument.form
        if form.endswith(("?", "=")) and form != "text=" and self.draw(st.booleans()):
            return None
        match form.rstrip("?="):
            case "tensor":
                ranks = (2, 3) if self.op.name in ("tril", "triu", "transpose") else (0, 3)
                return self.tensor(self.shape(ranks))
            case "operand":
                return self.operand(argument.name)
            case "number":
                return self.number(KINDS[:6])
            case "integer":
                return self.integer(-2, 2)
            case "flag":
                return self.one(None, True, False)
            case "dim":
                return self.dim()
            case "newdim":
                return self.dim(1)
            case "dims":
                return self.dims() if form == "dims" or self.draw(st.booleans()) else self.dim()
            case "dtype":
                return self.one(*ALL)
            case "device":
                return 0
            case "text" | "integers" | "tensors":
                return None
        raise AssertionError(f"no examples for the form {form}")

    def arguments(self) -> list[Any]:
        """Return values of all arguments."""
        from .special import SPECIAL

        if (whole := SPECIAL.get((self.op.name, ""))) is not None:
            return list(whole(self))
        for argument in self.op.args:
            special = SPECIAL.get((self.op.name, argument.name))
            self.drawn[argument.name] = special(self) if special else self.by_form(argument)
        return list(self.drawn.values())


def _dtype_of(kind: type[np.generic]) -> torch.dtype:
    return torch.from_numpy(np.zeros(1, kind)).dtype


@st.composite
def arguments(draw: Draw, entry: str, *, smooth: bool = False) -> list[Any]:
    """Examples of the arguments of an operation."""
    return Drawer(draw, TABLE[entry], smooth=smooth).arguments()
