"""Plain words for what torch.export says when a module cannot be compiled."""

from __future__ import annotations

import re

from ..errors import option
from ..explain import Explanation, explain_run

_SCRIPT = option("format", "torchscript")

#: What a message of torch.export means, and what to do about it; the first match counts.
_KNOWN: tuple[tuple[str, str, str], ...] = (
    (
        r"data-dependent|GuardOnDataDependent|Could not guard on|Could not extract specialized|\bu\d+\b",
        "forward decides by the values of a tensor, and compiled code has one path only",
        "use torch.where for a choice by values, torch.cond for a branch; a number out of a tensor (.item()) cannot be a size; "
        f"or write a TorchScript file ({_SCRIPT}), which keeps if, while, assert and raise",
    ),
    (
        r"inferred to be a constant|specialized|not all values of .* are valid|Constraints violated|must be specialized",
        "forward does not treat all sizes alike that are declared",
        "take sizes from the tensors (x.shape[0], -1 in reshape) instead of Python numbers; or declare a number, or give bounds",
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
        f"write that line with torch functions, or write a TorchScript file ({_SCRIPT})",
    ),
)

#: How torch.export calls the size of an input, and how it says which one a symbol is.
_SIZE = re.compile(r"L\['\w+'\](?:\[(\d+)\])\.size\(\)\[(\d+)\]")
_DEFINED = re.compile(r" = " + _SIZE.pattern)

DEFAULT_HINT = f"write that line with torch functions, or write a TorchScript file ({_SCRIPT})"


#: A size that is built in, and what to do about it where a recurrent layer does that.
_FROZEN = r"specialized it to be a constant"
_RECURRENT = (
    "PyTorch's compiler writes the steps of a recurrent layer one after the other: declare how many there are by a number, "
    f"'levels[batch,60,8]'; or write a TorchScript file ({_SCRIPT}), which takes any"
)


def explain_export(error: Exception, *, recurrent: bool = False) -> Explanation:
    """Explain an error of torch.export; ``recurrent`` says that there is a recurrent layer in the module."""
    text = f"{type(error).__name__}: {error}"
    run = explain_run(error)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    # Of violated constraints the first line says only that there are some; the items below say which.
    first = next((line.removeprefix("- ") for line in lines if line.startswith("- ")), lines[0]).split(". ")[0]
    first = _SIZE.sub(lambda found: f"size {int(found[2]) + 1} of input {int(found[1]) + 1}", _DEFINED.sub("", first))
    reason, hint = next(((why, todo) for pattern, why, todo in _KNOWN if re.search(pattern, text)), ("", DEFAULT_HINT))
    if recurrent and re.search(_FROZEN, text):
        hint = _RECURRENT
    return Explanation(f"{reason or type(error).__name__} ({first.rstrip(':.')})", hint, run.where, run.code)
