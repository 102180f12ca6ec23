"""From a program to machine code: one call of AOTInductor for each variant."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram

from ..capture.program import weights_of
from ..container.package import CODE, save
from ..contract.spec import Spec
from ..errors import ExportError, Pt2tsError, option
from ..pytorch import inductor
from ..pytorch.quiet import quiet
from ..toolchain import compiler as toolchain
from ..toolchain.isa import Isa
from . import native
from .fuse import fuse_linear
from .scratch import scratch

#: Generated sources and notes about them, which nobody needs who runs the code.
_LEFT_OUT = (".cpp", ".o", ".ld", "CMakeLists.txt", "_flags.json", ".kernel_metadata.json")

#: Tables of options that the generator writes beside the sources.
_TABLES = ("compile", "linker")


@dataclass(frozen=True)
class Recipe:
    """How a program is compiled.

    Attributes
    ----------
    name
        For tables.
    fuse
        Write linear layers of one or a few rows as multiply and sum, which the compiler fuses with what follows.
    freeze
        Fold weights into the code and lay them out for the matrix library; they can then not be replaced.
    autotune
        Let the compiler measure its own matrix kernels against the library's.
    keep_layout
        Leave images as they are, where the compiler would bring them into the order channels last for convolutions.
    """

    name: str = "default"
    fuse: bool = False
    freeze: bool = False
    autotune: bool = False
    keep_layout: bool = False

    def options(self) -> dict[str, Any]:
        """Return the compiler's options."""
        return inductor.recipe_options(freeze=self.freeze, autotune=self.autotune, keep_layout=self.keep_layout)


@dataclass(frozen=True)
class Compiled:
    """What came out: the files of a variant by name, and whether its weights are those of the package."""

    files: Mapping[str, bytes]
    weights: str


def start_program(
    program: ExportedProgram, isa: Isa, threads: int, recipe: Recipe, more: Mapping[str, Any] | None = None
) -> Callable[[], Compiled]:
    """Begin to compile a program; ``more`` are further options of the generator.

    The sources are there when this returns, and the C++ compiler is at work; the function that is returned waits for it. Meanwhile
    other programs can be started.

    Weights stay outside of the code wherever the compiler admits it, so that all variants share one copy of them.

    Raises
    ------
    ExportError
        When a compiler fails, here or in the function.
    """
    more = more or {}
    with_weights = partial(_with_weights, program, isa, threads, recipe, more)
    if recipe.freeze or recipe.autotune:
        return with_weights
    names = {name for name, _ in weights_of(program)}
    files, library = _generate(program, isa, threads, recipe, more)

    def finish() -> Compiled:
        made = dict(files)
        with _explained(recipe):
            made[library.name] = library.content()
        return Compiled(made, "shared") if _constants(made) <= names else with_weights()

    return finish


def compile_program(program: ExportedProgram, isa: Isa, more: Mapping[str, Any]) -> Compiled:
    """Compile a program with all that PyTorch's compiler calls by itself, as code for devices needs it."""
    names = {name for name, _ in weights_of(program)}
    with _generated(program, isa, 0, Recipe(), {**more, **inductor.weights_inside(False)}) as files:
        made = Compiled(_kept(files), "shared")
    return made if _constants(made.files) <= names else _with_weights(program, isa, 0, Recipe(), more)


def _with_weights(program: ExportedProgram, isa: Isa, threads: int, recipe: Recipe, more: Mapping[str, Any]) -> Compiled:
    with _generated(program, isa, threads, recipe, {**more, **inductor.weights_inside(True)}) as files:
        return Compiled(_kept(files), "own")


def _kept(files: Sequence[Path]) -> dict[str, bytes]:
    """Return the files that belong into a package."""
    kept = {file.name: file.read_bytes() for file in files if not file.name.endswith(_LEFT_OUT)}
    return kept | inductor.stand_ins(file.name for file in files)


def _generate(
    program: ExportedProgram, isa: Isa, threads: int, recipe: Recipe, more: Mapping[str, Any]
) -> tuple[dict[str, bytes], native.Library]:
    """Return the notes that belong into the package, and the library that is being compiled."""
    options = {**more, **inductor.SOURCES, **inductor.weights_inside(False)}
    with _generated(program, isa, threads, recipe, options) as files:
        (source,) = (file for file in files if file.name.endswith(".wrapper.cpp"))
        (constants,) = (file for file in files if file.suffix == ".o")
        flags, linking = (json.loads(source.with_name(f"{source.stem}_{kind}_flags.json").read_text()) for kind in _TABLES)
        library = native.start(f"{source.stem}.so", source.read_text(), flags, linking, constants.read_bytes())
        return _kept(files), library


@contextmanager
def _generated(program: ExportedProgram, isa: Isa, threads: int, recipe: Recipe, more: Mapping[str, Any]) -> Iterator[list[Path]]:
    """Generate code and yield its files, which are there for the ``with`` block."""
    with _explained(recipe):
        words = toolchain.cxx()
        options: dict[str, Any] = {
            **inductor.COMMON,
            **recipe.options(),
            **more,
            **inductor.machine_options(toolchain.program(words), isa.march, isa.simdlen, threads),
        }
        module: Any = program.module(check_guards=False)
        arguments, _ = program.example_inputs or ((), {})
        _name_constants(module, program)
        if recipe.fuse:
            fuse_linear(module)
        with scratch(f"{program} {options}") as folder:
            with quiet(), torch.no_grad():
                files = inductor.aot_compile(module, arguments, options, folder)
            yield files


@contextmanager
def _explained(recipe: Recipe) -> Iterator[None]:
    """Turn what compilers raise into an error for people."""
    try:
        yield
    except toolchain.ToolchainError as error:
        raise ExportError(
            f"the module cannot be compiled ({recipe.name}): {error}",
            "compiled packages need a C++ compiler (g++, or the one that the variable CXX names) and PyTorch's headers; "
            f"or write a TorchScript file ({option('format', 'torchscript')})",
        ) from error
    except Pt2tsError:
        raise
    except Exception as error:  # the generator raises many kinds
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise ExportError(
            f"PyTorch's compiler fails on the module ({type(error).__name__}: {lines[0] if lines else 'no message'})",
            f"it needs g++ and PyTorch's headers; if it has them, write a TorchScript file ({option('format', 'torchscript')})",
        ) from error


def _name_constants(module: torch.nn.Module, program: ExportedProgram) -> None:
    """Make constants buffers: the compiler keeps their names then, under which the package has their values."""
    for name, value in program.constants.items():
        path, _, attribute = name.rpartition(".")
        owner = module.get_submodule(path)
        if isinstance(value, torch.Tensor) and attribute not in owner._buffers:
            delattr(owner, attribute)
            owner.register_buffer(attribute, value)


def _constants(files: Mapping[str, bytes]) -> set[str]:
    """Return the names of the tensors that compiled code asks for."""
    with opened(files) as loader:
        return set(inductor.constant_names(loader))


@contextmanager
def opened(files: Mapping[str, bytes]) -> Iterator[Any]:
    """Yield compiled code as a model that PyTorch runs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pt2"
        with path.open("wb") as file:
            save(file, {f"{CODE}model/{name}": content for name, content in files.items()}, Spec("", "", "", (), ()))
        yield inductor.open_model(path, "model")
