"""Keras 3 models as PyTorch modules: Keras computes with torch functions when that is its backend, and so can be exported."""

from __future__ import annotations

import functools
import importlib
import linecache
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch

from ..errors import LoadError, UnexportableError
from ..pytorch import torchscript

SUFFIX = ".keras"

#: What the lines in Keras say that decide by values.
_DECIDES = re.compile(r"^\s*(if|while)\b.*\b(pred|cond)\b")

_SET = "set KERAS_BACKEND=torch in the environment, before anything imports keras; a saved .keras file loads on any backend"


#: Where a layer is in a model: its own name last.
Steps = tuple[str, ...]


class Part(torch.nn.Module):
    """Holds the weights of one Keras layer; called with what the layer returns, where a hook wants to know."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.original_name = kind  # what the layer is called when the network is shown

    def forward(self, result: Any) -> Any:
        """Return what the layer returned."""
        return result


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
        self._layers = _layers_by_place(model)
        own = {id(layer) for layer in model.layers}
        for steps, (layer, *_) in self._layers.items():
            if id(layer) in own:
                self._part(steps)
        trained = {id(variable) for variable in model.trainable_weights}
        for variable in model.weights:
            *owner, name = _steps(model, variable.path)
            part: Any = self._part(tuple(owner))
            value = variable.value.detach().cpu().clone()
            while name in part._parameters or name in part._buffers:
                name += "_"  # Keras lets two weights of a model of one's own have the same path
            if id(variable) in trained:
                part.register_parameter(name, torch.nn.Parameter(value))
            else:
                part.register_buffer(name, value)
            self._places.append((part, name))

    def _part(self, steps: Steps) -> torch.nn.Module:
        """Return the part at a place, made with those around it where it is not there yet; that of no steps is the network."""
        part: torch.nn.Module = self
        for depth, name in enumerate(steps, 1):
            if name not in part._modules:
                (layer, *_) = self._layers.get(steps[:depth], (None,))
                part.add_module(name, Part(str(part.original_name) if layer is None else type(layer).__name__))
            found = part._modules[name]
            assert isinstance(found, Part)  # noqa: S101 - made above
            part = found
        return part

    @contextmanager
    def _heard(self) -> Iterator[None]:
        """Let the parts that have hooks hear what their layers return: PyTorch's hooks know nothing of a call of a Keras layer."""
        with ExitStack() as stack:
            for steps, layers in self._layers.items():
                try:
                    part = self.get_submodule(".".join(steps))
                except AttributeError:  # a layer inside another, without weights
                    continue
                # Where two layers have the same path, it cannot be said whose result is that of the part.
                if part._forward_hooks and len(layers) == 1:
                    stack.enter_context(_told(layers[0], part))
            yield

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
        state = list(zip(model.weights, values, strict=True))
        with self._heard(), keras.device("cpu:0"), keras.StatelessScope(state_mapping=state):
            return model(_arguments(model, inputs), training=False)


def _steps(model: Any, path: str) -> Steps:
    """Return where the thing with a path of Keras is in a model; PyTorch allows no dots in names."""
    return tuple(path.removeprefix(f"{model.name}/").replace(".", "_").split("/"))


def _layers_by_place(model: Any) -> dict[Steps, list[Any]]:
    """Return the layers of a model and those inside them: Keras gives two of them the same path where they have the same name."""
    found: dict[Steps, list[Any]] = {}
    own = {id(layer) for layer in model.layers}
    every = [*model.layers, *(layer for layer in model._flatten_layers(include_self=False) if id(layer) not in own)]
    # A recurrent layer keeps its weights in its cell, and computes without calling it where PyTorch has the whole.
    recurrent = {id(layer.cell): layer for layer in every if hasattr(layer, "cell")}
    for layer in every:
        # Some layers without weights have no path; those of the model itself are known by their names then.
        path = layer.path or (layer.name if id(layer) in own else None)
        if path and type(layer).__name__ != "InputLayer":
            found.setdefault(_steps(model, path), []).append(recurrent.get(id(layer), layer))
    return found


@contextmanager
def _told(layer: Any, listener: Callable[[Any], Any]) -> Iterator[None]:
    """Have a listener called with what a layer returns."""
    own = vars(layer)
    before, call = own.get("call"), layer.call

    @functools.wraps(call)
    def told(*arguments: Any, **options: Any) -> Any:
        return listener(call(*arguments, **options))

    own["call"] = told  # past Keras, which looks at every attribute that is set
    try:
        yield
    finally:
        if before is None:
            del own["call"]
        else:
            own["call"] = before


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
