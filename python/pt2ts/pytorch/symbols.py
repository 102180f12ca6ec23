"""Symbolic sizes of programs: what they are in the example, and which expression they stand for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .private import part_of, private


@contextmanager
def ones_like_others() -> Iterator[None]:
    """Let programs be recorded in which a size of 1 is treated as all others, inside of a ``with`` block."""
    private("torch.fx.experimental._config.backed_size_oblivious")
    config: Any = sys.modules["torch.fx.experimental._config"]
    before, config.backed_size_oblivious = config.backed_size_oblivious, True
    try:
        yield
    finally:
        config.backed_size_oblivious = before


def hint(size: Any) -> int | None:
    """Return a size as it is in the example; None where that is not known."""
    found = size if isinstance(size, int) else part_of(size, "node.hint")
    return None if found is None else int(found)


def expression(size: Any) -> Any:
    """Return the expression (of sympy) that a symbolic size stands for."""
    return part_of(size, "node.expr")


def given_names(size: Any, symbol: Any) -> set[str]:
    """Return the names under which the user declared the dimensions that a symbol was made for."""
    environment = part_of(size, "node.shape_env")
    known = part_of(environment, "source_name_to_debug_name")
    sources: Iterator[Any] = part_of(environment, "var_to_sources").get(symbol, [])
    return {name for source in sources if (name := known.get(source.name)) is not None}
