"""``stats``: means and deviations of the variables of NetCDF files, level by level, for `pt2ts.nn.Standardize`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from .._version import __version__
from ..container.filetype import StrPath
from ..container.writing import write_files
from ..contract.units import known, require_same
from ..errors import DeclarationError, LoadError, option
from ..nn.statistics import Statistics, Variable
from ..report import step, warn
from .grid import NONE, Condition, Grid, helpers
from .moments import Moments

#: Values that are looked at together: 32 MB of float64, and as much again for their weights.
_BLOCK = 2**22

#: What values stand for "missing" in files that do not say so.
_SUSPECT = (-999.0, -9999.0, -99999.0, 999.0, 9999.0, 99999.0)

COLUMNS = ("variable", "units", "level", "mean", "deviation", "range", "values", "weights")


class _Measured:
    """One variable over all files."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.moments: Moments | None = None
        self.level: str | None = None
        self.units: str | None = None
        self.units_from = ""
        self.description = ""
        self.weights = ""

    def result(self) -> Variable:
        moments = self.moments
        if moments is None or moments.count == 0:
            raise DeclarationError(f"'{self.name}' has no values that count", "missing everywhere, or outside of the mask")
        if max(-moments.minimum, moments.maximum) > 1e15 or {moments.minimum, moments.maximum} & set(_SUSPECT):
            warn(
                f"'{self.name}' goes from {moments.minimum:g} to {moments.maximum:g}: a missing value without a _FillValue in the "
                "file would look so"
            )
        mean = moments.mean()
        if None in mean:
            warn(f"'{self.name}' has no values at {mean.count(None)} of {len(mean)} levels")
        return Variable(
            mean,
            moments.std(),
            moments.minimum,
            moments.maximum,
            moments.count,
            self.units,
            self.description,
            self.level,
            self.weights,
        )


def stats(
    files: StrPath | Sequence[StrPath],
    output: StrPath | None = None,
    *,
    variables: Sequence[str] | None = None,
    level: str | None = None,
    area: str | None = None,
    where: str | None = None,
    grid: StrPath | None = None,
) -> Statistics:
    """Measure means and deviations of variables over all files together, level by level.

    Files are read by xarray: packed numbers are unpacked, and missing values do not count. Cells are weighted by their area. One
    block of a file is in memory at a time.

    Parameters
    ----------
    files
        NetCDF files, or what else xarray opens.
    output
        The file to write, for `Standardize.from_stats` and `export`; None for none.
    variables
        Names, or ``mine=name`` for what is called otherwise in the files. All floating-point variables by default.
    level
        The dimension of the levels; by default the vertical one, as the CF conventions tell it. ``none``: one number for all.
    area
        Variable with the areas of the cells. By default that of ``cell_measures``, or else the cosine of latitude; ``none`` counts
        all cells alike.
    where
        Which values count: ``lsm<0.5`` are those over sea, if ``lsm`` is the share of land.
    grid
        A file with areas and masks that are not among the data.

    Returns
    -------
    Statistics
        What was measured.

    Raises
    ------
    LoadError
        A file cannot be read, or xarray is not there.
    DeclarationError
        Files do not fit together: units, levels, grids.
    """
    xarray = _xarray()
    condition = None if where is None else Condition.parse(where)
    paths = [Path(files)] if isinstance(files, (str, PathLike)) else [Path(file) for file in files]
    if not paths:
        raise DeclarationError("no files are given", "give those that hold the training data")
    found: dict[str, _Measured] = {}
    with ExitStack() as opened:
        beside = None if grid is None else opened.enter_context(_open(xarray, Path(grid)))
        for path in paths:
            step(f"reading {path}")
            with _open(xarray, path) as dataset:
                here = Grid(dataset, beside, str(path))
                for name, original in _names(dataset, variables, str(path), (area or "", condition.name if condition else "")):
                    _measure(found.setdefault(name, _Measured(name)), here, original, level, area, condition)
    if not found:
        raise DeclarationError(f"'{paths[0]}' has no variables of floating point", f"name some by {option('variable')}")
    if level not in (None, NONE) and not any(item.level for item in found.values()):
        raise DeclarationError(f"no variable has a dimension '{level}'", f"{option('level', NONE)} is one number for all levels")
    result = Statistics(
        {name: item.result() for name, item in found.items()},
        tuple(str(path) for path in paths),
        where or "",
        f"pt2ts {__version__}",
        str(output or paths[0]),
    )
    if output is not None:
        write_files({Path(output): result.to_text().encode()})
    return result


def rows(statistics: Statistics) -> list[tuple[str, ...]]:
    """Return the rows of a table for people: of many levels the first and the last."""
    made: list[tuple[str, ...]] = []
    for name, item in statistics.variables.items():
        level = "" if item.level is None else f"{item.level} ({len(item.mean)})"
        numbers = (_ends(item.mean), _ends(item.std), f"{item.minimum:.5g} to {item.maximum:.5g}", f"{item.count}")
        made.append((name, item.units or "", level, *numbers, item.weights))
    return made


def _ends(numbers: Sequence[float | None]) -> str:
    shown = ["none" if number is None else f"{number:.5g}" for number in numbers]
    return shown[0] if len(shown) == 1 else f"{shown[0]} .. {shown[-1]}"


def _names(dataset: Any, wanted: Sequence[str] | None, source: str, beside: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Give the names of variables, and what they are called in the file."""
    if wanted is None:
        others = helpers(dataset, beside)
        for name, item in dataset.data_vars.items():
            if item.dtype.kind == "f" and item.ndim > 0 and name not in others:
                yield str(name), str(name)
        return
    for text in wanted:
        mine, equals, name = text.partition("=")
        name = name if equals else mine
        if name not in dataset.variables:
            there = ", ".join(str(key) for key in dataset.data_vars)
            raise DeclarationError(f"there is no variable '{name}' in '{source}'", f"it has {there}")
        if dataset[name].dtype.kind not in "fiub":
            raise DeclarationError(f"'{name}' in '{source}' holds no numbers", "leave it out")
        yield mine, name


def _measure(measured: _Measured, grid: Grid, name: str, level: str | None, area: str | None, condition: Condition | None) -> None:
    variable = grid.data[name]
    _agree_on_units(measured, variable, grid.source)
    along = grid.level(variable, level)
    levels = variable.sizes[along] if along is not None else 1
    if measured.moments is None:
        measured.moments, measured.level = Moments(levels), along
        measured.description = str(variable.attrs.get("long_name") or variable.attrs.get("standard_name") or "")
    elif (measured.level, len(measured.moments.weight)) != (along, levels):
        before = f"{len(measured.moments.weight)} levels ('{measured.level}')" if measured.level else "no levels"
        now = f"{levels} levels ('{along}')" if along else "no levels"
        raise DeclarationError(f"'{name}' has {now} in '{grid.source}' and {before} in the files before", _dimensions(variable))
    areas, measured.weights = grid.areas(variable, area)
    counts = grid.where(variable, condition)
    for block in _blocks(variable, along):
        values = variable.isel(block).astype(np.float64).variable
        weights = np.float64(1.0) + 0 * values.where(np.isfinite(values), 0.0)
        for item in (areas, counts):
            if item is not None:
                weights = weights * item.isel({dim: part for dim, part in block.items() if dim in item.dims}).variable
        order = ([along] if along is not None else []) + [dim for dim in values.dims if dim != along]
        measured.moments.add(
            values.transpose(*order).values.reshape(levels, -1), weights.transpose(*order).values.reshape(levels, -1)
        )


def _blocks(variable: Any, along: str | None) -> Iterator[dict[str, slice]]:
    """Give the parts of a variable that are looked at together: some indices of its first dimension, mostly time."""
    outer = next((str(dim) for dim in variable.dims if dim != along), None)
    if outer is None:
        yield {}
        return
    length = variable.sizes[outer]
    piece = max(1, _BLOCK // max(1, variable.size // max(1, length)))
    for start in range(0, length, piece):
        yield {outer: slice(start, start + piece)}


def _agree_on_units(measured: _Measured, variable: Any, source: str) -> None:
    units = variable.attrs.get("units")
    if units is None:
        return
    if measured.units is None:
        measured.units, measured.units_from = str(units), source
        if not known(str(units)):
            warn(f"UDUNITS does not know '{units}', the units of '{measured.name}': they are compared as a text")
        return
    require_same(measured.units, f"'{measured.units_from}'", str(units), f"'{source}'", f"'{measured.name}'")


def _dimensions(variable: Any) -> str:
    return f"its dimensions are {', '.join(map(str, variable.dims))}; choose that of the levels by {option('level')}"


def _open(xarray: ModuleType, path: Path) -> Any:
    if not path.exists():
        raise LoadError(f"there is no file '{path}'")
    try:
        # Times are not looked at, and many calendars cannot be decoded.
        return xarray.open_dataset(path, decode_times=False)
    except Exception as error:  # xarray has many readers, which report damage in many ways
        reason = str(error).strip().partition("\n")[0]
        raise LoadError(f"xarray cannot read '{path}': {reason}", "is it NetCDF? ncdump -h shows what is in it") from error


def _xarray() -> ModuleType:
    try:
        import cf_xarray  # noqa: F401 - makes the accessor `cf`
        import xarray
    except ImportError as error:
        raise LoadError(
            f"data are read by xarray and cf-xarray, and '{error.name}' is not installed", "pip install 'ftorch[data]'"
        ) from error
    return xarray
