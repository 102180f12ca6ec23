"""Names of weights in a file, and in the module that they are for: what wrappers put before them is looked through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

#: What `torch.compile`, and training on several devices, put into names.
_WRAPPERS = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")


@dataclass(frozen=True)
class Match:
    """Which name in the file is for which of the module.

    Attributes
    ----------
    pairs
        Names of the file by those of the module.
    prefix
        What stood before the names in the file.
    unlike
        Names of the module whose tensor has another shape in the file, with both shapes.
    missing
        Names of the module that the file lacks.
    left
        Names of the file that nothing is for: those that begin as the others do.
    beside
        The others that are left: parts of the file that belong to something else, such as a loss.
    """

    pairs: Mapping[str, str]
    prefix: str
    unlike: tuple[str, ...]
    missing: tuple[str, ...]
    left: tuple[str, ...]
    beside: tuple[str, ...]

    def remark(self, name: str) -> str:
        """Return what is wrong with a weight of the module; empty if nothing is."""
        return next((text.removeprefix(name + " ") for text in self.unlike if text.startswith(name + " ")), "")

    @property
    def whole(self) -> bool:
        """Whether each has its counterpart."""
        return not (self.unlike or self.missing or self.left)


def match(module: torch.nn.Module, state: Mapping[str, torch.Tensor]) -> Match:
    """Find out which weights of a file are for which of a module."""
    own = {name: value for name, value in module.state_dict().items() if isinstance(value, torch.Tensor)}
    wanted = {plain(name): name for name in own}
    given = {plain(name): name for name in state}
    prefix = _prefix(set(wanted), set(given))
    inside = {name.removeprefix(prefix): full for name, full in given.items() if name.startswith(prefix)}
    pairs = {wanted[name]: inside[name] for name in wanted if name in inside}
    unlike = [
        f"{name} is {list(own[name].shape)}, in the file {list(state[full].shape)}"
        for name, full in pairs.items()
        if own[name].shape != state[full].shape
    ]
    return Match(
        pairs, prefix, tuple(unlike),
        missing=tuple(wanted[name] for name in wanted if name not in inside),
        left=tuple(full for name, full in inside.items() if name not in wanted),
        beside=tuple(full for name, full in given.items() if not name.startswith(prefix)),
    )  # fmt: skip


def plain(name: str) -> str:
    """Return a name without the parts that wrappers have put into it."""
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


def _prefix(wanted: set[str], given: set[str]) -> str:
    """Return what has to go before the module's names so that most of them are in the file; the shortest of these."""
    ends = {"." + name for name in wanted}
    found = {""}
    for name in given:
        parts = name.split(".")
        found |= {".".join(parts[:n]) + "." for n in range(1, len(parts)) if "." + ".".join(parts[n:]) in ends}
    return max(
        sorted(found, key=lambda prefix: (len(prefix), prefix)), key=lambda prefix: sum(prefix + name in given for name in wanted)
    )
