"""Reads the rows of the operations table (src/types/ops.fypp): what each argument is in C, in C++ and in Fortran.

The templates import this module. A row says ``args='a:operand dim:dim? keepdim:flag'``: name and form of every argument, where an
argument without a form is a tensor. The forms are in forms.py. What a call looks like follows from the forms alone, so a new
operation needs no code.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from forms import FORMS, Form


@dataclass(frozen=True)
class Argument:
    """One argument of an operation."""

    name: str
    form: str
    default: str
    rank: str

    def _fill(self, pattern: str) -> str:
        return pattern.format(n=self.name, d=self.default, rank=self.rank)

    @property
    def shape(self) -> Form:
        """The form's row."""
        return FORMS[self.form]

    @property
    def c(self) -> str:
        """Parameters in the C header."""
        return self._fill(self.shape.c)

    @property
    def cxx_parameter(self) -> str:
        """The same in C++, where the name without the underscore is what becomes of it."""
        return self.shape.c.format(n=self.name + "_").replace(" *", "* ")

    @property
    def cxx(self) -> str:
        """C++ statements that turn the parameter into what PyTorch takes."""
        return self._fill(self.shape.cxx)

    @property
    def fortran(self) -> str:
        """Declaration of the Fortran dummy argument."""
        return self._fill(self.shape.fortran)

    @property
    def dummies(self) -> str:
        """Names of the Fortran dummy arguments."""
        return f"{self.name}_type, {self.name}_index" if self.form == "device?" else self.name

    @property
    def actual(self) -> str:
        """What Fortran passes to C."""
        return self._fill(self.shape.actual)


@dataclass(frozen=True)
class Operation:
    """One row of the table."""

    name: str
    group: str
    args: tuple[Argument, ...]
    cxx: str
    torch: str
    doc: str
    operator: str | None = None
    intrinsic: str | None = None
    tensor_intrinsic: str | None = None
    long: str = ""
    results: tuple[str, ...] = ()
    in_place: bool = False
    generic: bool = True
    dtypes: str = ""
    shape: str = ""

    @property
    def procedure(self) -> str:
        """Name of the Fortran procedure."""
        return f"torch_tensor_{self.name}" if self.in_place else f"torch_{self.name}"

    @property
    def entry(self) -> str:
        """Name of the C entry."""
        return f"ctorch_op_{self.name}_in_place" if self.in_place else f"ctorch_op_{self.name}"

    @property
    def function(self) -> bool:
        """Whether the Fortran procedure is a function; several results, or none, make it a subroutine."""
        return not self.in_place and not self.results

    @property
    def long_arguments(self) -> list[str]:
        """Arguments that may also be int64, all together: get_shape() gives such numbers, for example."""
        return self.long.split() or [a.name for a in self.args if a.form == "integers"]

    def given(self, *, long: bool = False) -> list[str]:
        """Names of the dummy arguments that are required: one of each specific procedure must tell it from the other."""
        return [a.dummies for a in self.args if not a.shape.optional or (long and self.long_arguments[0] == a.name)]

    def declaration(self, argument: Argument, *, long: bool = False) -> str:
        """Declaration of a dummy argument, in the second specific procedure if ``long``.

        Arguments that may be int64 are int32 in the first, and not of the default kind: a compiler may make int64 of that.
        """
        if argument.name not in self.long_arguments:
            return argument.fortran
        if not long:
            return argument.fortran.replace("integer, ", "integer(c_int32_t), ", 1)
        wider = argument.fortran.replace("integer, ", "integer(c_int64_t), ", 1)
        return wider.replace("optional, ", "") if argument.dummies in self.given(long=True) else wider

    def actuals(self, *, long: bool = False) -> list[str]:
        """What Fortran passes to C for each argument."""
        helper = "long_or(" if long else "short_or("
        return [a.actual.replace("integer_or(", helper) if a.name in self.long_arguments else a.actual for a in self.args]

    @property
    def taken(self) -> list[str]:
        """Dtypes that the first tensor may have, or the result where there is none."""
        return [dtype for word in self.dtypes.split() for dtype in KINDS.get(word, (word,))]

    @property
    def binary_operator(self) -> bool:
        """Whether it is an operator of two operands, with specifics for numbers and arrays."""
        return self.operator is not None and all(a.form == "operand" for a in self.args)

    def parameters(self, cxx: bool = False) -> str:
        """Parameters of the C entry."""
        parts = [a.cxx_parameter if cxx else a.c for a in self.args]
        if self.function:
            parts += ["int32_t lifetime", "ctorch_tensor *result"]
        for name in self.results:
            parts.append(f"ctorch_tensor {name}, int32_t n_{name[:-2]}" if name.endswith("[]") else f"ctorch_tensor *{name}")
        text = ", ".join(parts)
        return text.replace(" *", "* ") if cxx else text

    @property
    def described(self) -> str:
        """C++ list of the arguments that a message describes."""
        pointers = {"tensor": "&{}", "operand": "{}.tensor_or_none()"}
        return ", ".join(f'{{"{a.name}", {pointers[a.form].format(a.name)}}}' for a in self.args if a.form in pointers)

    @property
    def sources(self) -> list[str]:
        """C++ names of the arguments in whose memory the result may lie, false if there are none."""
        names = {"tensor": "{}_in", "tensor?": "{}_in", "tensors": "{}_in", "operand": "{}"}
        return [names[a.form].format(a.name) for a in self.args if a.form in names] or ["false"]

    @property
    def imports(self) -> set[str]:
        """Helpers that the Fortran procedure calls."""
        text = " ".join(self.actuals() + self.actuals(long=True))
        return {name for name in HELPERS if f"{name}(" in text}


#: Words for several dtypes in the table.
KINDS: dict[str, tuple[str, ...]] = {
    "float": ("float16", "bfloat16", "float32", "float64"),
    "integer": ("uint8", "int8", "int16", "int32", "int64"),
    "complex": ("complex64", "complex128"),
}
KINDS["all"] = ("bool", *KINDS["integer"], *KINDS["float"], *KINDS["complex"])

#: Fortran functions that turn dummy arguments into what C takes.
HELPERS = (
    "handle_or_null", "handles", "operand_of", "number_of", "integer_or", "short_or", "long_or", "list_of", "count_of",
    "text_or_blank", "text_length",
)  # fmt: skip


def arguments(text: str) -> tuple[Argument, ...]:
    """Read ``'a:operand dim:dim?'``."""
    parsed: list[tuple[str, str, str]] = []
    for word in text.split():
        name, _, form = word.partition(":")
        form, equals, default = form.partition("=")
        parsed.append((name, (form or "tensor") + equals, default))
    rank = "0"
    for name, form, _ in parsed:
        if form in ("tensor", "tensors"):
            rank = f"{name}.dim()" if form == "tensor" else f"{name}_in.rank()"
            break
    for name, form, _ in parsed:
        if form not in FORMS:
            raise ValueError(f"argument '{name}' has the unknown form '{form}'; known are {', '.join(FORMS)}")
    return tuple(Argument(name, form, default, rank) for name, form, default in parsed)


def read(groups: Mapping[str, Iterable[Mapping[str, Any]]]) -> list[Operation]:
    """Read the table: rows by group.

    Raises
    ------
    ValueError
        For a row that cannot be understood.
    """
    table = []
    for group, rows in groups.items():
        for row in rows:
            fields = dict(row)
            args = arguments(fields.pop("args"))
            results = tuple(fields.pop("results", "").split())
            table.append(Operation(group=group, args=args, results=results, **fields))
    names = [op.entry for op in table]
    if len(set(names)) != len(names):
        raise ValueError(f"twice in the table: {sorted({n for n in names if names.count(n) > 1})}")
    return table


def dump(table: Iterable[Operation]) -> str:
    """Write the table as JSON, for `load`."""
    return json.dumps([asdict(op) for op in table])


def load(types: Path, name: str = "OPS") -> list[Operation]:
    """Read a table in the folder ``types`` outside of a template.

    Parameters
    ----------
    types
        Folder of ``ops.fypp``.
    name
        ``OPS`` or ``LOSSES``.

    Returns
    -------
    list[Operation]
        The rows, in their order.
    """
    tool = Path(sys.executable).parent / "fypp"
    command = [str(tool), "-I", str(types), "-M", str(Path(__file__).parent), "-m", "operations", "--no-folding"]
    text = subprocess.run(
        command, input=f"#:include 'ops.fypp'\n$:operations.dump({name})\n", text=True, check=True, stdout=subprocess.PIPE
    ).stdout
    rows = json.loads(text)
    for row in rows:
        row["args"] = tuple(Argument(**argument) for argument in row["args"])
        row["results"] = tuple(row["results"])
    return [Operation(**row) for row in rows]
