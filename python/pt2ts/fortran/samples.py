"""Values that a program can give to a model's inputs, as Fortran writes them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from ..contract.ranges import at
from ..contract.spec import Spec
from ..errors import SpecError
from .kinds import Elements, real_literal
from .port import Port
from .view import ModuleView

#: A sample of no more values than this is written out.
_WRITTEN_OUT = 24

#: Size of a symbol where no golden sample has one.
_USUAL_SIZE = 2

_BITS = {torch.float16: torch.int16, torch.bfloat16: torch.int16, torch.uint8: torch.int8}


@dataclass(frozen=True)
class Sample:
    """Extents and values of one argument.

    Attributes
    ----------
    port
        The argument.
    name
        The variable of the program.
    extents
        Those of the Fortran array.
    value
        Fortran expression of an input's values; empty for an output.
    origin
        Where the values come from.
    """

    port: Port
    name: str
    extents: tuple[int, ...]
    value: str = ""
    origin: str = ""

    @property
    def shape(self) -> str:
        """The extents as an allocation has them; empty for a number."""
        return f"({', '.join(map(str, self.extents))})" if self.extents else ""

    @property
    def first_values(self) -> str:
        """The first values, along the first dimension."""
        if not self.extents:
            return self.name
        return f"{self.name}({', '.join([f':{min(4, self.extents[0])}', *['1'] * (len(self.extents) - 1)])})"


def samples(view: ModuleView, names: Mapping[str, str]) -> tuple[list[Sample], list[Sample]]:
    """Return inputs with values and outputs, from the golden sample where there is one."""
    golden = view.golden
    sizes = {symbol: bounds.nearest(_USUAL_SIZE) for symbol, bounds in view.spec.symbols.items()}

    def sample(port: Port, tensor: torch.Tensor | None) -> Sample:
        known = port.spec.shape if tensor is None else tuple(tensor.shape)
        shape = [_size(view.spec, sizes, port, size) for size in known]
        extents = tuple(reversed(shape)) if port.reversed else tuple(shape)
        value, origin = _value(port, tensor, extents, sizes) if port.is_input else ("", "")
        return Sample(port, names[port.name], extents, value, origin)

    inputs = [sample(port, golden.inputs[n] if golden else None) for n, port in enumerate(view.inputs)]
    return inputs, [sample(port, golden.outputs[n] if golden else None) for n, port in enumerate(view.outputs)]


def _size(spec: Spec, sizes: Mapping[str, int], port: Port, size: int | str) -> int:
    if isinstance(size, int):
        return size
    if size not in sizes:
        raise SpecError(
            f"the size '{size}' of output '{port.spec.name}' of the model '{spec.name}' is known only when it runs",
            "export the model with a golden sample, or leave --program out",
        )
    return sizes[size]


def _value(port: Port, tensor: torch.Tensor | None, extents: tuple[int, ...], sizes: Mapping[str, int]) -> tuple[str, str]:
    """Return an expression, and where its values come from."""
    kept = tensor if tensor is not None and tensor.numel() and _is_finite(tensor) else None
    if kept is not None and kept.numel() <= _WRITTEN_OUT:
        ordered = kept if port.reversed or kept.dim() < 2 else kept.permute(*reversed(range(kept.dim())))
        values = [_literal(item, port.elements) for item in _items(ordered.reshape(-1), port.elements)]
        listed = f"[{', '.join(values)}]"
        written = (
            values[0] if not extents else listed if len(extents) == 1 else f"reshape({listed}, [{', '.join(map(str, extents))}])"
        )
        return written, "the golden sample"
    if port.spec.range is not None and port.elements.category in ("real", "integer") and not port.elements.storage:
        low, high = at(port.spec.range, sizes)
        middle = low + (high - low) / 2
        whole = port.elements.category == "integer"
        return _literal(math.floor(middle) if whole else middle, port.elements), "the middle of its range"
    if kept is not None and port.elements.category == "real":
        return _literal(float(kept.double().mean()), port.elements), "the mean of the golden sample"
    if kept is not None:
        return _literal(_items(kept.reshape(-1)[:1], port.elements)[0], port.elements), "the first value of the golden sample"
    return _literal(0, port.elements), "any value"


def _is_finite(tensor: torch.Tensor) -> bool:
    return bool(torch.isfinite(tensor).all())


def _items(tensor: torch.Tensor, kind: Elements) -> list[bool | int | float | complex]:
    """Return the values as the program stores them: unsigned ones and halves as integers of the same bits."""
    stored = tensor.contiguous().view(_BITS[tensor.dtype]) if kind.storage else tensor
    if not kind.storage and tensor.dtype is torch.float32 and kind.kind == "real64":
        # 0.1 of a network in single precision is written as 0.1: converting it gives that very number again.
        return [float(np.format_float_positional(item)) for item in stored.numpy()]
    found: list[bool | int | float | complex] = stored.tolist()
    return found


def _literal(value: complex, kind: Elements) -> str:
    if kind.category == "logical":
        return f".{'true' if value else 'false'}._{kind.kind}"
    if kind.category == "complex":
        return f"({real_literal(value.real, kind.kind)}, {real_literal(value.imag, kind.kind)})"
    if kind.category == "real":
        return real_literal(value.real, kind.kind)
    whole = int(value.real)
    # A literal has no sign: the smallest number of a kind is not the negative of another one.
    smallest = -(2 ** (int(kind.kind.removeprefix("int")) - 1))
    return f"-{-whole - 1}_{kind.kind} - 1_{kind.kind}" if whole == smallest else f"{whole}_{kind.kind}"
