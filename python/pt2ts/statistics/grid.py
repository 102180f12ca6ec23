"""What a variable lies on: its levels, the areas of its cells, and which of them count. CF conventions are read by cf-xarray."""

from __future__ import annotations

import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DeclarationError, option

_COMPARE = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
_CONDITION = re.compile(r"\s*(\S+?)\s*(<=|>=|==|!=|<|>)\s*([-+.\deE]+)\s*$")

#: No levels, or no areas, as ``level`` and ``area`` say it.
NONE = "none"


@dataclass(frozen=True)
class Condition:
    """Which values count: those where a variable compares with a number, such as ``lsm < 0.5``."""

    name: str
    sign: str
    number: float

    @staticmethod
    def parse(text: str) -> Condition:
        """Read a condition."""
        found = _CONDITION.match(text)
        try:
            return Condition(found[1], found[2], float(found[3]))  # type: ignore[index]
        except (TypeError, ValueError):
            raise DeclarationError(f"cannot read the condition '{text}'", "write it as 'lsm<0.5'") from None

    def of(self, mask: Any) -> Any:
        """Return where it holds; a missing value is none."""
        return _COMPARE[self.sign](mask, self.number) & mask.notnull()


@dataclass(frozen=True)
class Grid:
    """Where the areas and masks of data are looked for.

    Attributes
    ----------
    data
        The data set.
    beside
        Another one, whose variables are used where the first has none of that name; or None.
    source
        What messages call the data.
    """

    data: Any
    beside: Any
    source: str

    def find(self, name: str, what: str) -> Any:
        """Return a variable of the data, or of the file beside them."""
        for dataset in (self.data, self.beside):
            if dataset is not None and name in dataset.variables:
                return dataset[name]
        hint = f"name it by {option(what)}, or the file that has it by {option('grid')}"
        raise DeclarationError(f"there is no variable '{name}' in '{self.source}'", hint)

    def level(self, variable: Any, wanted: str | None) -> str | None:
        """Return the dimension of a variable's levels, or None."""
        if wanted is not None:
            return wanted if wanted in variable.dims else None
        bare = [dim for dim in variable.dims if dim not in self.data.coords]  # known by their names alone
        named = self.data.assign_coords({dim: np.arange(self.data.sizes[dim]) for dim in bare}).cf.guess_coord_axis()
        vertical = {*named.cf.axes.get("Z", []), *named.cf.coordinates.get("vertical", [])}
        found = [str(dim) for dim in variable.dims if dim in vertical]
        if len(found) > 1:
            raise DeclarationError(f"'{variable.name}' has several dimensions of levels: {', '.join(found)}", _choose(found[0]))
        return found[0] if found else None

    def areas(self, variable: Any, wanted: str | None) -> tuple[Any, str]:
        """Return the areas of a variable's cells, or None where all count alike; and what they are."""
        if wanted == NONE:
            return None, "equal"
        measured = None if wanted is not None else re.search(r"\barea:\s*(\S+)", str(variable.attrs.get("cell_measures", "")))
        name = wanted if measured is None else measured[1]
        if name is not None and (wanted is not None or self._has(name)):
            return self._fitted(self.find(name, "area"), variable), name
        latitudes = [self.data[name] for name in self.data.cf.guess_coord_axis().cf.coordinates.get("latitude", [])]
        latitudes = [item for item in latitudes if item.dims and set(item.dims) <= set(variable.dims)]
        for latitude in latitudes:
            if latitude.dims == (latitude.name,):
                return np.cos(np.deg2rad(latitude.astype(float))).clip(min=0), f"cos({latitude.name})"
        if latitudes:
            raise DeclarationError(
                f"the areas of the cells of '{variable.name}' are not in '{self.source}', and its grid has no axis of latitudes",
                f"name the variable that has them by {option('area')}, the file by {option('grid')}; or count all cells alike: "
                f"{option('area', NONE)}",
            )
        return None, "equal"

    def where(self, variable: Any, condition: Condition | None) -> Any:
        """Return which cells of a variable count, or None for all."""
        return None if condition is None else condition.of(self._fitted(self.find(condition.name, "where"), variable))

    def _has(self, name: str) -> bool:
        return any(dataset is not None and name in dataset.variables for dataset in (self.data, self.beside))

    def _fitted(self, other: Any, variable: Any) -> Any:
        """Return areas or a mask after having compared their grid with the variable's, coordinate by coordinate."""
        other = other.squeeze(drop=True)  # masks often have a time of their own
        for dim in other.dims:
            if dim not in variable.dims:
                raise DeclarationError(
                    f"'{other.name}' has a dimension '{dim}' that '{variable.name}' has not", _dims(variable, other)
                )
            if other.sizes[dim] != variable.sizes[dim] or not _close(other, variable, dim):
                raise DeclarationError(
                    f"the grids of '{other.name}' and '{variable.name}' differ in '{dim}'", _difference(other, variable, dim)
                )
        return other


def _close(a: Any, b: Any, dim: str) -> bool:
    """Return whether coordinates are the same to the digits of float32, in which many files have them."""
    if dim not in a.coords or dim not in b.coords or a[dim].dtype.kind not in "fiu" or b[dim].dtype.kind not in "fiu":
        return True
    return bool(np.allclose(a[dim].values.astype(float), b[dim].values.astype(float), rtol=1e-5, atol=1e-5))


def _difference(a: Any, b: Any, dim: str) -> str:
    if a.sizes[dim] != b.sizes[dim]:
        return f"{a.sizes[dim]} and {b.sizes[dim]} points"
    ends = [f"{float(item[dim][0]):g} to {float(item[dim][-1]):g}" for item in (a, b)]
    return f"one goes from {ends[0]}, the other from {ends[1]}"


def _dims(*items: Any) -> str:
    return ", ".join(f"{item.name}({', '.join(map(str, item.dims))})" for item in items)


def _choose(dim: str) -> str:
    return f"choose one by {option('level', dim)}"


def is_bounds(dataset: Any, name: str) -> bool:
    """Return whether a variable only says where cells end."""
    return any(name in (item.attrs.get("bounds"), item.attrs.get("climatology")) for item in dataset.variables.values())


def helpers(dataset: Any, names: Sequence[str]) -> set[str]:
    """Return the variables that say something about others: bounds, areas, and those that are named."""
    measures = " ".join(str(item.attrs.get("cell_measures", "")) for item in dataset.variables.values())
    return {*names, *re.findall(r":\s*(\S+)", measures), *(str(n) for n in dataset.variables if is_bounds(dataset, str(n)))}
