"""Finding the module to export: a factory in the user's code, or a saved file."""

from __future__ import annotations

import ast
import difflib
import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ..container.filetype import Kind, kind_of, refusal
from ..container.reading import load_script
from ..errors import LoadError, Pt2tsError, option
from ..explain import explain_run
from ..report import step
from . import keras as keras_model
from . import onnx as onnx_model
from .checkpoint import choose_state, read_states
from .hubs import from_hub, unwrapped
from .keras import as_module, load_keras
from .match import Match, match

#: Names that a message lists.
_MOST_NAMES = 10


def load_module(source: str, arguments: Mapping[str, Any], *, trust_pickle: bool = False) -> torch.nn.Module:
    """Return the module that ``source`` names.

    Parameters
    ----------
    source
        ``package.module:factory`` (a class or function, called with ``arguments``), ``package.module:instance``, the path of a
        saved file (TorchScript, Keras, ONNX, or a pickled module), a folder of Hugging Face, or a name in a hub, ``timm:resnet18``
        or ``hf:owner/name``.
    arguments
        Keyword arguments of the factory.
    trust_pickle
        Allow a pickled module; unpickling runs code that is in the file.
    """
    if (found := from_hub(source, arguments)) is not None:
        return found
    name, colon, attribute = source.rpartition(":")
    if not colon or Path(source).exists():
        if arguments:
            raise LoadError(f"'{source}' is a file: constructor arguments mean nothing for it")
        return _from_file(source, trust_pickle=trust_pickle)
    made = as_module(unwrapped(_from_code(name, attribute, arguments)))
    if not isinstance(made, torch.nn.Module):
        raise LoadError(f"{source} gives something of type {type(made).__name__}, not a torch.nn.Module")
    return made


def load_object(name: str, attribute: str) -> Any:
    """Return what a Python module calls ``attribute``."""
    # The user's own module usually lies in the folder they stand in, as for `python -m`.
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    if "/" in name:  # importlib takes a name that begins with dots for a relative import
        raise LoadError(f"there is no Python module '{name}'", _meant(name, attribute))
    try:
        found = importlib.import_module(name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except ModuleNotFoundError as error:
        if not f"{name}.".startswith(f"{error.name}."):
            reason = f"'{name}' imports '{error.name}', which is not installed"
            raise LoadError(reason, f"install it beside PyTorch: pip install {error.name}") from error
        raise LoadError(f"there is no Python module '{error.name}'", _meant(name, attribute)) from error
    except AttributeError as error:
        near = difflib.get_close_matches(attribute, dir(sys.modules[name]) if name in sys.modules else (), n=1)
        hint = f"did you mean '{near[0]}'?" if near else "give the name of a class or function that makes the module"
        raise LoadError(f"'{name}' has no '{attribute}'", hint) from error
    except Exception as error:  # whatever the user's code raises while it is imported
        raise _failed(f"importing '{name}'", error) from error
    return found


def _meant(name: str, attribute: str) -> str:
    """Return what to do about a Python module that is not found; a path in its place is the usual mistake."""
    if "/" in name or name.endswith(".py"):
        dotted = name.removesuffix(".py").strip("./").replace("/", ".")
        folder = "; its folder must be the current one, or in PYTHONPATH" if ".." in name or name.startswith("/") else ""
        return f"a Python module is named by dots, without .py: {dotted}:{attribute}{folder}"
    return "give package.module:factory, or a file; the module's folder must be the current one, or in PYTHONPATH"


def load_complete(
    source: str,
    arguments: Sequence[str] | None,
    weights: str | None,
    *,
    trust_pickle: bool = False,
    key: str | None = None,
    strict: bool = True,
) -> torch.nn.Module:
    """Return the module that options of a command name: source, ``key=value`` arguments, weights to load into it."""
    module = load_module(source, parse_arguments(arguments or []), trust_pickle=trust_pickle)
    if weights is not None:
        load_weights(module, weights, key=key, strict=strict)
    return module


def _from_code(name: str, attribute: str, arguments: Mapping[str, Any]) -> Any:
    found = load_object(name, attribute)
    if not callable(found) or isinstance(found, torch.nn.Module):
        return found
    try:
        return found(**arguments)
    except Exception as error:  # whatever the user's factory raises
        raise _failed(f"{name}:{attribute}", error) from error


def _failed(what: str, error: Exception) -> LoadError:
    if isinstance(error, Pt2tsError):
        return LoadError(f"{what} failed: {error.message}", error.marked)
    why = explain_run(error)
    return LoadError(f"{what} failed: {why.reason}" + (f" ({why.where})" if why.where else ""))


def _from_file(path: str, *, trust_pickle: bool) -> torch.nn.Module:
    file = Path(path)
    if not file.is_file():
        raise LoadError(f"there is no file '{path}'", "give a saved model, or package.module:factory")
    if file.suffix == ".py":
        raise LoadError(f"{file} is no model file", f"name what makes the module: {file.stem}:FACTORY, a class or function in it")
    if file.suffix == keras_model.SUFFIX:
        return load_keras(file, trust=trust_pickle)
    if file.suffix == onnx_model.SUFFIX:
        return onnx_model.load_onnx(file)
    kind = kind_of(file)
    if kind is Kind.TORCHSCRIPT:
        return load_script(file)
    if kind is not Kind.PICKLE:
        raise refusal(file, kind)
    if not trust_pickle:
        raise LoadError(f"'{path}' is pickled; loading it runs code from the file", "pass --trust-pickle if you trust it")
    try:
        found = torch.load(file, map_location="cpu", weights_only=False)
    except Exception as error:  # whatever unpickling runs into
        raise _failed(f"loading '{path}'", error) from error
    if isinstance(found, torch.nn.Module):
        return found
    hint = "name the code that makes the module, package.module:factory, and pass this file as --weights"
    raise LoadError(f"'{path}' holds a {type(found).__name__}, not a module", hint)


def load_weights(module: torch.nn.Module, path: str, *, key: str | None = None, strict: bool = True) -> Match:
    """Put the weights in a file or folder into ``module``; return which were for which.

    Parameters
    ----------
    module
        Whose weights are replaced.
    path
        What torch saves, a trainer's checkpoint, safetensors, or a folder with one of them, in one part or in several.
    key
        Where in the file the weights lie, such as ``ema.state_dict``; by default where they fit, the likeliest place first.
    strict
        Whether each name of the module must be in the file, and the other way round. Shapes always have to agree.
    """
    place, state, found = find_weights(module, path, key)
    if found.unlike or (strict and not found.whole):
        raise LoadError(
            f"the weights in '{path}'{_at(place)} do not fit the module: {_misfit(found, strict=strict)}", _advice(found)
        )
    module.load_state_dict({mine: state[theirs] for mine, theirs in found.pairs.items()}, strict=False)
    for names, what in ((found.missing, "not in the file"), (found.left, "not in the module"), (found.beside, "of something else")):
        if names:
            step(f"weights {what}: {_listed(names)}")
    return found


def find_weights(module: torch.nn.Module, path: str, key: str | None) -> tuple[str, Mapping[str, torch.Tensor], Match]:
    """Return the place in the file, the weights there, and which of them are for which of the module's."""
    states = read_states(path)
    if key is not None:
        state = choose_state(states, key, path)
        return key, state, match(module, state)
    found = [(place, state, match(module, state)) for place, state in states.items()]
    return max(found, key=lambda item: (item[2].whole, len(item[2].pairs)))  # the first of equals


def _misfit(found: Match, *, strict: bool) -> str:
    reasons = [(found.unlike, "")]
    if strict:
        reasons += [(found.missing, "missing in the file: "), (found.left, "unknown to the module: ")]
    return "; ".join(f"{words}{_listed(names)}" for names, words in reasons if names)


def _advice(found: Match) -> str:
    others = f"take other weights of the file ({option('weights_key')})"
    if found.unlike:
        return f"make the module with the arguments that it was trained with ({option('arg')}), or {others}"
    return f"leave out what does not fit ({option('strict', False)}), or {others}"


def _at(place: str) -> str:
    return f" at '{place}'" if place else ""


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def load_examples(path: str) -> Any:
    """Return the example inputs in a file: ``.npz`` or ``.npy`` of numpy, or tensors saved by torch."""
    import numpy as np

    file = Path(path)
    if not file.is_file():
        raise LoadError(f"there is no file '{path}' with example inputs")
    try:
        if file.suffix == ".npy":
            return np.load(file)
        if file.suffix == ".npz":
            with np.load(file) as arrays:
                return {name: arrays[name] for name in arrays.files}
        return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # numpy and torch report damage in many ways
        raise LoadError(f"'{path}' holds no example inputs ({_first_line(error)})") from error


def _first_line(error: Exception) -> str:
    """Return the beginning of a message; torch's go on with advice for its own callers."""
    return str(error).split(". ")[0].split("\n")[0] or type(error).__name__


def parse_arguments(items: Sequence[str]) -> dict[str, Any]:
    """Read ``key=value`` pairs; a value is a Python literal, or else a string."""
    arguments: dict[str, Any] = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not equals or not key.isidentifier():
            raise LoadError(f"cannot read the argument '{item}'", "write it as width=128")
        try:
            arguments[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            arguments[key] = value
    return arguments
