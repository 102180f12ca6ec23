"""Where a model comes from: what its makers write down about data, code, hyperparameters and licence, word by word."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ..errors import DeclarationError

#: What is worth writing down; other words may be used as well.
USUAL = ("data", "code", "hyperparameters", "device", "licence")

_WORD = re.compile(r"[A-Za-z][\w.-]*$")
_HINT = f"write them as data='ERA5 1979-2018, version 2': a word, {', '.join(USUAL)} or another one, and a text"

Provenance = Mapping[str, str]


def checked(given: Mapping[str, object] | None) -> dict[str, str]:
    """Return facts as texts."""
    facts = {}
    for word, fact in (given or {}).items():
        if not isinstance(word, str) or not _WORD.match(word):
            raise DeclarationError(f"provenance has the word {word!r}", _HINT)
        if not isinstance(fact, (str, int, float)) or not str(fact).strip():
            raise DeclarationError(f"provenance '{word}' is {fact!r}", _HINT)
        facts[word] = str(fact)
    return facts


def parse(items: Sequence[str]) -> dict[str, str]:
    """Read facts of a command line: ``data=ERA5 1979-2018``."""
    facts = {}
    for item in items:
        word, equals, fact = item.partition("=")
        if not equals:
            raise DeclarationError(f"cannot read the provenance '{item}'", _HINT)
        facts[word.strip()] = fact
    return checked(facts)
