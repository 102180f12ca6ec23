"""One variant of a package: the members that belong to it, and its line in the contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch.export import ExportedProgram

from ..container.package import CODE, kernel_member
from ..contract.variants import Variant
from ..kernels import build_kernel
from ..toolchain.isa import Isa
from .aoti import Recipe, start_program

__all__ = [
    "OWN_SIZE", "Built", "Pending", "Recipe", "build_aoti", "build_kernel_for", "build_kernel_variant", "ready", "start_aoti",
]  # fmt: skip


@dataclass(frozen=True)
class Built:
    """A compiled variant."""

    variant: Variant
    members: Mapping[str, bytes]


#: Waits for a variant that is being compiled.
Pending = Callable[[], Built]


def ready(built: Built) -> Pending:
    """Return a function for a variant that need not be waited for."""
    return lambda: built


def start_aoti(
    name: str, program: ExportedProgram, isa: Isa, threads: int, recipe: Recipe, sizes: Mapping[str, tuple[int, int]]
) -> Pending:
    """Begin to compile a program by AOTInductor."""
    finish = start_program(program, isa, threads, recipe)

    def built() -> Built:
        compiled = finish()
        variant = Variant(name, "aoti", dict(sizes), isa.to_dict(), compiled.weights, threads)
        return Built(variant, {f"{CODE}{name}/{file}": content for file, content in compiled.files.items()})

    return built


def build_aoti(
    name: str, program: ExportedProgram, isa: Isa, threads: int, recipe: Recipe, sizes: Mapping[str, tuple[int, int]]
) -> Built:
    """Compile a program by AOTInductor."""
    return start_aoti(name, program, isa, threads, recipe, sizes)()


#: Smaller batches get a kernel in which their size is a constant; larger ones one that takes them block by block.
OWN_SIZE = 8


def build_kernel_for(
    batch: tuple[str, int],
    name: str,
    program: ExportedProgram,
    weights: Sequence[tuple[str, torch.Tensor]],
    isa: Isa,
    layouts: Sequence[str],
    *,
    free: bool,
) -> Built | None:
    """Compile a kernel for one size of the batch; None where there is none.

    Parameters
    ----------
    batch
        The symbol and its size.
    free
        Whether the program takes any size: then a large batch is computed block by block.
    """
    symbol, size = batch
    if free and size >= OWN_SIZE:
        built = build_kernel_variant(name, program, weights, {symbol: None}, isa, layouts, limits={symbol: (size, size)})
        if built is not None:
            return built
    return build_kernel_variant(name, program, weights, {symbol: size}, isa, layouts)


def build_kernel_variant(
    name: str,
    program: ExportedProgram,
    weights: Sequence[tuple[str, torch.Tensor]],
    sizes: Mapping[str, int | None],
    isa: Isa,
    layouts: Sequence[str],
    threads: int = 1,
    limits: Mapping[str, tuple[int, int]] | None = None,
    only_suited: bool = False,
    refused: Callable[[str], object] = lambda _: None,
) -> Built | None:
    """Compile a program to a kernel; None where it has something that kernels do not know.

    Parameters
    ----------
    sizes
        Of each symbol; None for the one that counts samples, any number of which it then computes.
    threads
        1, or 0 for as many as the host allows where there are samples enough.
    limits
        Of the symbol that counts samples; any number by default.
    only_suited
        None, too, where other compilers do better with large batches.
    refused
        Is called with the reason for None.
    """
    kernel = build_kernel(program, weights, sizes, isa, layouts, only_suited=only_suited, refused=refused)
    if kernel is None:
        return None
    admitted = {symbol: (size, size) for symbol, size in sizes.items() if size is not None} | dict(limits or {})
    variant = Variant(
        name, "kernel", admitted, isa.to_dict(), "shared", threads, kernel.workspace, kernel.packed,
        samples=next((symbol for symbol, size in sizes.items() if size is None), None),
        grain=0 if threads == 1 else kernel.grain,
    )  # fmt: skip
    return Built(variant, {kernel_member(name): kernel.library})
