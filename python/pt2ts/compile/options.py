"""The options of packages: what may be asked for, and the words when something else is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..contract.batch import _is_size, batch_tuple, check_batch
from ..contract.dtypes import require_precision
from ..contract.layout import LAYOUTS
from ..contract.spec import Symbol
from ..errors import DeclarationError
from ..toolchain.isa import Isa, default_isa, find_isa


@dataclass(frozen=True)
class PackageOptions:
    """What a package shall be; see `pt2ts.export` for the meaning of each."""

    isa: Isa
    layout: str
    threads: int
    batch: tuple[int, ...] | None
    fallback: bool
    precision: str | None = None


def package_options(
    layout: str, isa: str | None, threads: int, precision: str | None, batch: Sequence[int] | None, *, fallback: bool
) -> PackageOptions:
    """Check the options of a package and return them."""
    if layout not in LAYOUTS:
        raise DeclarationError(f"layout is '{layout}'", f"one of {', '.join(LAYOUTS)}")
    if not _is_size(threads) or threads < 0:
        raise DeclarationError(f"threads is {threads!r}", "0 (as many as the host program allows) or a positive number")
    require_precision(precision)
    made = None if batch is None else batch_tuple(batch)
    return PackageOptions(find_isa(isa or default_isa()), layout, threads, made, fallback, precision)


def batch_sizes(options: PackageOptions, symbol: str | None, symbols: Mapping[str, Symbol]) -> tuple[int, ...]:
    """Return the sizes that get a variant of their own."""
    if symbol is None:
        if options.batch:
            raise DeclarationError(
                f"batch sizes are given ({', '.join(map(str, options.batch))}), but no input has a symbolic batch dimension",
                "declare one, such as 'x[batch,5]'; or leave the sizes out",
            )
        return ()
    return check_batch(options.batch, symbol, symbols[symbol])
