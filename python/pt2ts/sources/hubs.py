"""Modules of libraries that know networks by name, or by a folder; and modules inside wrappers of training.

The libraries are the user's: what a name means, where its weights come from and where they are kept is for them to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from ..errors import LoadError

#: What a folder of Hugging Face has beside its weights.
_CONFIG = "config.json"


def from_hub(source: str, arguments: Mapping[str, Any]) -> torch.nn.Module | None:
    """Return the module that a hub's library makes for a name or a folder; None if ``source`` is neither."""
    hub, colon, name = source.partition(":")
    if colon and hub == "timm":
        return _made("timm", "create_model", name, arguments)
    if colon and hub == "hf":
        return _made("transformers", "AutoModel.from_pretrained", name, arguments)
    if Path(source).is_dir() and (Path(source) / _CONFIG).is_file():
        return _made("transformers", "AutoModel.from_pretrained", source, {"local_files_only": True, **arguments})
    return None


def unwrapped(module: Any) -> Any:
    """Return what `torch.compile` or training on several devices has wrapped."""
    while isinstance(module, torch.nn.Module):
        inside = getattr(module, "_orig_mod", None)
        if inside is None and isinstance(module, (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)):
            inside = module.module
        if not isinstance(inside, torch.nn.Module):
            break
        module = inside
    return module


def _made(library: str, function: str, name: str, arguments: Mapping[str, Any]) -> torch.nn.Module:
    try:
        call: Any = import_module(library)
    except ImportError as error:
        raise LoadError(
            f"'{name}' is a name that {library} knows, which is not there ({error})", f"pip install {library}"
        ) from error
    except Exception as error:  # one of its parts may be for another build of PyTorch
        raise LoadError(
            f"{library} is there and cannot be used ({_why(error)})", f"python -c 'import {library}' says more"
        ) from error
    for part in function.split("."):
        call = getattr(call, part)
    try:
        made = call(name, **arguments)
    except Exception as error:  # whatever the library raises
        raise LoadError(
            f"{library} cannot make '{name}' ({_why(error)})",
            "look at the name; without a network, fetch the files elsewhere and give the folder, or the weights by --weights",
        ) from error
    if not isinstance(made, torch.nn.Module):
        raise LoadError(f"{library} makes a {type(made).__name__} of '{name}', not a module")
    return made


def _why(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
