"""One variant of a package: the members that belong to it, and its line in the contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch.export import ExportedProgram

from ..container.package import CODE
from ..contract.variants import Variant
from ..toolchain.isa import Isa
from .aoti import Recipe, start_program

__all__ = ["Built", "Pending", "Recipe", "build_aoti", "ready", "start_aoti"]


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
