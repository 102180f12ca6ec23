"""Declarations: one line of text says what an input or output is.

::

    column[batch,124] float32 K 180..320 -- temperature of the column
    ^name ^shape      ^dtype  ^units ^range ^description

Only the name is required. What is left out is taken from the example inputs. ``[]`` is a scalar (rank 0).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import DeclarationError
from .dtypes import dtype_name, is_dtype, meant
from .ranges import Range, parse_range
from .spec import Shape, Symbol, TensorSpec

_HEAD = re.compile(r"\s*([A-Za-z_]\w*(?:\.\w+)*)\s*(\[[^\]]*\])?(?:\s+|$)")
_BOUNDS = re.compile(
    r"\s*(?P<name>[A-Za-z_]\w*)\s*(?==|%)"
    r"(?:=\s*(?P<low>\d+)\s*(?:\.\.\s*(?:(?P<high>\d+)|(?P<open>))\s*)?)?"
    r"(?:%\s*(?P<multiple>\d+)(?:\s*==\s*0)?\s*)?$"
)
_SYMBOL = re.compile(r"[A-Za-z_]\w*$")
_GRAMMAR = "write it as 'name[batch,124] float32 K 180..320 -- description'; only the name is required"


@dataclass(frozen=True)
class Declaration:
    """What the user says about one input or output; None means "as in the example".

    The attributes mean what they mean in `TensorSpec`.
    """

    name: str
    shape: Shape | None = None
    dtype: str | None = None
    units: str | None = None
    range: Range | None = None
    description: str = ""
    argument: str = ""

    @staticmethod
    def parse(text: str) -> Declaration:
        """Read a declaration such as ``column[batch,124] float32 K 180..320 -- temperature``.

        Raises
        ------
        DeclarationError
            When the text does not follow the grammar.
        """
        facts, _, description = text.partition(" -- ")
        head = _HEAD.match(facts)
        if head is None:
            raise DeclarationError(f"cannot read the declaration '{text}'", _GRAMMAR)
        words = facts[head.end() :].split()
        dtype = dtype_name(words.pop(0)) if words and is_dtype(words[0]) else None
        bounds = parse_range(words.pop(), text) if words and ".." in words[-1] else None
        _refuse_dtypes(words, text)
        return Declaration(
            name=head[1],
            shape=None if head[2] is None else _parse_shape(head[2], text),
            dtype=dtype,
            units=" ".join(words) or None,
            range=bounds,
            description=description.strip(),
        )


def as_declaration(item: str | Declaration | TensorSpec) -> Declaration:
    """Return any of the accepted forms as a `Declaration`."""
    if isinstance(item, str):
        return Declaration.parse(item)
    if isinstance(item, TensorSpec):
        return Declaration(item.name, item.shape, item.dtype, item.units, item.range, item.description, item.argument)
    return item


def arrange(declared: Sequence[Declaration], names: Sequence[str]) -> list[Declaration]:
    """Return the declarations of outputs in the order of the results.

    Parameters
    ----------
    declared
        Either every result by the name that it has in ``forward``, in any order (of ``a.b`` the ``b`` is enough), or new names
        for all of them in the order of ``names``.
    names
        Names of the flattened results.

    Raises
    ------
    DeclarationError
        When some names are those of results and others are not: a guess at the rest could give a field the name of another.
    """
    places = [_place(item.name, names) for item in declared]
    if len(declared) == len(names):
        if not any(place is not None for place in places):
            return list(declared)
        if set(places) == set(range(len(names))):
            return [declared[places.index(number)] for number in range(len(names))]
    raise DeclarationError(
        f"the declared outputs ({', '.join(item.name for item in declared)}) are not those that forward gives ({', '.join(names)})",
        "declare all of them: by these names in any order, or by new names in this order",
    )


def _place(name: str, names: Sequence[str]) -> int | None:
    if name in names:
        return names.index(name)
    return next((place for place, full in enumerate(names) if full.endswith(f".{name}")), None)


def parse_symbol(text: str) -> tuple[str, Symbol]:
    """Read the bounds of a symbol: ``batch=1..1024``, ``batch=0..``, ``batch=16``, ``ny=4..640%4`` or ``ny%4``."""
    found = _BOUNDS.match(text)
    if found is None:
        raise DeclarationError(f"cannot read the symbol '{text}'", "write it as 'batch=1..1024', 'batch=2..' or 'ny%4'")
    low = 1 if found["low"] is None else int(found["low"])
    high = None if found["low"] is None or found["open"] is not None else int(found["high"] or low)
    return found["name"], checked_symbol(text, low, high, 1 if found["multiple"] is None else int(found["multiple"]))


def checked_symbol(name: str, low: int = 1, high: int | None = None, multiple: int = 1) -> Symbol:
    """Return bounds that admit a size."""
    if multiple < 1:
        raise DeclarationError(f"the sizes of '{name}' are multiples of {multiple}", "give a positive whole number")
    symbol = Symbol(low, high, multiple)
    if symbol.max is not None and (symbol.max == 0 or symbol.max < symbol.min):
        raise DeclarationError(f"the bounds of '{name}' are empty", "the largest size is 1 or more, and not below the smallest")
    return symbol


def _refuse_dtypes(units: Sequence[str], whole: str) -> None:
    for word in units:
        if is_dtype(word):
            raise DeclarationError(f"'{word}' in '{whole}' is not where a dtype belongs", _GRAMMAR)
        if dtype := meant(word):
            raise DeclarationError(f"'{word}' in '{whole}' is neither a dtype nor units", f"did you mean {dtype}?")


def _parse_shape(text: str, whole: str) -> Shape:
    words = [word.strip() for word in text[1:-1].split(",")] if text[1:-1].strip() else []
    shape: list[int | str] = []
    for word in words:
        if word.isdecimal() and int(word) > 0:
            shape.append(int(word))
        elif _SYMBOL.match(word):
            shape.append(word)
        else:
            hint = "a size is a positive number or a name like batch; what a name may be: --symbol batch=1..1024, --symbol ny%4"
            raise DeclarationError(f"'{word}' in '{whole}' is no size", hint)
    return tuple(shape)


Declared = Sequence[str | Declaration | TensorSpec]


Bounds = Symbol | tuple[int, int | None] | tuple[int, int | None, int]
