"""Groups of weights: some learn with a rate or a weight decay of their own, chosen by patterns of names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import DeclarationError
from .options import Choice, check_key, check_option, not_negative, read_options

#: Options by pattern.
Given = Mapping[str, Mapping[str, float]]

#: What a group may have of its own. Both may be zero: such weights stay, or do not decay.
_OPTIONS = {"learning_rate": not_negative(None), "weight_decay": not_negative(None)}


@dataclass(frozen=True)
class Group:
    """Weights whose names fit a pattern, and their options."""

    pattern: str
    options: Mapping[str, float]

    def text(self) -> str:
        """Return the line that makes the group on the command line."""
        return Choice(self.pattern, self.options).text()

    def has(self, name: str) -> bool:
        """Whether a weight belongs to it: ``*`` stands for any characters, ``?`` for one, as in the library."""
        parts = {"*": ".*", "?": "."}
        return re.fullmatch("".join(parts.get(c, re.escape(c)) for c in self.pattern), name, re.DOTALL) is not None


def read_groups(given: Given | None) -> tuple[Group, ...]:
    """Check groups given in Python."""
    found = []
    for pattern, options in (given or {}).items():
        if not isinstance(pattern, str) or not isinstance(options, Mapping):
            raise DeclarationError(f"the group {pattern!r} is {options!r}", "write {'*bias': {'weight_decay': 0.0}}")
        if not options:
            raise DeclarationError(f"the group '{pattern}' says nothing", f"give it {' or '.join(_OPTIONS)}")
        checked = {}
        for key, value in options.items():
            check_key("group", pattern, key, _OPTIONS)
            checked[key] = check_option(f"{key} of the group '{pattern}'", value, _OPTIONS[key])
        found.append(Group(pattern, checked))
    return tuple(found)


def parse_groups(texts: Sequence[str]) -> dict[str, dict[str, float]]:
    """Read the groups of the command line: ``encoder.* learning_rate=1e-4``."""
    found: dict[str, dict[str, float]] = {}
    for text in texts:
        pattern, *words = text.split() or [""]
        if pattern in found:
            raise DeclarationError(f"the group '{pattern}' is given twice", "put its options into one")
        found[pattern] = read_options("group", pattern, words, _OPTIONS)
    return found


def assign(groups: Sequence[Group], names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the options that each weight gets from the groups.

    A weight may belong to several groups that say different things about it. Two that say the same thing are an error: which one
    was meant would depend on their order.

    Raises
    ------
    DeclarationError
        For such groups, and for a pattern that no weight fits.
    """
    found: dict[str, dict[str, float]] = {name: {} for name in names}
    source: dict[tuple[str, str], str] = {}
    for group in groups:
        members = [name for name in names if group.has(name)]
        if not members:
            raise DeclarationError(
                f"the group '{group.pattern}' fits no weight that is trained", f"the names are {', '.join(names)}"
            )
        for name in members:
            for key, value in group.options.items():
                if other := source.get((name, key)):
                    raise DeclarationError(
                        f"the groups '{other}' and '{group.pattern}' both give '{name}' a {key}", "let only one pattern fit it"
                    )
                source[name, key] = group.pattern
                found[name][key] = value
    return found
