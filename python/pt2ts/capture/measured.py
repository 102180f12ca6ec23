"""Declarations and the statistics of the data: what is left out is taken from them, and units that are said must agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..contract.declare import Declaration
from ..contract.units import require_same
from ..errors import DeclarationError, option
from ..nn.statistics import Statistics
from .request import Request


def with_statistics(request: Request, statistics: Statistics) -> Request:
    """Return the request with what was measured of the variables of the same names."""
    kinds = (("input", request.inputs), ("output", request.outputs))
    named = [item.name for _, items in kinds for item in items or ()]
    if not set(named) & set(statistics.variables):
        raise DeclarationError(
            f"none of what is declared ({', '.join(named) or 'nothing'}) is in '{statistics.path}' "
            f"({', '.join(statistics.variables)})",
            f"declare them by the names of the data ({option('inputs')}), or rename those: pt2ts stats --variable MINE=NAME",
        )
    inputs, outputs = (None if items is None else _completed(kind, items, statistics) for kind, items in kinds)
    return replace(request, inputs=inputs, outputs=outputs)


def _completed(kind: str, items: Sequence[Declaration], statistics: Statistics) -> list[Declaration]:
    return [_with(f"{kind} '{item.name}'", item, statistics) if item.name in statistics.variables else item for item in items]


def _with(what: str, item: Declaration, statistics: Statistics) -> Declaration:
    measured, file = statistics[item.name], f"'{statistics.path}'"
    if item.units is not None and measured.units is not None:
        require_same(item.units, "its declaration", measured.units, file, what)
    levels = len(measured.mean)
    if levels > 1 and item.shape is not None and levels not in item.shape:
        shape = ",".join(map(str, item.shape))
        raise DeclarationError(
            f"{what} is declared [{shape}], and {file} has {levels} levels of it ('{measured.level}')",
            "they are not the same levels",
        )
    return replace(
        item,
        units=item.units or measured.units,
        range=item.range or (measured.minimum, measured.maximum),
        description=item.description or measured.description,
    )
