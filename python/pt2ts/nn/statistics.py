"""Means and deviations that `pt2ts.stats` has measured on data, and the file that holds them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import DeclarationError, LoadError

#: Version of the format. A reader refuses what it does not know.
FORMAT = 1

#: One number a level; None where a level has no values at all.
Levels = tuple[float | None, ...]


@dataclass(frozen=True)
class Variable:
    """What was measured of one variable.

    Attributes
    ----------
    mean, std
        One number for each level, or a single one.
    minimum, maximum
        Over all that was counted.
    count
        How many values were.
    units, description
        As the data say.
    level
        Name of the dimension of the levels, or None.
    weights
        What values were weighted by.
    """

    mean: Levels
    std: Levels
    minimum: float
    maximum: float
    count: int
    units: str | None = None
    description: str = ""
    level: str | None = None
    weights: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return dict(vars(self)) | {"mean": list(self.mean), "std": list(self.std)}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Variable:
        """Read the JSON object."""
        known = {name: data[name] for name in Variable.__dataclass_fields__ if name in data}
        variable = Variable(**(known | {"mean": tuple(data["mean"]), "std": tuple(data["std"])}))
        if len(variable.mean) != len(variable.std) or not variable.mean:
            raise ValueError("as many means as deviations")
        return variable


@dataclass(frozen=True)
class Statistics:
    """What was measured of some files.

    Attributes
    ----------
    variables
        By name.
    files
        The data, for people.
    where
        Which values were counted, such as ``lsm < 0.5``; empty for all.
    """

    variables: Mapping[str, Variable]
    files: Sequence[str] = ()
    where: str = ""
    producer: str = ""
    path: str = field(default="", compare=False)

    def to_text(self) -> str:
        """Return the file."""
        data = {
            "format": FORMAT,
            "producer": self.producer,
            "files": list(self.files),
            "where": self.where,
            "variables": {name: variable.to_dict() for name, variable in self.variables.items()},
        }
        return json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @staticmethod
    def read(path: str | PathLike[str]) -> Statistics:
        """Read a file that `pt2ts.stats` has written."""
        try:
            data = json.loads(Path(path).read_text())
            if data["format"] != FORMAT:
                raise LoadError(f"'{path}' has format {data['format']}, this pt2ts reads {FORMAT}", "make it anew: pt2ts stats")
            variables = {name: Variable.from_dict(item) for name, item in data["variables"].items()}
            return Statistics(variables, tuple(data["files"]), str(data["where"]), str(data["producer"]), str(path))
        except OSError as error:
            raise LoadError(f"cannot read '{path}': {error.strerror or error}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise LoadError(
                f"'{path}' holds no statistics ({error})", "pt2ts stats DATA.nc -o FILE.json writes such a file"
            ) from error

    def __getitem__(self, name: str) -> Variable:
        if name not in self.variables:
            raise DeclarationError(f"'{self.path}' has no variable '{name}'", f"it has {', '.join(self.variables)}")
        return self.variables[name]

    def numbers(self, names: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return means and deviations of variables, one after the other."""
        if not names:
            raise DeclarationError("no variable is named", f"'{self.path}' has {', '.join(self.variables)}")
        return self._column(names, "mean"), self._column(names, "std")

    def _column(self, names: Sequence[str], what: str) -> Tensor:
        numbers: list[float] = []
        for name in names:
            for place, number in enumerate(getattr(self[name], what), 1):
                if number is None:
                    raise DeclarationError(
                        f"'{name}' has no values at level {place} in '{self.path}'",
                        "levels without data (below the ground, outside the mask) cannot be scaled: leave them out",
                    )
                numbers.append(number)
        return torch.tensor(numbers if len(numbers) > 1 else numbers[0], dtype=torch.float64)
