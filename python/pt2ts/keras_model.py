"""Keras 3 models as PyTorch modules: Keras computes with torch functions when that is its backend, and so can be exported."""

from __future__ import annotations

import importlib
import linecache
import os
import re
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from . import torchscript
from .errors import LoadError, UnexportableError

SUFFIX = ".keras"

#: What the lines in Keras say that decide by values.
_DECIDES = re.compile(r"^\s*(if|while)\b.*\b(pred|cond)\b")

_SET = "set KERAS_BACKEND=torch in the environment, before anything imports keras; a saved .keras file loads on any backend"


class Part(torch.nn.Module):
    """Holds the weights of one Keras layer."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.original_name = kind  # what the layer is called when the network is shown


class KerasNetwork(torch.nn.Module):
    """A Keras model in inference, with weights of its own.

    Keras keeps all weights of a model in one dictionary, under names with slashes, and its running statistics among the
    parameters. Here they have the names ``layer.weight``, and what is not trained is a buffer. The model itself stays as it is.

    Parameters
    ----------
    model
        Built, on the torch backend.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.original_name = type(model).__name__
        self._model = (model,)  # in a tuple, where torch does not take it for a part with weights
        self._places: list[tuple[Part, str]] = []
        kinds = {layer.name: type(layer).__name__ for layer in model.layers}
        for name, kind in kinds.items():
            if kind != "InputLayer":
                self._part(self, name, kind)
        trained = {id(variable) for variable in model.trainable_weights}
        for variable in model.weights:
            *parts, name = variable.path.removeprefix(f"{model.name}/").replace(".", "_").split("/")
            part: Any = self
            for step in parts:
                part = self._part(part, step, kinds.get(step, part.original_name))
            value = variable.value.detach().cpu().clone()
            while name in part._parameters or name in part._buffers:
                name += "_"  # Keras lets two weights of a model of one's own have the same path
            if id(variable) in trained:
                part.register_parameter(name, torch.nn.Parameter(value))
            else:
                part.register_buffer(name, value)
            self._places.append((part, name))

    @staticmethod
    def _part(owner: torch.nn.Module, name: str, kind: str) -> Part:
        name = name.replace(".", "_")
        if name not in owner._modules:
            owner.add_module(name, Part(kind))
        found = owner._modules[name]
        assert isinstance(found, Part)  # noqa: S101 - made above
        return found

    def __deepcopy__(self, _: Mapping[int, Any]) -> KerasNetwork:
        """Copy the weights; the Keras model is only read, and copying it would need the code of all its layers."""
        twin = KerasNetwork(self._model[0])
        twin.load_state_dict(self.state_dict())
        return twin.train(self.training)

    def forward(self, *inputs: torch.Tensor) -> Any:
        """Return what the model returns in inference."""
        keras: Any = importlib.import_module("keras")
        (model,) = self._model
        values = [getattr(part, name) for part, name in self._places]
        with keras.device("cpu:0"), keras.StatelessScope(state_mapping=list(zip(model.weights, values, strict=True))):
            return model(_arguments(model, inputs), training=False)


def is_about_shapes(warning: warnings.WarningMessage) -> bool:
    """Return whether the tracer warns of a shape that Keras looked at.

    Keras compares shapes and takes numbers from them everywhere; a size that is frozen by that is found when other sizes are
    compared. What decides by values is its ``cond`` and ``while_loop``, and code that is not Keras's own.
    """
    if not issubclass(warning.category, torchscript.TracerWarning) or f"{os.sep}keras{os.sep}src{os.sep}" not in warning.filename:
        return False
    return not _DECIDES.search(linecache.getline(warning.filename, warning.lineno))


def _arguments(model: Any, inputs: tuple[torch.Tensor, ...]) -> Any:
    """Return inputs in the structure that a model takes: alone, in a list or in a dictionary."""
    known = getattr(model, "input", None) if getattr(model, "inputs", None) else None
    if isinstance(known, Mapping):
        return dict(zip(known, inputs, strict=True))
    return inputs[0] if len(inputs) == 1 and not isinstance(known, (list, tuple)) else list(inputs)


def as_module(module: Any) -> Any:
    """Return a Keras model as a module that can be exported, and anything else as it is."""
    if not _is_keras(module):
        return module
    if not isinstance(module, torch.nn.Module):
        raise UnexportableError(f"the Keras model computes on the backend '{_backend()}', not with PyTorch", _SET)
    if not module.built:
        raise UnexportableError("the Keras model has no weights yet", "call it once, or give it an Input layer")
    return KerasNetwork(module)


def load_keras(file: Path, *, trust: bool) -> torch.nn.Module:
    """Return the model in a ``.keras`` file.

    Parameters
    ----------
    file
        Written by ``model.save``.
    trust
        Allow Python code in the file, which Lambda layers have.
    """
    # Keras takes TensorFlow where nothing is set; only what it was told is left alone.
    backend = os.environ.get("KERAS_BACKEND", "torch")
    if "keras" not in sys.modules and backend != "torch":
        raise LoadError(f"KERAS_BACKEND is '{backend}', and {file} has to be loaded with PyTorch", _SET)
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = backend
    try:
        keras: Any = importlib.import_module("keras")
    except ImportError as error:
        raise LoadError(f"{file} is a Keras model, and Keras is not installed here", "pip install 'ftorch[keras]'") from error
    if _backend() != "torch":
        raise LoadError(f"Keras computes on the backend '{_backend()}', and {file} has to be loaded with PyTorch", _SET)
    try:
        loaded = keras.models.load_model(file, compile=False, safe_mode=not trust)
    except Exception as error:  # Keras reports damage, unknown layers and unsafe ones in many ways
        first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        hint = "layers of your own: export from Python, pt2ts.export(model, ...); code in a Lambda layer: --trust-pickle"
        raise LoadError(f"{file} cannot be loaded by Keras {keras.__version__}: {first.strip()}", hint) from error
    made = as_module(loaded)
    assert isinstance(made, torch.nn.Module)  # noqa: S101 - on this backend models are modules
    return made


def _is_keras(module: Any) -> bool:
    """Return whether something is a Keras model, without importing Keras."""
    return any(base.__name__ == "Model" and base.__module__.partition(".")[0] == "keras" for base in type(module).__mro__)


def _backend() -> str:
    keras: Any = importlib.import_module("keras")
    return str(keras.backend.backend())
