"""Printing for the command line: colours and ruled tables on a terminal, plain aligned text in a pipe."""

from __future__ import annotations

import json
import math
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..errors import Pt2tsError, UnexportableError, say

#: Arguments of `pt2ts.export` that are called otherwise here.
_FLAGS = {"inputs": "input", "outputs": "result", "symbols": "symbol"}
#: Values that a flag without a value stands for.
_SWITCHES = (
    (("dynamic_batch", False), "--fixed-batch"),
    (("fallback", True), "--with-fallback"),
    (("strict", False), "--not-strict"),
)

#: Help of the option ``--json`` of commands that write files.
JSON_HELP = "Print what was written, how it was checked and how long that took as JSON."


def facts(rows: Sequence[tuple[str, str]]) -> None:
    """Print (name, value) rows."""
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        _print(Text.assemble((f"{name:<{width}}", "bold"), f"  {value}"))


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; columns that are empty in every row are left out."""
    kept = [index for index in range(len(columns)) if any(row[index] for row in rows)]
    heads = [columns[index] for index in kept]
    body = [[row[index] for index in kept] for row in rows]
    if sys.stdout.isatty():
        ruled = Table(*heads)
        for row in body:
            ruled.add_row(*(Text(cell) for cell in row))
        Console().print(ruled)
        return
    widths = [max(len(cell) for cell in column) for column in zip(heads, *body, strict=True)]
    for row in (heads, *body):
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def as_json(data: object) -> None:
    """Print JSON; a number that JSON has no word for (infinity, NaN) becomes null."""
    print(json.dumps(_finite(data), indent=1, ensure_ascii=False, allow_nan=False))


def _finite(data: object) -> object:
    if isinstance(data, float) and not math.isfinite(data):
        return None
    if isinstance(data, Mapping):
        return {key: _finite(value) for key, value in data.items()}
    return [_finite(value) for value in data] if isinstance(data, (list, tuple)) else data


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Show what is being done while it is done: a line that moves on a terminal, plain lines in a pipe."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    if not console.is_terminal:
        yield lambda text: console.print(Text(f"pt2ts: {text}"))
        return
    with console.status("") as status:
        yield lambda text: status.update(Text(text))


def success(text: str) -> None:
    """Print one line that says that something worked."""
    _print(Text(text, style="green"))


def failure(error: Pt2tsError) -> None:
    """Print an error on standard error: one line that says what, then where and what to do."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(Text.assemble(("pt2ts: ", "bold red"), error.message))
    if isinstance(error, UnexportableError) and error.where:
        code = f": {error.code}" if error.code else ""
        console.print(Text(f"  at {error.where}{code}"))
    if error.hint:
        console.print(Text.assemble(("  hint: ", "cyan"), say(error.marked, as_flag)))


def as_flag(name: str, value: object) -> str:
    """Return an option of `pt2ts.export` as it is said on the command line."""
    for known, switch in _SWITCHES:
        if known == (name, value):
            return switch
    flag = f"--{_FLAGS.get(name, name).replace('_', '-')}"
    if value is ...:
        return flag
    return " ".join(f"{flag} '{item}'" for item in value) if isinstance(value, list) else f"{flag} {value}"


@contextmanager
def warnings_in_one_line() -> Iterator[None]:
    """Print warnings without a place in the source, which says nothing to someone at a command line."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: console.print(
            Text.assemble(("pt2ts: warning: ", "bold yellow"), str(message))
        )
        yield


def _print(text: Text) -> None:
    Console(soft_wrap=True, highlight=False).print(text)
