"""Names of element types: one spelling in every file, whatever the user wrote."""

from __future__ import annotations

import re
from difflib import get_close_matches

import torch

from ..errors import DeclarationError

#: Spec name -> torch dtype: the element types a Fortran caller can hand over.
DTYPES: dict[str, torch.dtype] = {
    name: getattr(torch, name)
    for name in (
        "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64",
        "complex64", "complex128", "bool", "bfloat16",
    )
}  # fmt: skip

#: Other spellings people use in declarations.
_ALIASES = {
    "float": "float32", "double": "float64", "half": "float16", "int": "int32", "long": "int64", "real32": "float32",
    "real64": "float64", "logical": "bool",
}  # fmt: skip

#: What else people write where a dtype belongs. It is no alias because its size depends on the compiler, or on who writes it.
_MEANT = {
    "real": "float32", "real4": "float32", "real8": "float64", "integer": "int32", "integer4": "int32", "integer8": "int64",
    "boolean": "bool", "complex": "complex64",
}  # fmt: skip

_SIZED = re.compile(r"[a-z]+(8|16|32|64|128)")

#: Those of whole numbers, which may be indices.
WHOLE = tuple(DTYPES[name] for name in ("uint8", "int8", "int16", "int32", "int64"))

_NAMES = {dtype: name for name, dtype in DTYPES.items()}


def is_dtype(word: str) -> bool:
    """Return whether ``word`` names an element type."""
    return word in DTYPES or word in _ALIASES


def dtype_name(word: str) -> str:
    """Return the one spelling of an element type that spec files use."""
    name = _ALIASES.get(word, word)
    if name not in DTYPES:
        raise DeclarationError(f"unknown dtype '{word}'", f"one of {', '.join(DTYPES)}")
    return name


def meant(word: str) -> str | None:
    """Return the dtype that somebody probably meant who wrote ``word`` where units belong, and None for honest units."""
    written = word.lower()
    known = {name: name for name in DTYPES} | _ALIASES | _MEANT
    # Short units such as "in" are close to short names such as "int".
    candidates = [name for name in known if name == written or len(name) > len("long")]
    closest = get_close_matches(written, candidates, 1, cutoff=0.0 if _SIZED.fullmatch(written) else 0.8)
    return known[closest[0]] if closest else None


def name_of(tensor: torch.Tensor) -> str:
    """Return the spec name of a tensor's element type."""
    try:
        return _NAMES[tensor.dtype]
    except KeyError:
        raise DeclarationError(
            f"a tensor of {tensor.dtype} has no Fortran counterpart", f"convert it to one of {', '.join(DTYPES)}"
        ) from None


PRECISIONS: dict[str, torch.dtype] = {"float64": torch.float64, "float32": torch.float32, "bfloat16": torch.bfloat16}


def require_precision(precision: str | None) -> None:
    """Refuse a dtype that a network cannot be asked to compute in."""
    if precision is not None and precision not in PRECISIONS:
        raise DeclarationError(f"dtype is '{precision}'", f"one of {', '.join(PRECISIONS)}")
