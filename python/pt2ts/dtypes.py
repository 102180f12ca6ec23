"""Names of element types: one spelling in every file, whatever the user wrote."""

from __future__ import annotations

import torch

from .errors import DeclarationError

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


def name_of(tensor: torch.Tensor) -> str:
    """Return the spec name of a tensor's element type."""
    try:
        return _NAMES[tensor.dtype]
    except KeyError:
        raise DeclarationError(
            f"a tensor of {tensor.dtype} has no Fortran counterpart", f"convert it to one of {', '.join(DTYPES)}"
        ) from None
