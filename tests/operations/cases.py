"""Examples of arguments for every row of the table of operations, mostly from the forms of its arguments."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

import operations

from .runner import CODES, TABLE

Draw = Callable[[st.SearchStrategy[Any]], Any]
ALL = (torch.float64, torch.float32, *(dtype for dtype in CODES if dtype not in (torch.float64, torch.float32)))
KINDS = (np.int8, np.int16, np.int32, np.int64, np.float32, np.float64, np.complex64, np.complex128)
MATRICES = {"solve", "inverse", "cholesky", "det", "svd", "eigh"}
PRODUCTS = {"matmul", "bmm", "dot", "einsum", "linear", "conv1d", "conv2d"}
#: Their gradients are asked for where they have one.
POSITIVE = {"log", "log10", "sqrt", "rsqrt", "pow"}
#: Operations on these look at one triangle only.
SYMMETRIC = {"cholesky", "eigh"}


class Drawer:
    """Draws the arguments of one operation; ``smooth`` ones are float64 and away from where gradients jump."""

    def __init__(self, chance: random.Random, op: operations.Operation, *, smooth: bool, dtype: torch.dtype | None = None) -> None:
        self.op, self.smooth, self.chance = op, smooth, chance
        self.drawn: dict[str, Any] = {}
        self.dtype = dtype or (torch.float64 if smooth else self.one(*(taken(op) or ALL)))

    def one(self, *choices: Any) -> Any:
        """Return one of the choices."""
        return self.chance.choice(choices)

    def maybe(self) -> bool:
        """Return true every other time."""
        return self.chance.random() < 0.5

    def order(self, numbers: Sequence[int]) -> list[int]:
        """Return numbers in any order."""
        return self.chance.sample(numbers, len(numbers))

    def integer(self, low: int, high: int) -> int:
        """Return an integer of the interval."""
        return self.chance.randint(low, high)

    def shape(self, ranks: tuple[int, int] = (0, 3)) -> list[int]:
        """Return a shape, seldom of rank 0; extents may be zero."""
        lowest = min(self.one(1, 2, 1, 0), ranks[1])
        rank = self.integer(max(ranks[0], lowest), ranks[1])
        return self.chance.choices((2, 3, 1) if self.smooth else (2, 3, 5, 1, 0), k=rank)

    def tensor(self, shape: Sequence[int], dtype: torch.dtype | None = None) -> torch.Tensor:
        """Return a tensor of many layouts: permuted, strided, with an offset."""
        dtype = dtype or self.dtype
        chance = torch.Generator().manual_seed(self.integer(0, 10**6))
        order = self.order(range(len(shape)))
        step, offset = self.one(1, 1, 2), self.one(0, 0, 1)
        memory = torch.rand([offset + step * max(1, int(np.prod(shape)))], generator=chance, dtype=torch.float64) * 0.8 + 0.1
        if dtype.is_floating_point or dtype.is_complex:
            if self.op.name not in POSITIVE or not self.smooth:
                memory *= torch.randint(0, 2, memory.shape, generator=chance) * 2 - 1
            if not self.smooth:
                memory *= self.one(1, 1, 3, 100)
                if self.op.name not in MATRICES | PRODUCTS and self.maybe():
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
        if others and self.maybe():
            base = base[self.integer(0, len(base)) :] if self.maybe() else [self.one(1, n) for n in base]
            if not in_place and self.maybe():
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
        chosen = self.order(range(1, rank + 1))[: self.integer(min(1, rank), rank)]
        return [self.one(d, d - rank - 1) for d in chosen]

    def by_form(self, argument: operations.Argument) -> Any:
        """Return what an argument of a form can be."""
        form = argument.form
        if form.endswith(("?", "=")) and form != "text=" and self.maybe():
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
                return self.dims() if form == "dims" or self.maybe() else self.dim()
            case "dtype":
                return self.dtype
            case "device":
                return 0
            case "text" | "integers" | "tensors":
                return None
        raise AssertionError(f"no examples for the form {form}")

    def arguments(self) -> list[Any]:
        """Return values of all arguments."""
        from .losses import LOSSES
        from .special import SPECIAL

        if (whole := LOSSES.get(self.op.name) or SPECIAL.get((self.op.name, ""))) is not None:
            return list(whole(self))
        for argument in self.op.args:
            special = SPECIAL.get((self.op.name, argument.name))
            self.drawn[argument.name] = special(self) if special else self.by_form(argument)
        return list(self.drawn.values())


def taken(op: operations.Operation) -> tuple[torch.dtype, ...]:
    """Return the dtypes that the table names for the first tensor of an operation."""
    return tuple(dtype for dtype in ALL if str(dtype).removeprefix("torch.") in op.taken)


def _dtype_of(kind: type[np.generic]) -> torch.dtype:
    return torch.from_numpy(np.zeros(1, kind)).dtype


@st.composite
def arguments(draw: Draw, entry: str, *, smooth: bool = False, dtype: torch.dtype | None = None) -> list[Any]:
    """Examples of the arguments of an operation, of all dtypes that it takes unless one is given."""
    chance = draw(st.randoms(use_true_random=True))  # one draw of hypothesis for all: a tenth of the time
    return Drawer(chance, TABLE[entry], smooth=smooth, dtype=dtype).arguments()
