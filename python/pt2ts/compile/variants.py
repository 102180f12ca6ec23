"""One variant of a package: the members that belong to it, and its line in the contract."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.export import ExportedProgram

from ..container.package import CODE, kernel_member
from ..contract.variants import Variant
from ..toolchain.isa import Isa
from .aoti import Recipe, start_program

__all__ = ["Built", "Pending", "Recipe", "build_aoti", "build_kernel_variant", "ready", "start_aoti"]


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


def build_kernel_variant(
    name: str,
    program: ExportedProgram,
    weights: Sequence[tuple[str, torch.Tensor]],
    sizes: Mapping[str, int],
    isa: Isa,
    layouts: Sequence[str],
) -> Built | None:
    """Compile a program of fixed sizes to a kernel; None where it has something that kernels do not know."""
    builder = kernel_builder()
    kernel = None if builder is None else builder(program, weights, sizes, isa, layouts)
    if kernel is None:
        return None
    limits = {symbol: (size, size) for symbol, size in sizes.items()}
    variant = Variant(name, "kernel", limits, isa.to_dict(), "shared", kernel.threads, kernel.workspace, kernel.packed)
    return Built(variant, {kernel_member(name): kernel.library})


def kernel_builder() -> Callable[..., Any] | None:
    """Return the function that makes kernels, or None in an installation without it."""
    try:
        module = importlib.import_module("..kernels", __package__)
    except ModuleNotFoundError:
        return None
    found: Callable[..., Any] = module.build_kernel
    return found
