"""Plain words for what torch.export says when a module cannot be compiled."""

from __future__ import annotations

import re

from .explain import Explanation, explain_run

#: What a message of torch.export means, and what to do about it; the first match counts.
_KNOWN: tuple[tuple[str, str, str], ...] = (
    (
        r"data-dependent|GuardOnDataDependent|Could not guard on|Could not extract specialized|\bu\d+\b",
        "forward decides by the values of a tensor, and compiled code has one path only",
        "use torch.where for a choice by values, torch.cond for a branch; a number out of a tensor (.item()) cannot be a size",
    ),
    (
        r"inferred to be a constant|specialized|not all values of .* are valid|Constraints violated|must be specialized",
        "forward works for one size only where a symbolic size is declared",
        "take sizes from the tensors (x.shape[0], -1 in reshape) instead of Python numbers; or declare the dimension by a number",
    ),
    (
        r"numpy|\.numpy\(\)|__array__",
        "forward uses numpy",
        "keep constants as tensors with self.register_buffer and compute with torch functions",
    ),
    (
        r"mutat|side effect|was assigned during export|attribute.*assigned",
        "forward changes the module while it runs (it assigns to self)",
        "pass what must be remembered in and out as tensors",
    ),
    (
        r"Unsupported|not supported|NotImplemented|no (fake|meta) (impl|kernel)|does not support|Couldn't find|Unexpected type",
        "forward uses something that torch.export does not know",
        "write that line with torch functions, or write a TorchScript file (format 'torchscript')",
    ),
)

_DEFAULT_HINT = "write that line with torch functions, or write a TorchScript file (format 'torchscript')"


def explain_export(error: Exception) -> Explanation:
    """Explain an error of torch.export."""
    text = f"{type(error).__name__}: {error}"
    run = explain_run(error)
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    reason, hint = next(((why, todo) for pattern, why, todo in _KNOWN if re.search(pattern, text)), ("", _DEFAULT_HINT))
    return Explanation(f"{reason or type(error).__name__} ({first.rstrip(':.')})", hint, run.where, run.code)
