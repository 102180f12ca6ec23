"""One line of text chooses an optimizer, a loss or a schedule: its name, then options, ``adam beta_1=0.8 weight_decay=0.01``.

What there is to choose from stands in tables; a row names its options with their default values and bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import DeclarationError

Value = float | int | bool | str | tuple[int, ...]


@dataclass(frozen=True)
class Option:
    """One option: its default value (None: it must be given) and which values are allowed, in words and as a test."""

    default: Value | None
    expected: str
    allowed: Callable[[Any], bool]
    kind: type = float


def positive(default: float | None) -> Option:
    """Return an option that is a number above zero."""
    return Option(default, "a number above 0", lambda x: x > 0)


def not_negative(default: float | None) -> Option:
    """Return an option that is a number from zero up."""
    return Option(default, "a number, 0 or more", lambda x: x >= 0)


def fraction(default: float | None) -> Option:
    """Return an option that is a number from zero to below one."""
    return Option(default, "a number from 0 to below 1", lambda x: 0 <= x < 1)


def factor(default: float | None) -> Option:
    """Return an option that is a number above zero and at most one."""
    return Option(default, "a number above 0, at most 1", lambda x: 0 < x <= 1)


def count(default: int | None, least: int = 1) -> Option:
    """Return an option that is a whole number."""
    return Option(default, f"a whole number, {least} or more", lambda x: x >= least, int)


def whole(default: int) -> Option:
    """Return an option that is any whole number."""
    return Option(default, "a whole number", lambda _: True, int)


def flag(default: bool = False) -> Option:
    """Return an option that is true or false."""
    return Option(default, "true or false", lambda _: True, bool)


def part(default: float) -> Option:
    """Return an option that is a number from zero to one."""
    return Option(default, "a number from 0 to 1", lambda x: 0 <= x <= 1)


def inside(default: float) -> Option:
    """Return an option that is a number above zero and below one."""
    return Option(default, "a number between 0 and 1", lambda x: 0 < x < 1)


def word(*words: str) -> Option:
    """Return an option that is one of a few words, the first unless given."""
    return Option(words[0], " or ".join(words), lambda x: x in words, str)


def counts() -> Option:
    """Return an option that is a list of whole numbers; it must be given."""
    return Option(None, "whole numbers, 1 or more, with commas between", lambda x: all(n >= 1 for n in x), tuple)


@dataclass(frozen=True)
class Choice:
    """A row of a table, chosen and with all its options."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, key: str) -> Any:
        return self.options[key]

    def text(self) -> str:
        """Return the line that makes the same choice."""
        return " ".join([self.name, *(f"{key}={_word(value)}" for key, value in self.options.items())])


def choose(kind: str, text: str, table: Mapping[str, Mapping[str, Option]]) -> Choice:
    """Read ``name option=value ...``.

    Parameters
    ----------
    kind
        What is chosen, for messages: ``optimizer``.
    text
        The line.
    table
        The names, each with its options.

    Raises
    ------
    DeclarationError
        For a name or an option that does not exist, and for a value that is not allowed.
    """
    name, *words = text.split()[:1] + text.split()[1:] or [""]
    if name not in table:
        raise DeclarationError(f"there is no {kind} '{name}'", f"one of {', '.join(table)}")
    known = table[name]
    options: dict[str, Any] = {key: option.default for key, option in known.items()}
    options |= read_options(kind, name, words, known)
    for key, given in options.items():
        if given is None:
            raise DeclarationError(f"the {kind} '{name}' needs {key}", f"write '{name} {key}=...': {known[key].expected}")
    return Choice(name, options)


def read_options(kind: str, name: str, words: Sequence[str], known: Mapping[str, Option]) -> dict[str, Any]:
    """Read the words ``option=value`` behind a name."""
    options: dict[str, Any] = {}
    for text in words:
        key, equals, value = text.partition("=")
        if not equals:
            raise DeclarationError(
                f"cannot read '{text}' in the {kind} '{name} {' '.join(words)}'", f"write it as '{name} option=value'"
            )
        check_key(kind, name, key, known)
        options[key] = check_option(f"{key} of the {kind} '{name}'", _read(value, known[key]), known[key])
    return options


def check_key(kind: str, name: str, key: str, known: Mapping[str, Option]) -> None:
    """Refuse an option that does not exist."""
    if key not in known:
        have = f"it has {', '.join(known)}" if known else "it has none"
        raise DeclarationError(f"the {kind} '{name}' has no option '{key}'", have)


def check_option(what: str, value: Any, option: Option) -> Any:
    """Return a value given in Python after a check, converted to the option's type."""
    if option.kind in (str, tuple):
        if isinstance(value, option.kind) and option.allowed(value):
            return value
    elif isinstance(value, bool) is (option.kind is bool) and isinstance(value, (bool, int, float)):
        converted = option.kind(value)
        if converted == value and math.isfinite(value) and option.allowed(converted):
            return converted
    raise DeclarationError(f"{what} is {value!r}", f"expected {option.expected}")


def _read(text: str, option: Option) -> Any:
    """Return the value that a text stands for, or the text if it is none of that kind; the check tells."""
    words = {"true": True, ".true.": True, "false": False, ".false.": False}
    try:
        if option.kind is tuple:
            return tuple(int(item) for item in text.split(","))
        if option.kind is str:
            return text
        value = words.get(text.lower())
        if value is not None:
            return value
        return int(text) if option.kind is int else float(text)
    except ValueError:
        return text


def _word(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return value if isinstance(value, str) else repr(value)
