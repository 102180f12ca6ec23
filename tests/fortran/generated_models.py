"""Networks of many signatures, for which Fortran modules are generated: every dtype, rank 0 to 5, odd names, several sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

Tensor = torch.Tensor


class Double(torch.nn.Module):
    """Twice the input plus the sum of its last dimension: rows and columns mean different things."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * x + x.sum(-1, keepdim=True)


class Dense(torch.nn.Module):
    """A layer whose weights all differ."""

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(5, 3, dtype=dtype)
        with torch.no_grad():
            self.layer.weight.copy_(torch.arange(15.0).reshape(3, 5) / 8)
            self.layer.bias.copy_(torch.arange(3.0))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x)
        return y


class Number(torch.nn.Module):
    """From number to number."""

    def forward(self, x: Tensor) -> Tensor:
        return x * x + 1


class Fields(torch.nn.Module):
    """Fields, a mask and a number in; a field and one number for each sample out."""

    def forward(self, sst: Tensor, mask: Tensor, month: Tensor) -> tuple[Tensor, Tensor]:
        rows = torch.arange(sst.size(1), dtype=sst.dtype)[:, None] * 100
        field = torch.where(mask, sst + rows + month, sst)
        return field, field.sum(dim=(1, 2))


class Convolution(torch.nn.Module):
    """Channels, rows and columns."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Conv2d(2, 3, (1, 3))
        with torch.no_grad():
            self.layer.weight.copy_(torch.arange(18.0).reshape(3, 2, 1, 3) / 8)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x)
        return y


class Integers(torch.nn.Module):
    """Whole numbers of every size."""

    def forward(self, a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return a + 1, b * 2, c - 3, d + a


class Image(torch.nn.Module):
    """Bytes in, bytes and their mean out."""

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return 255 - image, image.to(torch.float32).mean(dim=(1, 2))


class Logic(torch.nn.Module):
    """Logical values, with a whole number for each."""

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        return torch.logical_xor(a, b), a.to(torch.int32) + 2 * b.to(torch.int32)


class Product(torch.nn.Module):
    """A matrix with two free sizes times a vector."""

    def forward(self, matrix: Tensor, vector: Tensor) -> Tensor:
        return torch.matmul(matrix, vector)


class Steps(torch.nn.Module):
    """Time first and the batch second, as recurrent networks have it."""

    def forward(self, x: Tensor) -> Tensor:
        return x.cumsum(0)


class Nested(torch.nn.Module):
    """A dictionary within a dictionary."""

    def forward(self, state: Tensor) -> dict[str, dict[str, Tensor]]:
        return {"air": {"rain": state[:, :2], "snow": state * 3}}


class Names(torch.nn.Module):
    """Sums of five inputs in two ways."""

    def forward(self, a: Tensor, b: Tensor, c: Tensor, d: Tensor, e: Tensor) -> tuple[Tensor, Tensor]:
        return a + 2 * b + 3 * c + 4 * d + 5 * e, a - b


@dataclass(frozen=True)
class Case:
    """One model file and its module.

    Attributes
    ----------
    make
        Makes the network.
    inputs, outputs
        Declarations.
    example
        Makes example inputs from a generator; other ones are made for the test.
    options
        Of `pt2ts.fortran_module`.
    more
        Of `pt2ts.export`.
    tolerance
        Allowed difference from PyTorch, relative to the largest number.
    """

    make: Callable[[], torch.nn.Module]
    inputs: Sequence[str]
    outputs: Sequence[str]
    example: Callable[[torch.Generator], Sequence[Tensor]]
    options: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    tolerance: float = 1e-6


def _real(*shapes: Sequence[int], dtype: torch.dtype = torch.float32) -> Callable[[torch.Generator], list[Tensor]]:
    def make(source: torch.Generator) -> list[Tensor]:
        return [torch.randn(tuple(shape), generator=source, dtype=torch.float64).to(dtype) for shape in shapes]

    return make


def _fields(source: torch.Generator) -> list[Tensor]:
    sst = 270 + 40 * torch.rand(3, 4, 6, generator=source)
    month = torch.randint(1, 13, (), generator=source)
    return [sst, torch.rand(3, 4, 6, generator=source) > 0.5, month]


def _whole(source: torch.Generator) -> list[Tensor]:
    kinds = (torch.int8, torch.int16, torch.int32, torch.int64)
    return [torch.randint(-60, 60, (4, 3), generator=source).to(kind) for kind in kinds]


def _complex(dtype: torch.dtype) -> Callable[[torch.Generator], list[Tensor]]:
    return lambda source: [torch.randn(4, 5, generator=source, dtype=torch.complex128).to(dtype)]


def _image(source: torch.Generator) -> list[Tensor]:
    return [torch.randint(0, 256, (2, 6, 5, 3), generator=source).to(torch.uint8)]


def _logic(source: torch.Generator) -> list[Tensor]:
    return [torch.rand(4, 3, generator=source) > 0.5 for _ in range(2)]


_LONG = "temperature_of_the_uppermost_layer_of_the_ocean_below_the_mixed_layer"

CASES: dict[str, Case] = {
    "dense": Case(Dense, ["x[batch,5] float32 m/s -3..3"], ["drag m/s2"], _real((4, 5))),
    "dense_real64": Case(Dense, ["x[batch,5] float32"], ["y"], _real((4, 5)), {"kind": "real64", "guard": True}),
    "dense_real32": Case(
        lambda: Dense(torch.float64), ["x[n,5] float64 K 0.1..1e300"], ["y"], _real((4, 5), dtype=torch.float64),
        {"kind": "real32", "guard": True}, tolerance=1e-5,
    ),
    "number": Case(Number, ["x[] float64 K -1..1"], ["y"], _real((), dtype=torch.float64), {"guard": True}),
    "numbers": Case(Number, ["x[batch] float32"], ["y"], _real((4,))),
    "vector": Case(Double, ["x[7] float64"], ["y"], _real((7,), dtype=torch.float64), {"kind": "real64"}),
    "fields": Case(
        Fields, ["sst[batch,4,6] float32 K 270..310 -- sea surface temperature", "mask[batch,4,6] bool", "month[] int64 1..12"],
        ["next K", "total[batch] K"], _fields, {"kind": "real64", "guard": True},
    ),
    "convolution": Case(Convolution, ["image[batch,2,5,7] float32"], ["features"], _real((2, 2, 5, 7)), tolerance=1e-5),
    "blocks": Case(Double, ["x[batch,2,3,4,5] float32 K -4..4"], ["y"], _real((2, 2, 3, 4, 5)), {"guard": True}),
    "integers": Case(
        Integers, ["a[batch,3] int8 -128..127", "b[batch,3] int16 -60..60", "c[batch,3] int32", "d[batch,3] int64 -60..1e30"],
        ["first", "second", "third", "fourth"], _whole, {"guard": True, "kind": "real32"}, tolerance=0,
    ),
    "image": Case(Image, ["image[batch,6,5,3] uint8 0..255"], ["negative", "mean"], _image, {"guard": True}, tolerance=1e-5),
    "logic": Case(Logic, ["a[batch,3] bool", "b[batch,3] bool"], ["either", "both"], _logic, tolerance=0),
    "half": Case(
        Double, ["x[batch,5] float16 K -1..1"], ["y"], _real((4, 5), dtype=torch.float16), {"guard": True}, tolerance=1e-2
    ),
    "brain": Case(Double, ["x[batch,5] bfloat16"], ["y"], _real((4, 5), dtype=torch.bfloat16), tolerance=1e-1),
    "brain_real32": Case(
        Double, ["x[batch,5] bfloat16 K -1..1"], ["y"], _real((4, 5), dtype=torch.bfloat16), {"kind": "real32", "guard": True},
        tolerance=1e-1,
    ),
    "complex_single": Case(Double, ["z[batch,5] complex64"], ["w"], _complex(torch.complex64)),
    "complex_double": Case(
        Double, ["z[batch,5] complex128"], ["w"], _complex(torch.complex128), {"kind": "real32"}, tolerance=1e-5
    ),
    "product": Case(Product, ["matrix[rows,columns] float64", "vector[columns] float64"], ["product"],
                    _real((3, 5), (5,), dtype=torch.float64)),
    "steps": Case(Steps, ["x[time,batch,4] float32"], ["y"], _real((3, 2, 4)), {"kind": "real64"}),
    "nested": Case(Nested, ["state[batch,5] float32"], ["air.rain mm/h", "snow mm/h"], _real((4, 5))),
    "names": Case(
        Names, ["END[batch,3] float32", "end[batch,3] float32", "Température_été[batch,3] float32 K -9..9",
                f"{_LONG}[batch,3] float32", f"{_LONG}_too[batch,3] float32"],
        ["stat W µm⁻² -- it's called stat", "errmsg"], _real(*[(4, 3)] * 5), {"guard": True}, tolerance=1e-5,
    ),
}  # fmt: skip
