"""The variants of a package that are kernels: for any number of samples and for small batches, for each instruction set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch.export import ExportedProgram

from ..capture.forms import Forms, Limits
from ..container.package import kernel_member
from ..contract.variants import Variant
from ..kernels import start_kernel
from ..report import step
from ..toolchain.isa import Isa
from .variants import Built

#: Smaller batches get a kernel in which their size is a constant; larger ones one that takes them block by block.
OWN_SIZE = 8

#: Waits for a kernel that is being compiled; None where the compiler fails.
PendingKernel = Callable[[], Built | None]


def finished(started: PendingKernel | None) -> Built | None:
    """Wait for a kernel, if one was begun."""
    return started() if started else None


def start_kernel_for(
    batch: tuple[str, int],
    name: str,
    program: ExportedProgram,
    weights: Sequence[tuple[str, torch.Tensor]],
    isa: Isa,
    layouts: Sequence[str],
    *,
    free: bool,
    only_light: bool = False,
) -> PendingKernel | None:
    """Begin to compile a kernel for one size of the batch; None where there is none.

    Parameters
    ----------
    batch
        The symbol and its size.
    free
        Whether the program takes any size: then a large batch is computed block by block.
    only_light
        None, too, where the weights exceed the caches.
    """
    symbol, size = batch
    if free and size >= OWN_SIZE:
        limits = {symbol: (size, size)}
        started = start_kernel_variant(name, program, weights, {symbol: None}, isa, layouts, limits=limits, only_light=only_light)
        if started is not None:
            return started
    return start_kernel_variant(name, program, weights, {symbol: size}, isa, layouts, only_light=only_light)


def start_kernel_variant(
    name: str,
    program: ExportedProgram,
    weights: Sequence[tuple[str, torch.Tensor]],
    sizes: Mapping[str, int | None],
    isa: Isa,
    layouts: Sequence[str],
    threads: int = 1,
    limits: Mapping[str, tuple[int, int]] | None = None,
    only_light: bool = False,
    only_suited: bool = False,
    refused: Callable[[str], object] = lambda _: None,
) -> PendingKernel | None:
    """Begin to compile a program to a kernel; None where it has something that kernels do not know.

    Parameters
    ----------
    sizes
        Of each symbol; None for the one that counts samples, any number of which it then computes.
    threads
        1, or 0 for as many as the host allows where there are samples enough.
    limits
        Of the symbol that counts samples; any number by default.
    only_light, only_suited
        None, too, where the weights exceed the caches, and where other compilers do better with large batches.
    refused
        Is called with the reason for None.
    """
    started = start_kernel(program, weights, sizes, isa, layouts, only_light=only_light, only_suited=only_suited, refused=refused)
    if started is None:
        return None
    admitted = {symbol: (size, size) for symbol, size in sizes.items() if size is not None} | dict(limits or {})

    def built() -> Built | None:
        kernel = started()
        if kernel is None:
            return None
        variant = Variant(
            name, "kernel", admitted, isa.to_dict(), "shared", threads, kernel.workspace, kernel.packed,
            samples=next((symbol for symbol, size in sizes.items() if size is None), None),
            grain=0 if threads == 1 else kernel.grain,
        )  # fmt: skip
        return Built(variant, {kernel_member(name): kernel.library})

    return built


@dataclass(frozen=True)
class Kernels:
    """What kernels of one model are made from.

    Attributes
    ----------
    forms, program, limits
        The programs of the model; the general one, and the sizes that it admits.
    threads
        1, or 0 for as many as the host allows.
    tensors
        Its weights, by name.
    isa, wider
        The instruction set of the package, and those that kernels are compiled for beside it.
    """

    forms: Forms
    program: ExportedProgram
    limits: Limits
    threads: int
    tensors: Sequence[tuple[str, torch.Tensor]]
    isa: Isa
    wider: Sequence[Isa]

    def for_all_sizes(self, name: str, refuse: Callable[[str], object]) -> list[Built]:
        """Return the kernels that compute any number of samples, if they are as fast as anything for all of them; else none.

        What decides are the operations of the network. A measurement would decide differently on a busy machine. ``refuse`` is
        told why there is none.
        """
        forms = self.forms
        if set(forms.symbols) != {forms.batch} - {None}:
            others = ", ".join(sorted(set(forms.symbols) - {forms.batch}))
            refuse(f"the sizes of other dimensions than the batch are not fixed ({others})")
            return []
        if not forms.sizes_are_of_inputs:
            refuse("the size of a result is computed")
            return []
        step(f"compiling '{name}'" + (", for any size" if forms.symbols else ""))
        sizes: dict[str, int | None] = dict.fromkeys(forms.symbols)

        def start(isa: Isa, suffix: str) -> PendingKernel | None:
            return start_kernel_variant(
                name + suffix, self.program, self.tensors, sizes, isa, self._layouts(), threads=1 if self.threads == 1 else 0,
                limits=self.limits, only_light=True, only_suited=True, refused=refuse if isa is self.isa else lambda _: None,
            )  # fmt: skip

        return self._for_all_sets(start)

    def for_size(self, program: ExportedProgram, name: str, size: int, *, free: bool) -> list[Built]:
        """Return the kernels for one size of the batch, made from a program for that size or, if ``free``, for any; else none."""
        forms, batch = self.forms, str(self.forms.batch)
        if list(forms.symbols) != [batch] or not forms.sizes_are_of_inputs:
            return []

        def start(isa: Isa, suffix: str) -> PendingKernel | None:
            return start_kernel_for(
                (batch, size), name + suffix, program, self.tensors, isa, self._layouts(), free=free, only_light=True
            )

        return self._for_all_sets(start)

    def _layouts(self) -> list[str]:
        return [spec.layout for spec in self.forms.inputs]

    def _for_all_sets(self, start: Callable[[Isa, str], PendingKernel | None]) -> list[Built]:
        """Return the kernels for all instruction sets, the widest first; none without that for the package's own."""
        started = start(self.isa, "")
        if started is None:
            return []
        others = [start(isa, isa.suffix) for isa in self.wider]
        kernel = started()
        return [] if kernel is None else [*(built for built in map(finished, others) if built), kernel]
