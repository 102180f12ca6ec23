"""The copy of the module that is exported: on the CPU and in evaluation mode. The caller's module is left as it is."""

from __future__ import annotations

import copy
import io
import types
from collections.abc import Callable
from typing import Any

import torch

from ..contract.dtypes import PRECISIONS
from ..errors import ExportError
from ..pytorch import torchscript
from ..sources.hubs import unwrapped
from ..sources.keras import as_module


def evaluation_copy(module: torch.nn.Module) -> torch.nn.Module:
    """Return a copy of ``module`` on the CPU with dropout off and batch norm using its stored statistics.

    Parameters
    ----------
    module
        Any module, also one that is TorchScript already, or a Keras model on the torch backend.

    Raises
    ------
    ExportError
        When it is no module, or cannot be copied.
    """
    module = as_module(unwrapped(module))
    if not isinstance(module, torch.nn.Module):
        made = "a class, not an instance" if isinstance(module, type) else f"a {type(module).__name__}"
        raise ExportError(f"expected a torch.nn.Module, got {made}", "create the module first, then export it")
    try:
        twin = _script_copy(module) if isinstance(module, torchscript.ScriptModule) else copy.deepcopy(module)
    except (RuntimeError, TypeError, NotImplementedError, AttributeError) as error:
        raise ExportError(
            f"the module cannot be copied: {error}",
            "something in it is tied to its owner (an open file, a computed tensor); keep such things out of the module",
        ) from error
    return twin.cpu().eval()


def model_copy(module: torch.nn.Module, dtype: str | None) -> torch.nn.Module:
    """Return the copy that is exported, converted to ``dtype`` if one is given."""
    eager = evaluation_copy(module)
    return eager if dtype is None else eager.to(PRECISIONS[dtype])


def twin_of(module: torch.nn.Module) -> torch.nn.Module:
    """Return a copy of a module whose weights lie where those of the first do: to be changed in all but their values."""
    if isinstance(module, torchscript.ScriptModule):  # which cannot be changed anyway
        return module
    tensors = (*module.parameters(), *module.buffers())
    return copy.deepcopy(module, {id(tensor): _same_values(tensor) for tensor in tensors})


def _same_values(tensor: torch.Tensor) -> torch.Tensor:
    values = tensor.detach()
    return torch.nn.Parameter(values, tensor.requires_grad) if isinstance(tensor, torch.nn.Parameter) else values


def replace_forward(module: torch.nn.Module, forward: Callable[..., Any], former: str) -> None:
    """Give a module another forward, which calls the one that it had by the name ``former``.

    It gets a class of its own, so that a copy of it calls its own forward and not that of the first.
    """
    base = type(module)
    own = {"forward": forward, former: _under_the_name(former, base.forward), "__module__": base.__module__}
    if "forward" in vars(module):  # somebody has put another one into the instance
        own[former] = staticmethod(vars(module).pop("forward"))
    module.__class__ = type(base.__name__, (base,), own)


def _under_the_name(name: str, function: Any) -> Any:
    """Return a function that knows the name under which it is called: TorchScript would compile it as ``forward``."""
    if not isinstance(function, types.FunctionType):
        return function
    twin = types.FunctionType(function.__code__, function.__globals__, name, function.__defaults__, function.__closure__)
    twin.__kwdefaults__, twin.__annotations__ = function.__kwdefaults__, function.__annotations__
    twin.__module__, twin.__qualname__ = function.__module__, function.__qualname__
    return twin


def _script_copy(module: torchscript.ScriptModule) -> torch.nn.Module:
    buffer = io.BytesIO()
    torchscript.save(module, buffer)
    buffer.seek(0)
    return torchscript.load(buffer)
