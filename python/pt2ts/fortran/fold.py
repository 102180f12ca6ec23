"""Lines of Fortran that are too long, broken where a person would break them."""

from __future__ import annotations

import re

#: The standard's limit. Compilers count bytes, and so do we.
WIDTH = 132

#: Characters of the longest word in a comment; a character has up to four bytes.
_WORD = 28

_TOKENS = re.compile(r"'(?:[^']|'')*',?\s*|[^\s,']*(?:,\s*|\s+|$)|[^\s,']+")


def fold(source: str) -> str:
    """Return a source file whose lines are short enough; strings are never broken."""
    return "\n".join(part for line in source.split("\n") for part in _folded(line.rstrip()))


def _folded(line: str) -> list[str]:
    if _length(line) <= WIDTH:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    body = line[len(indent) :]
    if body.startswith("!"):
        mark, _, words = body.partition(" ")
        return _fill(_short_words(words), f"{indent}{mark} ", f"{indent}{mark} ", "")
    return _fill([token for token in _TOKENS.findall(body) if token], indent, f"{indent}  ", "&")


def _short_words(text: str) -> list[str]:
    """Split a comment at its blanks, and words that would fill a line by themselves in the middle."""
    words = text.split(" ")
    return [word[start : start + _WORD] for word in words for start in range(0, max(1, len(word)), _WORD)]


def _fill(tokens: list[str], first: str, rest: str, end: str) -> list[str]:
    """Put tokens on lines; comments get their blanks back, statements have them in their tokens."""
    blank = "" if end else " "
    room = WIDTH - 2 * len(end)
    lines, line, empty = [], first, True
    for token in tokens:
        longer = line + ("" if empty else blank) + token
        if not empty and _length(longer.rstrip()) > room:
            lines.append(f"{line.rstrip()} {end}".rstrip())
            longer = rest + token
        line, empty = longer, False
    return [*lines, line.rstrip()]


def _length(text: str) -> int:
    return len(text.encode())
