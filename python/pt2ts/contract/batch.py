"""The batch: which symbol it is, and for which sizes of it a user may ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import DeclarationError
from .ranges import symbols_of

if TYPE_CHECKING:
    from .spec import Symbol, TensorSpec  # which import torch; a command line reads batch sizes without it

#: Batch sizes that get a variant of their own where the user names none: one column, a small block, a large one.
DEFAULT_BATCH = (1, 32, 1024)


#: The symbol that a variant for one batch size fixes.
_BATCH = "batch"


def batch_tuple(batch: Sequence[int]) -> tuple[int, ...]:
    """Return batch sizes without repetitions; refuse what is none."""
    given = tuple(batch) if isinstance(batch, Sequence) and not isinstance(batch, str) else (batch,)
    for size in given:
        if not is_size(size) or size < 1:
            raise DeclarationError(f"batch has the size {size!r}", "batch sizes are positive whole numbers, such as (1, 32)")
    return tuple(dict.fromkeys(given))


def parse_batch(text: str) -> tuple[int, ...]:
    """Read batch sizes on a command line: ``1,32,1024``; ``none`` stands for no size."""
    if text == "none":
        return ()
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() for word in words):
        raise DeclarationError(f"cannot read the batch sizes '{text}'", "write them as 1,32,1024, or 'none'")
    return batch_tuple([int(word) for word in words])


def is_size(value: object) -> bool:
    """Return whether a value is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def batch_symbol(inputs: Sequence[TensorSpec], symbols: Mapping[str, Symbol]) -> str | None:
    """Return the symbol that is the batch: the one of that name, or the only one that stands first in a shape.

    What indices count (the nodes of a graph) is no batch: its samples see each other.
    """
    if _BATCH in symbols:
        return _BATCH
    counted = {symbol for spec in inputs for symbol in symbols_of(spec.range)}
    first = {spec.shape[0] for spec in inputs if spec.shape and isinstance(spec.shape[0], str)} - counted
    return str(first.pop()) if len(first) == 1 else None


def check_batch(batch: Sequence[int] | None, symbol: str, bounds: Symbol) -> tuple[int, ...]:
    """Return the sizes that are asked for, or those of the default that the bounds admit."""
    if batch is None:
        return tuple(size for size in DEFAULT_BATCH if bounds.admits(size))
    sizes = batch_tuple(batch)
    for size in sizes:
        if not bounds.admits(size):
            high = "" if bounds.max is None else bounds.max
            raise DeclarationError(f"batch has the size {size}, outside the bounds {symbol}={bounds.min}..{high}")
    return sizes


def batch_sizes(batch: Sequence[int] | None, symbol: str | None, symbols: Mapping[str, Symbol]) -> tuple[int, ...]:
    """Return the sizes that get a variant of their own."""
    if symbol is None:
        if batch:
            raise DeclarationError(
                f"batch sizes are given ({', '.join(map(str, batch))}), but no input has a symbolic batch dimension",
                "declare one, such as 'x[batch,5]'; or leave the sizes out",
            )
        return ()
    return check_batch(batch, symbol, symbols[symbol])
