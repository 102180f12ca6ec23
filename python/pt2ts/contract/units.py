"""Whether two texts mean the same units, as UDUNITS understands them: `kg kg-1` and `1`, `m/s` and `m s**-1`."""

from __future__ import annotations

from typing import Any

from ..errors import DeclarationError, LoadError


def require_same(first: str, where_first: str, second: str, where_second: str, what: str) -> None:
    """Refuse units that differ, naming both.

    Parameters
    ----------
    first, second
        The units.
    where_first, where_second
        Who says so.
    what
        What they are of, for the message.
    """
    if first.split() == second.split():
        return
    a, b = _unit(first), _unit(second)
    if a is not None and b is not None and a == b:
        return
    raise DeclarationError(f"{what} is in '{first}' in {where_first} and in '{second}' in {where_second}", _advice(a, b))


def known(text: str) -> bool:
    """Return whether UDUNITS knows these units."""
    return _unit(text) is not None


def _advice(a: Any, b: Any) -> str:
    if a is None or b is None:
        return "texts that UDUNITS does not know are the same units only where they are the same text"
    with _library().suppress_errors():
        # Reciprocals are converted into each other too, which is a mistake more often than not.
        if a.is_convertible(b) and not (a * b).is_dimensionless():
            return f"1 {a} is {a.convert(1.0, b):.9g} {b}: convert the data, or declare what they are in"
    return "one of the two is not this variable"


def _unit(text: str) -> Any:
    """Return the unit, or None where the text is none."""
    library = _library()
    with library.suppress_errors():
        try:
            unit = library.Unit(text)
        except ValueError:
            return None
    return None if unit.is_unknown() or unit.is_no_unit() else unit


def _library() -> Any:
    try:
        import cf_units
    except ImportError as error:
        raise LoadError("units are compared by cf-units, which is not installed", "pip install 'ftorch[data]'") from error
    return cf_units
