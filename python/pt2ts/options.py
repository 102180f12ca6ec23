"""The options of packages: what may be asked for, and the words when something else is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from .errors import DeclarationError
from .isa import Isa, default_isa, find_isa
from .spec import Symbol, TensorSpec

Format = Literal["torchscript", "pt2", "both"]
Layout = Literal["torch", "fortran"]
Precision = Literal["float64", "float32", "bfloat16"]
Progress = Callable[[str], None]

FORMATS = ("torchscript", "pt2", "both")
LAYOUTS = ("torch", "fortran")
PRECISIONS: dict[str, torch.dtype] = {"float64": torch.float64, "float32": torch.float32, "bfloat16": torch.bfloat16}

#: Batch sizes that get a variant of their own where the user names none: one column, a small block, a large one.
DEFAULT_BATCH = (1, 32, 1024)

#: The symbol that a variant for one batch size fixes.
_BATCH = "batch"

_SUFFIXES = {".pt": "torchscript", ".pt2": "pt2"}


@dataclass(frozen=True)
class PackageOptions:
    """What a package shall be; see `pt2ts.export` for the meaning of each."""

    isa: Isa
    layout: str
    threads: int
    batch: tuple[int, ...] | None
    fallback: bool
    precision: str | None = None


def choose_files(path: Path, wanted: str | None) -> tuple[Path | None, Path | None]:
    """Return the TorchScript file and the package to write, either of which may be None."""
    if wanted is not None and wanted not in FORMATS:
        raise DeclarationError(f"format is '{wanted}'", f"one of {', '.join(FORMATS)}")
    by_name = _SUFFIXES.get(path.suffix)
    if wanted == "both":
        return path.with_suffix(".pt") if by_name else path.with_name(path.name + ".pt"), (
            path.with_suffix(".pt2") if by_name else path.with_name(path.name + ".pt2")
        )
    if wanted and by_name and wanted != by_name:
        raise DeclarationError(
            f"format is '{wanted}', but the file {path.name} is named like one of format '{by_name}'",
            "a TorchScript file ends in .pt, a compiled package in .pt2; format 'both' writes the two side by side",
        )
    kind = wanted or by_name or "torchscript"
    return (path, None) if kind == "torchscript" else (None, path)


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


def require_precision(precision: str | None) -> None:
    """Refuse a dtype that a network cannot be asked to compute in."""
    if precision is not None and precision not in PRECISIONS:
        raise DeclarationError(f"dtype is '{precision}'", f"one of {', '.join(PRECISIONS)}")


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
