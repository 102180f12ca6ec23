"""Writes the tables of options into docs/command-line.md, from the commands themselves. Run it when an option has changed."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from typer.models import ArgumentInfo, OptionInfo

from pt2ts.cli.app import app

PAGE = Path(__file__).resolve().parents[1] / "docs" / "command-line.md"
_PART = re.compile(r"(<!-- options of (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def commands() -> dict[str, Callable[..., object]]:
    """Return the functions behind the commands by name."""
    found = {}
    for item in app.registered_commands:
        assert item.callback is not None  # noqa: S101 - every command is a function
        found[item.name or item.callback.__name__] = item.callback
    return found


def table(name: str) -> str:
    """Return the table of one command."""
    rows = "".join(f"| {words} | {text} |\n" for words, text in _rows(commands()[name]))
    return f"\n| option | what |\n|---|---|\n{rows}\n"


def _rows(command: Callable[..., object]) -> Iterator[tuple[str, str]]:
    for parameter, hint in get_type_hints(command, include_extras=True).items():
        if get_origin(hint) is not Annotated:
            continue
        kind, info = get_args(hint)[:2]
        shown = info.metavar or _kind(kind)
        # In an annotation, the first word of typer.Option lands where a default would be.
        given = [info.default, *(getattr(info, "param_decls", None) or ())]
        names = [word for word in given if isinstance(word, str)] or [f"--{parameter.replace('_', '-')}"]
        words = [f"`{shown}`"] if isinstance(info, ArgumentInfo) else [f"`{name}`" for name in names]
        if isinstance(info, OptionInfo) and shown:
            words[-1] += f" `{shown}`"
        yield ", ".join(words), (info.help or "").replace("|", "\\|")


def _kind(kind: Any) -> str:
    """Return what an option takes; nothing for a switch."""
    kinds = [part for part in get_args(kind) if part is not type(None)] or [kind]
    if isinstance(kinds[0], type) and issubclass(kinds[0], Enum):
        return " or ".join(str(choice.value) for choice in kinds[0])
    return {bool: "", int: "N", float: "X"}.get(kinds[0], "TEXT")


def updated(page: str) -> str:
    """Return the page with the tables of today."""
    return _PART.sub(lambda part: part[1] + table(part[2]) + part[3], page)


def main() -> int:
    """Rewrite the page."""
    PAGE.write_text(updated(PAGE.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
