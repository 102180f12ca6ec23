"""From a program to machine code: one call of AOTInductor for each variant."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch._inductor import aot_compile
from torch.export import ExportedProgram

from .errors import ExportError
from .fuse import fuse_linear
from .isa import Isa
from .package import CODE, save
from .program import quiet, weights_of
from .scratch import scratch
from .spec import Spec

#: What every variant is compiled with.
_COMMON: dict[str, Any] = {
    "aot_inductor.package": True,
    # The compiler would write short vectors into the code as numbers, where weights that are replaced later do not arrive.
    "always_keep_tensor_constants": True,
    # The same for tensors of a single element, such as the bias of a network with one output, or the counter of a training.
    "joint_graph_constant_folding": False,
}

#: Generated sources and notes about them, which nobody needs who runs the code.
_LEFT_OUT = (".cpp", ".o", ".kernel_metadata.json")


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
        options: dict[str, Any] = {}
        if self.freeze or self.autotune:
            options["freezing"] = True  # the compiler's own matrix kernels exist for constant weights only
        if self.autotune:
            options |= {"max_autotune": True, "max_autotune_gemm_backends": "CPP,ATEN", "autotune_in_subproc": False}
        if self.keep_layout:
            options["layout_optimization"] = False
        return options


@dataclass(frozen=True)
class Compiled:
    """What came out: the files of a variant by name, and whether its weights are those of the package."""

    files: Mapping[str, bytes]
    weights: str


def compile_program(
    program: ExportedProgram, isa: Isa, threads: int, recipe: Recipe, more: Mapping[str, Any] | None = None
) -> Compiled:
    """Compile a program; ``more`` are further options of the compiler.

    Weights stay outside of the code wherever the compiler admits it, so that all variants share one copy of them.

    Raises
    ------
    ExportError
        When the compiler fails.
    """
    if not recipe.freeze and not recipe.autotune:
        files = _compile(program, isa, threads, recipe, more or {}, inside=False)
        if _constants(files) <= {name for name, _ in weights_of(program)}:
            return Compiled(files, "shared")
    return Compiled(_compile(program, isa, threads, recipe, more or {}, inside=True), "own")


def _compile(
    program: ExportedProgram, isa: Isa, threads: int, recipe: Recipe, more: Mapping[str, Any], *, inside: bool
) -> dict[str, bytes]:
    options: dict[str, Any] = {
        **_COMMON,
        **recipe.options(),
        **more,
        "aot_inductor.package_constants_in_so": inside,
        "cpp.march": isa.march,
        "cpp.simdlen": isa.simdlen,
        "cpp.threads": threads or -1,
        "cpp.dynamic_threads": threads == 0,
    }
    module: Any = program.module(check_guards=False)
    arguments, _ = program.example_inputs or ((), {})
    _name_constants(module, program)
    if recipe.fuse:
        fuse_linear(module)
    try:
        with scratch(f"{program} {options}") as folder, quiet(), torch.no_grad():
            made: Any = aot_compile(module, tuple(arguments), options={**options, "aot_inductor.output_path": str(folder)})
            files = [Path(item) for item in made if isinstance(item, str)]
            return {file.name: _content(file, inside=inside) for file in files if not file.name.endswith(_LEFT_OUT)}
    except Exception as error:  # the compiler raises many kinds, and g++ its own
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise ExportError(
            f"PyTorch's compiler fails on the module ({type(error).__name__}: {lines[0] if lines else 'no message'})",
            "it needs g++ and PyTorch's headers; if it has them, write a TorchScript file (format 'torchscript')",
        ) from error


def _name_constants(module: torch.nn.Module, program: ExportedProgram) -> None:
    """Make constants buffers: the compiler keeps their names then, under which the package has their values."""
    for name, value in program.constants.items():
        path, _, attribute = name.rpartition(".")
        owner = module.get_submodule(path)
        if isinstance(value, torch.Tensor) and attribute not in owner._buffers:
            delattr(owner, attribute)
            owner.register_buffer(attribute, value)


def _content(file: Path, *, inside: bool) -> bytes:
    """Return a file; a library without its symbols is five times smaller, and as much faster to unpack."""
    strip = shutil.which("strip")
    # Weights that were appended to the library would be cut off.
    if file.suffix != ".so" or inside or strip is None:
        return file.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / file.name
        done = subprocess.run([strip, "-o", small, file], check=False, capture_output=True)
        return small.read_bytes() if done.returncode == 0 else file.read_bytes()


def _constants(files: Mapping[str, bytes]) -> set[str]:
    """Return the names of the tensors that compiled code asks for."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pt2"
        with path.open("wb") as file:
            save(file, {f"{CODE}model/{name}": content for name, content in files.items()}, Spec("", "", "", (), ()))
        loader = torch._C._aoti.AOTIModelPackageLoader(str(path), "model", False, 1, -1)
        return set(loader.get_constant_fqns())
