"""AOTInductor, PyTorch's compiler: the call, the names of its options, and its files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from .private import part_of, private
from .tiling import safe_tiles

#: What every program is compiled with.
COMMON: Mapping[str, Any] = {
    "aot_inductor.package": True,
    # The compiler would write short vectors into the code as numbers, where weights that are replaced later do not arrive.
    "always_keep_tensor_constants": True,
    # The same for tensors of a single element, such as the bias of a network with one output, or the counter of a training.
    "joint_graph_constant_folding": False,
}

#: For code that is compiled by us: the generator writes the sources and the options only.
SOURCES: Mapping[str, Any] = {"aot_inductor.package_cpp_only": True, "aot_inductor.precompile_headers": False}

#: Memory between the parts of a program is on the stack, where it is small.
ON_THE_STACK: Mapping[str, Any] = {"aot_inductor.allow_stack_allocation": True}


def recipe_options(*, freeze: bool, autotune: bool, keep_layout: bool) -> dict[str, Any]:
    """Return the options of a recipe; see `pt2ts.compile.aoti.Recipe`."""
    options: dict[str, Any] = {}
    if freeze or autotune:
        options["freezing"] = True  # the compiler's own matrix kernels exist for constant weights only
    if autotune:
        options |= {"max_autotune": True, "max_autotune_gemm_backends": "CPP,ATEN", "autotune_in_subproc": False}
    if keep_layout:
        options["layout_optimization"] = False
    return options


def device_options(kind: str) -> dict[str, Any]:
    """Return the options of code for a kind of device: all its kernels inside the library, for later generations too."""
    if kind != "cuda":
        return {}
    return {"aot_inductor.embed_kernel_binary": True, "aot_inductor.emit_multi_arch_kernel": True}


def weights_inside(wanted: bool) -> dict[str, Any]:
    """Return the option that puts weights into the compiled library, or leaves them out."""
    return {"aot_inductor.package_constants_in_so": wanted}


def machine_options(compiler: str, march: str, simdlen: int | None, threads: int) -> dict[str, Any]:
    """Return the options that say what the code is for; with 0 threads the number is asked for at run time."""
    return {
        "cpp.cxx": (None, compiler),
        "cpp.march": march,
        "cpp.simdlen": simdlen,
        # What this CPU can do is known already, and need not be tried by compiling a program.
        "cpp.vec_isa_ok": True if (simdlen or 0) > 1 else None,
        "cpp.threads": threads or -1,
        "cpp.dynamic_threads": threads == 0,
    }


def aot_compile(module: torch.nn.Module, arguments: Sequence[torch.Tensor], options: Mapping[str, Any], folder: Path) -> list[Path]:
    """Generate code into a folder, and compile it if the options say so; return its files."""
    with _known_options(options) as known, safe_tiles():
        for name in known:
            private(f"torch._inductor.config.{name}")  # it would be told as an error of the module otherwise
        call: Callable[..., Any] = private("torch._inductor.aot_compile")
        made = call(module, tuple(arguments), options={**known, "aot_inductor.output_path": str(folder)})
    return [Path(item) for item in made if isinstance(item, str)]


@contextmanager
def _known_options(options: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield options without ``cpp.march`` where PyTorch is older than that (2.13), and let code be for this machine all the same.

    It would be for the processor that compiles, and die on another one.
    """
    march = options.get("cpp.march")
    settings, builder = private("torch._inductor.config.cpp"), private("torch._inductor.cpp_builder")
    if march is None or hasattr(settings, "march"):
        yield options
        return
    theirs = part_of(builder, "_get_optimization_cflags")

    def ours(*arguments: Any, **named: Any) -> tuple[list[str], list[str]]:
        compiling, linking = theirs(*arguments, **named)
        return [f"march={march}" if flag == "march=native" else flag for flag in compiling], linking

    builder._get_optimization_cflags = ours
    try:
        yield {name: value for name, value in options.items() if name != "cpp.march"}
    finally:
        builder._get_optimization_cflags = theirs


def stand_ins(names: Iterable[str]) -> dict[str, bytes]:
    """Return what else must lie beside the files of a program, for PyTorch's loader to find them: sources, which it does not read.

    Before 2.13 it finds the metadata by the name of the source.
    """
    old = tuple(map(int, torch.__version__.split(".")[:2])) < (2, 13)
    return {name: b"" for name in names if old and name.endswith(".wrapper.cpp")}


def cache_folder() -> Path:
    """Return the folder in which the compiler keeps what it has made."""
    return Path(private("torch._inductor.runtime.cache_dir_utils.cache_dir")())


def interface_source() -> Path:
    """Return what the compiler copies to the head of every generated file."""
    return Path(private("torch._inductor.codegen").__file__).parent / "aoti_runtime" / "interface.cpp"


def wrapper_level() -> str:
    """Return the level of optimization of the code around the kernels, such as ``O1``."""
    return str(part_of(private("torch._inductor.config.aot_inductor"), "compile_wrapper_opt_level"))


def writes_itself(target: Any) -> bool:
    """Return whether the compiler has code of its own for an operator, instead of a call of it."""
    lowerings, fallbacks = (private(f"torch._inductor.lowering.{name}") for name in ("lowerings", "fallbacks"))
    return target in lowerings and target not in fallbacks and target.overloadpacket not in fallbacks


def open_model(path: Path, name: str) -> Any:
    """Load one model of a package that AOTInductor compiled; PyTorch's own aoti_load_package fails for a file with several."""
    return private("torch._C._aoti.AOTIModelPackageLoader")(str(path), name, False, 1, -1)


def constant_names(loader: Any) -> list[str]:
    """Return the names of the tensors that compiled code asks for."""
    return list(loader.get_constant_fqns())


def share_constants(loader: Any, values: Mapping[str, torch.Tensor]) -> None:
    """Let compiled code compute with tensors where they lie; it keeps their addresses only."""
    loader.load_constants(dict(values), False, True, True)


def run(loader: Any, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Run a loaded model."""
    return list(loader.boxed_run(list(inputs)))
