"""From a module to TorchScript: compile its source (script), or record what it does with the examples (trace)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch

from ..errors import UnexportableError
from ..explain import Explanation, explain_run
from ..pytorch import torchscript
from ..sources.keras import KerasNetwork, is_about_shapes
from ..sources.onnx import WHY_TRACED, contract_of
from .explain_script import explain_script
from .operators import check_script, python_calls

Method = Literal["auto", "script", "trace"]


#: A loop over a tensor, or `q, k, v = tensor`. How often it runs depends on a size alone, and every size is tried afterwards.
_ITERATES = "Iterating over a tensor"

#: Why a Keras model is traced.
_KERAS = Explanation("Keras's own code is no TorchScript", "use keras.ops.where instead of a decision in Python", "", "")


class Converted(NamedTuple):
    """A TorchScript module and how it came about.

    Attributes
    ----------
    script
        The result.
    method
        ``script``, ``trace``, or ``as is`` for what was TorchScript already.
    why_traced
        Why it could not be scripted when tracing was the second choice.
    """

    script: torchscript.ScriptModule
    method: str
    why_traced: Explanation | None = None


def convert(module: torch.nn.Module, examples: Sequence[torch.Tensor], method: Method) -> Converted:
    """Return ``module`` as TorchScript.

    Scripting keeps loops and branches; tracing records one path through them, which is wrong for any other path. So ``auto``
    scripts first, and accepts a trace only when torch saw no branch that depends on values.

    Raises
    ------
    UnexportableError
        With the reason in plain words and the line of the user's code.
    """
    converted = _convert(module, examples, method)
    check_script(converted.script)
    return converted


def _convert(module: torch.nn.Module, examples: Sequence[torch.Tensor], method: Method) -> Converted:
    if isinstance(module, torchscript.ScriptModule):
        return Converted(module, "as is")
    if isinstance(module, KerasNetwork) and method == "auto":
        return Converted(_trace(module, examples, _KERAS), "trace", _KERAS)
    if contract_of(module) is not None and method == "auto":
        return Converted(_trace(module, examples, WHY_TRACED), "trace", WHY_TRACED)
    if method == "trace":
        return Converted(_trace(module, examples, None), "trace")
    try:
        return Converted(_script(module), "script")
    except UnexportableError:
        raise
    except Exception as error:  # the compiler raises many kinds, also bare AttributeErrors from its own code
        why = explain_script(error)
        if method == "script":
            raise UnexportableError(why.reason, why.hint, why.where, why.code) from error
    return Converted(_trace(module, examples, why), "trace", why)


def _script(module: torch.nn.Module) -> torchscript.ScriptModule:
    with warnings.catch_warnings():
        # The compiler warns about annotations it reads past; what matters is whether the result agrees with the module.
        warnings.filterwarnings("ignore", category=UserWarning, module=r"torch\.jit\b.*")
        script = torchscript.script(module)
    if not torchscript.has_forward(script):
        raise TypeError("forward is overloaded")
    if calls := python_calls(script):
        raise TypeError(f"forward calls the Python function '{calls[0]}'")
    return script


def _trace(module: torch.nn.Module, examples: Sequence[torch.Tensor], why: Explanation | None) -> torchscript.ScriptModule:
    inputs = tuple(example.clone() for example in examples)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", torchscript.TracerWarning)
        try:
            script = torchscript.trace(module, inputs)
        except Exception as error:
            seen = why or explain_run(error)
            hint = seen.hint or "write that line with torch functions, or wrap the module in a simpler one"
            raise UnexportableError(
                f"forward can neither be scripted nor traced: {seen.reason}" if why else f"forward cannot be traced: {seen.reason}",
                hint, seen.where, seen.code,
            ) from error  # fmt: skip
    caught = [item for item in caught if not str(item.message).startswith(_ITERATES)]
    if isinstance(module, KerasNetwork):
        caught = [item for item in caught if not is_about_shapes(item)]
    if contract_of(module) is not None:
        # What a graph reads from tensors are sizes and constants: it is refused where values of inputs decide.
        caught = [item for item in caught if not issubclass(item.category, torchscript.TracerWarning)]
    for item in caught:
        if why is not None and issubclass(item.category, torchscript.TracerWarning):
            raise UnexportableError(
                f"forward cannot be scripted: {why.reason}; and a trace would freeze a decision that depends on the input "
                f"({item.filename}:{item.lineno})",
                f"{why.hint}; if the decision is the same for every input, pass method='trace'",
                why.where, why.code,
            )  # fmt: skip
        warnings.warn_explicit(item.message, item.category, item.filename, item.lineno)
    return script
