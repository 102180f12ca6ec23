"""The range checks of a module: which values lie outside, in Fortran's words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..contract.ranges import at, symbols_of
from .kinds import real_literal
from .port import Port

_LARGEST_INTEGER = 2**63 - 1


@dataclass(frozen=True)
class Guard:
    """The range check of one input or output.

    Attributes
    ----------
    number
        Which of the guarded inputs, or of the checked outputs, it is, from 1.
    port
        The input or output.
    value
        Fortran expression of its values, which the procedure that checks them calls ``values``.
    low, high
        Its bounds as literals, in the kind of the values.
    """

    number: int
    port: Port
    value: str
    low: str
    high: str

    def inside(self, part: str = "values") -> str:
        """Return the Fortran expression that is true for values within the range, and for no NaN."""
        value = self.value.replace("values", part)
        if self.is_verdict:
            return f"(.not. {value})"
        if self.is_real:
            return f"is_inside_{self.port.elements.kind}({value}, {self.low}, {self.high})"
        return f"({value} >= {self.low} .and. {value} <= {self.high})"

    def sample_inside(self, number: str) -> str:
        """Return the expression that is true for a sample whose values all lie within the range."""
        inside = self.inside(f"values({self.port.section(number)})")
        return f"all({inside})" if self.port.rank > 1 else inside

    def beyond(self, comparison: str) -> str:
        """Return the expression that is true for finite values below (``<``) or above (``>``) the range."""
        compared = f"{self.value} {comparison} {self.low if comparison == '<' else self.high}"
        return f"{compared} .and. is_finite_{self.port.elements.kind}({self.value})" if self.is_real else compared

    def count(self, condition: str) -> str:
        """Return the number of values for which an expression is true."""
        return f"count({condition}, kind=int64)" if self.port.rank else f"merge(1_int64, 0_int64, {condition})"

    @property
    def is_verdict(self) -> bool:
        """Whether it is the network itself that says so, as `pt2ts.nn.RangeGuard` makes it."""
        return self.port.elements.category == "logical"

    @property
    def is_real(self) -> bool:
        """Whether the values are real numbers."""
        return self.port.elements.category == "real"

    def extreme(self, function: str) -> str:
        """Return the expression of the smallest or largest finite value; of none it is the largest or smallest of its kind."""
        if not self.port.rank and self.is_real:
            none = f"{'-' if function == 'maxval' else ''}huge(1.0_real64)"
            return f"merge(real({self.value}, real64), {none}, is_finite_{self.port.elements.kind}({self.value}))"
        if not self.port.rank:
            return f"real({self.value}, real64)"
        mask = f", mask=is_finite_{self.port.elements.kind}({self.value})" if self.is_real else ""
        return f"real({function}({self.value}{mask}), real64)"


def guards_of(ports: Sequence[Port]) -> tuple[Guard, ...]:
    """Return the checks of all that has a range and an order: no logical, no complex number, no bits of a half.

    Of outputs, real numbers without a range are checked too, which shall be numbers; and a logical one called outside.
    """
    found: list[Guard] = []
    for port in ports:
        kind, half = port.elements, port.elements.storage in ("torch_kFloat16", "torch_kBFloat16")
        is_number = not port.is_input and kind.category == "real"
        if not port.is_input and kind.category == "logical" and port.spec.name == "outside":
            found.append(Guard(len(found) + 1, port, "values", "", ""))
        bounds = None if symbols_of(port.spec.range) else port.spec.range  # what follows a size is compared by the library
        if half or kind.category not in ("real", "integer") or not (bounds or is_number):
            continue
        low, high = at(bounds or (-math.inf, math.inf), {})
        if kind.category == "real":
            value, ends = "values", (real_literal(low, kind.kind), real_literal(high, kind.kind))
        else:
            byte = "iand(int(values, int64), 255_int64)"
            value = byte if kind.storage else "int(values, int64)"
            ends = (_integer(math.ceil(low)), _integer(math.floor(high)))
        found.append(Guard(len(found) + 1, port, value, *ends))
    return tuple(found)


def _integer(value: int) -> str:
    return f"{max(-_LARGEST_INTEGER, min(_LARGEST_INTEGER, value))}_int64"
