"""From a module to TorchScript: compile its source (script), or record what it does with the examples (trace)."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import torch

from ..contract.structure import is_plain
from ..contract.words import Method
from ..errors import UnexportableError, option
from ..explain import Explanation, explain_run
from ..pytorch import torchscript
from ..sources.keras import KerasNetwork, is_about_shapes
from ..sources.onnx import WHY_TRACED, contract_of
from .draft import Draft
from .explain_script import explain_script
from .forms import Forms
from .module_copy import twin_of
from .operators import check_script, python_calls
from .program import flat_module
from .retrace import script_of

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


def convert_draft(draft: Draft, method: Method) -> Converted:
    """Return the module of a draft as TorchScript: scripted, traced, or else the plain operations that it consists of."""
    try:
        return convert(draft.module, draft.examples, method)
    except UnexportableError as error:
        if method == "script" or isinstance(draft.module, torchscript.ScriptModule):
            raise
        symbols = {name: draft.spec.symbols[name] for name in draft.sizes}
        forms = Forms(flat_module(twin_of(draft.module)), False, draft.spec.inputs, draft.examples, draft.sizes, symbols)
        try:
            made = script_of(forms.written_out())
        except Exception:  # noqa: BLE001 - whatever torch cannot record: the first reason is the one to act on
            made = None
        if made is None:
            raise
        script = torchscript.load(io.BytesIO(made))
        check_script(script)
        return Converted(script, "trace", Explanation(error.message, error.hint, error.where, error.code))


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
    if torchscript.returns_objects(script):
        raise TypeError("forward returns an object")
    return script


def _trace(module: torch.nn.Module, examples: Sequence[torch.Tensor], why: Explanation | None) -> torchscript.ScriptModule:
    inputs = tuple(example.clone() for example in examples)
    with torch.no_grad():
        if not is_plain(module(*inputs)):
            module = flat_module(twin_of(module))
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
                f"{why.hint}; if the decision is the same for every input, pass {option('method', 'trace')}",
                why.where, why.code,
            )  # fmt: skip
        warnings.warn_explicit(item.message, item.category, item.filename, item.lineno)
    return script
