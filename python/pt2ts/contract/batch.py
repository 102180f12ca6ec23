"""The batch: which symbol it is, and for which sizes of it a user may ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import DeclarationError
from .spec import Symbol, TensorSpec

#: Batch sizes that get a variant of their own where the user names none: one column, a small block, a large one.
DEFAULT_BATCH = (1, 32, 1024)


#: The symbol that a variant for one batch size fixes.
_BATCH = "batch"


def batch_tuple(batch: Sequence[int]) -> tuple[int, ...]:
    """Return batch sizes without repetitions; refuse what is none."""
    given = tuple(batch) if isinstance(batch, Sequence) and not isinstance(batch, str) else (batch,)
    for size in given:
        if not _is_size(size) or size < 1:
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


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def batch_symbol(inputs: Sequence[TensorSpec], symbols: Mapping[str, Symbol]) -> str | None:
    """Return the symbol that is the batch: the one of that name, or the only one that stands first in a shape."""
    if _BATCH in symbols:
        return _BATCH
    first = {spec.shape[0] for spec in inputs if spec.shape and isinstance(spec.shape[0], str)}
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
