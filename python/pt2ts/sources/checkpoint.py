"""Weights in files: what torch saves, checkpoints of trainers, safetensors, in one file or in several. No code in a file is run."""

from __future__ import annotations

import contextlib
import json
import pickle
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from ..errors import LoadError

State = dict[str, torch.Tensor]

#: Files with weights in a folder of a model hub, the best first; an index names the parts of a large one.
_IN_FOLDERS = (
    "model.safetensors.index.json", "model.safetensors", "diffusion_pytorch_model.safetensors", "pytorch_model.bin.index.json",
    "pytorch_model.bin", "model.pt", "model.pth",
)  # fmt: skip

#: Where checkpoints keep the weights beside other things, the likeliest first.
_USUAL = ("state_dict", "model_state_dict", "model", "module", "net", "network", "params", "weights")

#: How deep dictionaries may lie within each other.
_DEEPEST = 4


def read_states(path: str) -> dict[str, State]:
    """Return every dictionary of weights in a file or a folder by its place, ``ema.state_dict``; the likeliest one comes first.

    The place of the outermost is an empty text.
    """
    file = Path(path)
    if file.is_dir():
        file = _within(file)
    if not file.is_file():
        raise LoadError(f"there is no file '{path}' with weights")
    found = dict(_states(_content(file), "", 0))
    if not found:
        raise LoadError(f"'{path}' holds no weights", "save them by torch.save(module.state_dict(), file)")
    return dict(sorted(found.items(), key=lambda item: _rank(item[0])))


def choose_state(states: Mapping[str, State], wanted: str | None, path: str) -> State:
    """Return the weights at a place, or the likeliest ones."""
    if wanted is None:
        return next(iter(states.values()))
    if wanted not in states:
        places = ", ".join(place for place in states if place)
        raise LoadError(f"'{path}' has no weights at '{wanted}'", f"it has some at {places}" if places else "leave the place out")
    return states[wanted]


def _rank(place: str) -> tuple[int, int]:
    parts = place.split(".") if place else []
    return len(parts), _USUAL.index(parts[-1]) if parts and parts[-1] in _USUAL else len(_USUAL)


def _within(folder: Path) -> Path:
    for name in _IN_FOLDERS:
        if (folder / name).is_file():
            return folder / name
    raise LoadError(f"the folder '{folder}' has none of the files that hold weights", f"they are called {', '.join(_IN_FOLDERS)}")


def _content(file: Path) -> Any:
    if file.name.endswith(".index.json"):
        return _parts(file)
    if file.suffix == ".safetensors":
        return _safetensors(file)
    return _torch(file)


def _parts(index: Path) -> State:
    try:
        places: dict[str, str] = json.loads(index.read_text())["weight_map"]
    except (ValueError, KeyError, OSError) as error:
        raise LoadError(f"'{index}' is no index of weights") from error
    whole: State = {}
    for part in sorted(set(places.values())):
        if "/" in part or not (index.parent / part).is_file():
            raise LoadError(f"'{index}' names the part '{part}', which is not there", "fetch all files of the folder")
        whole |= _content(index.parent / part)
    if lost := sorted(set(places) - set(whole)):
        raise LoadError(f"'{index}' names the weight '{lost[0]}', which is in none of its parts")
    return whole


def _safetensors(file: Path) -> State:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as error:
        raise LoadError(f"'{file}' is read by the package safetensors, which is not there", "pip install safetensors") from error
    try:
        return load_file(file)
    except (SafetensorError, OSError, ValueError) as error:
        raise LoadError(f"'{file}' holds no weights ({error})") from error


def _torch(file: Path) -> Any:
    with contextlib.suppress(Exception):  # what it refuses may be a Namespace beside the weights; damage shows again
        return torch.load(file, map_location="cpu", weights_only=True)
    try:
        return torch.load(file, map_location="cpu", weights_only=False, pickle_module=_INERT)
    except Exception as error:  # torch reports damage in many ways
        raise LoadError(f"'{file}' holds no weights", "save them by torch.save(module.state_dict(), file)") from error


class _Anything(dict):  # type: ignore[type-arg]
    """What stands for an object of a class that is not loaded: it takes whatever the file does with it, and does nothing."""

    def __new__(cls, *_: Any, **__: Any) -> _Anything:
        """Return an empty one."""
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__()

    def __setstate__(self, state: object) -> None:
        """Forget what it should be."""

    def append(self, item: object) -> None:
        """Forget an item."""

    def extend(self, items: object) -> None:
        """Forget items."""


class _Unpickler(pickle.Unpickler):
    """Makes tensors and dictionaries, and of all else something inert: no function that a file names is called."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what a file names, if it is a part of tensors."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch._utils" and name in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter"):
            return super().find_class(module, name)
        found = getattr(torch, name, None) if module == "torch" else None
        if isinstance(found, torch.dtype) or found is torch.Size or (module.startswith("torch") and name.endswith("Storage")):
            return super().find_class(module, name)
        return type(name, (_Anything,), {})


_INERT = SimpleNamespace(Unpickler=_Unpickler, load=lambda file, **more: _Unpickler(file, **more).load(), __name__="inert")


def _states(value: Any, place: str, depth: int) -> Iterator[tuple[str, State]]:
    if not isinstance(value, Mapping) or depth > _DEEPEST:
        return
    tensors = {name: item for name, item in value.items() if isinstance(name, str) and isinstance(item, torch.Tensor)}
    if tensors and len(tensors) == sum(not isinstance(item, Mapping) for item in value.values()):
        yield place, tensors
    for name, item in value.items():
        if isinstance(name, str) and name not in ("optimizer", "optimizer_states", "optimizer_state_dict"):
            yield from _states(item, f"{place}.{name}" if place else name, depth + 1)
