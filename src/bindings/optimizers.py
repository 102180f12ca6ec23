"""Reads the rows of the optimizers table (src/types/optimizers.fypp): what each option is in C, in C++ and in Fortran.

The templates import this module. A row says ``options='learning_rate=1e-3 nesterov=.false.'``: names and defaults in the order of
the arguments. What an option is follows from its type and its bounds.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

#: What an option may be: in words, and as a condition on x in Fortran. C++ has the same names in ``Bound``.
BOUNDS: dict[str, tuple[str, str | None]] = {
    "finite": ("a number", None),
    "not_negative": ("a number, 0 or more", "x >= 0"),
    "positive": ("a number above 0", "x > 0"),
    "fraction": ("a number from 0 to below 1", "x >= 0 .and. x < 1"),
    "count": ("a whole number, 1 or more", "x >= 1"),
    "count_or_0": ("a whole number, 0 or more", "x >= 0"),
    "flag": (".true. or .false.", None),
}
_C = {"real": "double", "integer": "int32_t", "logical": "int32_t"}
_CXX = {"real": "{0}", "integer": "double({0})", "logical": "double({0} != 0)"}
_FORTRAN = {"real": "real(real64)", "integer": "integer", "logical": "logical"}
_ACTUAL = {"real": "real_or({0}, {1}_real64)", "integer": "int_or({0}, {1})", "logical": "flag({0})"}
#: The order in which optimizers keep and save their options.
_KEPT = ("real", "integer", "logical")
#: Options that every group has, beside those of its rule.
_OF_GROUPS = ("learning_rate", "weight_decay")


@dataclass(frozen=True)
class Option:
    """One option of an optimizer."""

    name: str
    type: str
    bound: str
    namelist_bound: str | None
    doc: str
    default: str = ""

    @property
    def c(self) -> str:
        """Parameter in C."""
        return f"{_C[self.type]} {self.name}"

    @property
    def cxx(self) -> str:
        """The option as C++ hands it to the rule."""
        value = (
            self.name if self.type == "real" else f"double({self.name})" if self.type == "integer" else f"double({self.name} != 0)"
        )
        return f'{{"{self.name}", {value}, Bound::{self.bound}}}'

    @property
    def fortran(self) -> str:
        """Type of the Fortran dummy argument."""
        return _FORTRAN[self.type]

    @property
    def actual(self) -> str:
        """What Fortran passes to C."""
        return _ACTUAL[self.type].format(self.name, self.default)

    @property
    def key(self) -> tuple[str, str, tuple[str, str | None], str]:
        """The option as a key of a namelist: name, type, what is expected, meaning."""
        assert self.namelist_bound is not None  # noqa: S101
        return self.name, self.type, BOUNDS[self.namelist_bound], self.doc


@dataclass(frozen=True)
class Optimizer:
    """One row of the table."""

    name: str
    options: tuple[Option, ...]
    doc: str
    closure: bool = False

    @property
    def word(self) -> str:
        """Name in namelists, in C and in C++."""
        return self.name.lower()

    @property
    def kept(self) -> list[Option]:
        """Options that the rule keeps, in its order."""
        return sorted((o for o in self.options if o.name not in _OF_GROUPS), key=lambda o: _KEPT.index(o.type))

    @property
    def weight_decay(self) -> str:
        """C++ expression of the weight decay."""
        return "weight_decay" if any(o.name == "weight_decay" for o in self.options) else "0"

    def parameters(self, cxx: bool = False) -> str:
        """Parameters of the C entry."""
        parts = ["const ctorch_tensor parameters[]", "int32_t n_parameters", "int32_t whole_model"]
        parts += [option.c for option in self.options]
        return ", ".join([*parts, "ctorch_optim* optim" if cxx else "ctorch_optim *optim"])


def read(options: Iterable[Sequence[Any]], rows: Iterable[Mapping[str, Any]]) -> list[Optimizer]:
    """Read the table.

    Raises
    ------
    ValueError
        For a row that cannot be understood.
    """
    known = {row[0]: Option(*row) for row in options}
    for option in known.values():
        if option.type not in _C or option.bound not in BOUNDS or option.namelist_bound not in (*BOUNDS, None):
            raise ValueError(f"option '{option.name}': types are {', '.join(_C)}, bounds {', '.join(BOUNDS)}")
    table = []
    for row in rows:
        chosen = []
        for word in row["options"].split():
            name, _, default = word.partition("=")
            if name not in known:
                raise ValueError(f"optimizer '{row['name']}': there is no option '{name}'; known are {', '.join(known)}")
            if known[name].namelist_bound is None and not row.get("closure", False):
                raise ValueError(f"optimizer '{row['name']}': option '{name}' needs a bound in namelists")
            chosen.append(replace(known[name], default=default))
        table.append(Optimizer(**{**row, "options": tuple(chosen)}))
    return table


def options_of(table: Iterable[Optimizer], options: Iterable[Sequence[Any]], type_: str | None = None) -> list[Option]:
    """Return the options, of one type if it is given, of all optimizers that need no closure."""
    used = {option.name for row in table if not row.closure for option in row.options}
    return [Option(*row) for row in options if row[0] in used and type_ in (None, row[1])]


def dump(table: Iterable[Optimizer]) -> str:
    """Write the table as JSON, for `load`."""
    return json.dumps([asdict(row) for row in table])


def load(types: Path) -> list[Optimizer]:
    """Read the table in the folder ``types`` outside of a template."""
    tool = Path(sys.executable).parent / "fypp"
    command = [str(tool), "-I", str(types), "-M", str(Path(__file__).parent), "-m", "optimizers", "--no-folding"]
    text = "#:include 'optimizers.fypp'\n$:optimizers.dump(OPTIMIZERS)\n"
    rows = json.loads(subprocess.run(command, input=text, text=True, check=True, stdout=subprocess.PIPE).stdout)
    return [Optimizer(**{**row, "options": tuple(Option(**option) for option in row["options"])}) for row in rows]
