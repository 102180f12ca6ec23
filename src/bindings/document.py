"""Write the tables of docs/operations.md from the table of operations: ``python src/bindings/document.py``."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from operations import Argument, Operation, load

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "operations.md"
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"

COLUMNS = ("in Fortran", "in PyTorch", "arguments", "dtypes", "shape", "meaning")
#: It belongs to the tensors, not to the table of operations.
BY_HAND = "| `torch_tensor_zero` | `torch.Tensor.zero_` | `a` | all | of a | Sets all elements to zero. |"


def shown(argument: Argument) -> str:
    """Return how an argument is written in the documentation: its name, what it is, and its default in Fortran."""
    names = argument.dummies
    default = f"={argument.default}" if argument.default else ""
    what = "" if argument.form in ("tensor", "tensor?", "device?") else f" *{argument.shape.text}*"
    text = f"`{names}{default}`{what}"
    return f"[{text}]" if argument.shape.optional else text


def usage(op: Operation) -> str:
    """Return what a program writes."""
    if op.operator is None:
        intrinsic = op.intrinsic or op.tensor_intrinsic
        return f"`{op.procedure}`" + (f", `{intrinsic}`" if intrinsic else "")
    return f"`{op.operator} a`" if len(op.args) == 1 else f"`a {op.operator} b`"


def row(op: Operation) -> str:
    """Return an operation's line. Required arguments come first, then results of subroutines, then optional ones."""
    required = [shown(a) for a in op.args if not a.shape.optional]
    results = [f"`{name.replace('[]', '(:)')}` *result*" for name in op.results]
    optional = [shown(a) for a in op.args if a.shape.optional]
    dtypes = op.dtypes.replace(" ", ", ")
    return f"| {usage(op)} | `{op.torch}` | {', '.join(required + results + optional)} | {dtypes} | {op.shape} | {op.doc} |"


def tables(table: list[Operation]) -> str:
    """Return one table per group."""
    parts = []
    for group, rows in groupby(table, key=lambda op: op.group):
        head = f"### {group[0].upper()}{group[1:]}\n\n| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|\n"
        lines = [row(op) for op in rows] + ([BY_HAND] if group == "in place" else [])
        parts.append(head + "".join(line + "\n" for line in lines))
    return "\n".join(parts)


def page(text: str) -> str:
    """Return the page with current tables."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{tables(load(ROOT / 'src' / 'types'))}{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
