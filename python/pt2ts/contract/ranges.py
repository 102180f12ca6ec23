"""Ranges of values: two numbers, or for indices a size that each call has: ``1..nodes``, ``0..nodes-1``."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import DeclarationError

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_SIZE = r"[A-Za-z_]\w*(?:[-+]\d+)?"
_RANGE = re.compile(rf"({_NUMBER}|{_SIZE})\.\.({_NUMBER}|{_SIZE})$")
_PARTS = re.compile(r"([A-Za-z_]\w*)([-+]\d+)?$")


@dataclass(frozen=True)
class SizeBound:
    """An end of a range that follows a size: the size of a symbol, and what is added to it."""

    symbol: str
    offset: int = 0

    def __str__(self) -> str:
        return f"{self.symbol}{self.offset:+d}" if self.offset else self.symbol


Bound = float | SizeBound
Range = tuple[Bound, Bound]
#: The same where the sizes are known.
Numbers = tuple[float, float]


def parse_range(word: str, whole: str) -> Range:
    """Read a range; ``whole`` is the declaration that it stands in."""
    found = _RANGE.match(word)
    if found is None:
        raise DeclarationError(f"cannot read the range '{word}' in '{whole}'", "write it as 180..320, or 0..nodes-1")
    low, high = _bound(found[1]), _bound(found[2])
    numbers = [end for end in (low, high) if isinstance(end, float)]
    if not all(math.isfinite(end) for end in numbers) or (len(numbers) == 2 and numbers[0] > numbers[1]):
        raise DeclarationError(f"the range '{word}' in '{whole}' is empty")
    return low, high


def from_json(data: object) -> Range | None:
    """Read a range as a contract has it: a number or a text for each end."""
    if data is None:
        return None
    if not isinstance(data, Sequence) or len(data) != 2:
        raise ValueError(f"a range is {data!r}")
    return _bound(str(data[0])), _bound(str(data[1]))


def to_json(bounds: Range) -> list[float | str]:
    """Return a range as a contract has it."""
    return [str(end) if isinstance(end, SizeBound) else end for end in bounds]


def symbols_of(bounds: Range | None) -> list[str]:
    """Return the symbols that a range follows."""
    return [end.symbol for end in bounds or () if isinstance(end, SizeBound)]


def at(bounds: Range, sizes: Mapping[str, int]) -> Numbers:
    """Return a range for given sizes; nothing lies in one whose ends are the wrong way round."""
    return _number(bounds[0], sizes), _number(bounds[1], sizes)


def range_text(bounds: Range, between: str = " to ", digits: int = 6) -> str:
    """Return a range for people."""
    return between.join(str(end) if isinstance(end, SizeBound) else f"{end:.{digits}g}" for end in bounds)


def _number(end: Bound, sizes: Mapping[str, int]) -> float:
    return float(sizes[end.symbol] + end.offset) if isinstance(end, SizeBound) else end


def _bound(word: str) -> Bound:
    found = _PARTS.match(word)
    # Infinity and the like are no names of sizes.
    if found is None or word.lower() in ("inf", "infinity", "nan"):
        return float(word)
    return SizeBound(found[1], int(found[2] or 0))
