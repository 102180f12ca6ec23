"""How a Fortran program declares the elements of a tensor."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from ..errors import DeclarationError

#: Numbers of this size are written without an exponent.
_PLAIN = (1e-3, 1e6)


class HostKind(StrEnum):
    """Kind of the program's real numbers."""

    REAL64 = "real64"
    REAL32 = "real32"


def check_kind(kind: str | None) -> HostKind | None:
    """Return a kind that the user chose; refuse what is none."""
    if kind is not None and kind not in list(HostKind):
        raise DeclarationError(f"kind is '{kind}'", f"one of {', '.join(HostKind)}")
    return None if kind is None else HostKind(kind)


@dataclass(frozen=True)
class Elements:
    """The declaration of one element type.

    Attributes
    ----------
    declaration
        Fortran type, such as ``real(real64)``.
    kind
        Name of the kind.
    storage
        ``torch_k`` constant where the Fortran type only holds the bits; empty otherwise.
    category
        ``real``, ``complex``, ``integer`` or ``logical``.
    remark
        What the reader of the module must know; may be empty.
    """

    declaration: str
    kind: str
    category: str
    storage: str = ""
    remark: str = ""


_HALF = "{} has no counterpart in Fortran: the integers hold its bits (--kind makes them real numbers)"

#: Spec dtype -> its own Fortran type.
_OWN: dict[str, Elements] = {
    "float32": Elements("real(real32)", "real32", "real"),
    "float64": Elements("real(real64)", "real64", "real"),
    "complex64": Elements("complex(real32)", "real32", "complex"),
    "complex128": Elements("complex(real64)", "real64", "complex"),
    "int8": Elements("integer(int8)", "int8", "integer"),
    "int16": Elements("integer(int16)", "int16", "integer"),
    "int32": Elements("integer(int32)", "int32", "integer"),
    "int64": Elements("integer(int64)", "int64", "integer"),
    "bool": Elements("logical(c_bool)", "c_bool", "logical"),
    "uint8": Elements(
        "integer(int8)", "int8", "integer", "torch_kUInt8", "uint8 has no counterpart in Fortran: 200 is given as 200 - 256"
    ),
    "float16": Elements("integer(int16)", "int16", "integer", "torch_kFloat16", _HALF.format("float16")),
    "bfloat16": Elements("integer(int16)", "int16", "integer", "torch_kBFloat16", _HALF.format("bfloat16")),
}

#: What --kind applies to, and the Fortran type it is of then.
_FLOATING = {
    "float16": "real", "bfloat16": "real", "float32": "real", "float64": "real", "complex64": "complex", "complex128": "complex",
}  # fmt: skip


def elements(dtype: str, kind: HostKind | None) -> Elements:
    """Return the declaration of a dtype; ``kind`` is the program's for real and complex numbers, None for the dtype's own."""
    if kind is None or dtype not in _FLOATING:
        return _OWN[dtype]
    category = _FLOATING[dtype]
    return Elements(f"{category}({kind.value})", kind.value, category)


def is_converted(dtype: str, kind: HostKind | None) -> bool:
    """Return whether values of a dtype are converted on the way between the program and the model."""
    return elements(dtype, kind) != _OWN[dtype]


def real_literal(value: float, kind: str) -> str:
    """Return a literal that the kind can hold: compilers refuse others."""
    with np.errstate(over="ignore", under="ignore"):
        kept: np.floating[Any] = np.float32(value) if kind == "real32" else np.float64(value)
    size = abs(float(kept))
    if not np.isfinite(kept):
        return f"{'-' if value < 0 else ''}huge(1.0_{kind})"
    # Compilers warn about denormal numbers.
    if size < np.finfo(kept.dtype).tiny:
        return f"0.0_{kind}"
    plain = _PLAIN[0] <= size < _PLAIN[1]
    return f"{(np.format_float_positional if plain else np.format_float_scientific)(kept, trim='0')}_{kind}"
