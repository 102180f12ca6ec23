"""Plain words for what TorchScript says when a module cannot be exported."""

from __future__ import annotations

import re

from ..explain import _TORCH, Explanation

_PLACE = re.compile(r'File "([^"]+)", line (\d+)')


#: What a message of the TorchScript compiler means, and what to do about it; the first match counts.
_KNOWN: tuple[tuple[str, str, str], ...] = (
    (
        r"[Cc]an't get source|could not get source",
        "the source of forward cannot be read, and TorchScript compiles source",
        "define the class in a .py file, not at a prompt",
    ),
    (
        r"^forward is overloaded$",
        "forward has several forms, as that of torch.nn.GRU and LSTM, and a file has one",
        "wrap it in a module of your own, whose forward takes tensors only",
    ),
    (
        r"^forward returns an object$",
        "forward returns an object of a class of its own, which no library could take apart",
        "return tensors, or a tuple, list or dictionary of them",
    ),
    (
        r"^forward calls the Python function",
        "it calls a function of Python that TorchScript has no source of",
        "write what it does with torch functions in forward",
    ),
    (
        r"variable number of arguments|keyword-only arguments",
        "forward, or what it calls, has *args, **kwargs or keyword-only arguments",
        "name every input of forward, such as forward(self, column, surface)",
    ),
    (
        r"Cannot infer concrete type of torch.nn.Module",
        "modules are kept in a plain list or dictionary, where torch does not find their weights",
        "keep them in torch.nn.ModuleList or torch.nn.ModuleDict",
    ),
    (
        r"failed to convert Python type: '?numpy|numpy",
        "forward uses numpy",
        "keep constants as tensors with self.register_buffer and compute with torch functions",
    ),
    (
        r"failed to convert Python type",
        "forward reads an attribute that is neither tensor, number, string nor module",
        "store it with self.register_buffer (tensors), or as a number, string, list or tuple",
    ),
    (
        r"undefined value|python value of type|Python builtin|cannot be used as a value|Unknown builtin op",
        "forward uses something of Python or torch that TorchScript does not know",
        "write that line with torch functions",
    ),
    (
        r"Arguments for call are not valid|Expected a value of type|Type mismatch|previously had type|Return value was",
        "TorchScript gives every variable one type, and here two types meet",
        "annotate the arguments, give branches results of one type, use a new variable instead of reusing a name",
    ),
    (
        r"Tensor cannot be used as a tuple",
        "forward takes a tensor apart like a tuple (q, k, v = tensor)",
        "use tensor.unbind(0)",
    ),
    (
        r"Optional",
        "a value that may be None is used as if it never were",
        "test it with 'if x is not None:' before",
    ),
    (
        r"[Ll]ambda|[Tt]ry|[Ww]ith statements|yield|generator|comprehension|aren't supported|is not supported|Unsupported",
        "forward uses a Python construct that TorchScript does not have",
        "write it with plain statements",
    ),
)


_DEFAULT = ("TorchScript cannot compile forward", "write that line with torch functions, or wrap the module in a simpler one")


def explain_script(error: Exception) -> Explanation:
    """Explain an error of the TorchScript compiler."""
    text = str(error)
    # The first line says it; what follows in brackets is about TorchScript's inside.
    first = next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__).split(" (This ")[0]
    reason, hint = next(((why, todo) for pattern, why, todo in _KNOWN if re.search(pattern, text)), _DEFAULT)
    where = ""
    for name, line in _PLACE.findall(text):
        if not name.startswith(_TORCH):
            where = f"{name}:{line}"
    return Explanation(f"{reason} ({first.rstrip(':.')})", hint, where, _marked_code(text))


def _marked_code(text: str) -> str:
    """Return the source line above TorchScript's ``~~~ <--- HERE`` mark."""
    lines = text.splitlines()
    marks = [number for number, line in enumerate(lines) if "<--- HERE" in line]
    return lines[marks[-1] - 1].strip() if marks and marks[-1] > 0 else ""
