"""What may run a model fastest at one size: the forms that ``pt2ts tune`` compiles and measures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch.export import ExportedProgram
from torch.utils.flop_counter import FlopCounterMode

from ..capture.forms import Forms, Limits
from ..compile.aoti import Recipe
from ..compile.fuse import can_fuse
from ..compile.kernel_variants import finished, start_kernel_for, start_kernel_variant
from ..compile.variants import Built, build_aoti
from ..compile.work import SERIAL, largest_loop
from ..container.package import CODE, kernel_member
from ..errors import ExportError
from ..report import step
from ..toolchain.isa import Isa

#: Ways to compile, each with whether it is tried on one thread and on all where there is enough to do for all.
_RECIPES = (
    (Recipe("default"), True),
    (Recipe("freezing", freeze=True), False),
    (Recipe("max-autotune", autotune=True), False),
)
#: Name of the variant that is tuned for a model without a batch.
TUNED = "tuned"

#: Where matrices have fewer operations than this in a call, nothing that calls a matrix library comes near a kernel.
_FEW_OPERATIONS = 2e7

_FUSED = Recipe("fused", fuse=True)
_KEPT = Recipe("layout kept", keep_layout=True)


@dataclass(frozen=True)
class Candidate:
    """One form of the model for one size.

    Attributes
    ----------
    label
        How tables call it.
    built
        What was compiled; its variant is called as it will be in the file.
    """

    label: str
    built: Built


def candidates(
    forms: Forms,
    size: int | None,
    program: ExportedProgram,
    general: ExportedProgram,
    weights: Mapping[str, torch.Tensor],
    isa: Isa,
) -> Iterator[Candidate]:
    """Yield what can be compiled for one batch size, or for fixed sizes where there is no batch.

    A form that PyTorch's compiler fails on is left out: the others remain. A kernel is made from the ``general`` program, the
    one with free sizes, which can take a large batch block by block. Where it is small, nothing else is tried.
    """
    batch = forms.batch
    name = f"b{size}" if size is not None else TUNED
    where = f"{batch}={size}" if size is not None else "its sizes"
    limits: Limits = {} if size is None or batch is None else {batch: (size, size)}
    if set(limits) == set(forms.symbols) and forms.sizes_are_of_inputs:
        step(f"{where}: kernel")
        layouts, tensors = [spec.layout for spec in forms.inputs], list(weights.items())
        if size is None or batch is None:
            kernel = finished(start_kernel_variant(name, program, tensors, {}, isa, layouts))
        else:
            made = (
                finished(start_kernel_for((batch, size), name, source, tensors, isa, layouts, free=source is general))
                for source in (general, program)
            )
            kernel = next((item for item in made if item is not None), None)
        if kernel is not None:
            yield Candidate("kernel", kernel)
            if _operations(forms, limits) < _FEW_OPERATIONS:
                return
    all_threads = largest_loop(program) > SERIAL
    fused = ((_FUSED, False),) if can_fuse(program.graph_module) else ()
    kept = ((_KEPT, False),) if _has_convolution(program) else ()
    for recipe, both in (*fused, *kept, *_RECIPES):
        for count in (0, 1) if all_threads and both else (0,) if all_threads else (1,):
            label = f"{recipe.name}, {'1 thread' if count == 1 else 'all threads'}"
            step(f"{where}: {label}")
            try:
                yield Candidate(label, build_aoti(name, program, isa, count, recipe, limits))
            except ExportError:
                continue


def _operations(forms: Forms, limits: Limits) -> int:
    """Return the operations of all matrix products and convolutions in a call."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        forms.module(*forms.arguments({name: low for name, (low, _) in limits.items()}))
    return int(counter.get_total_flops())


def _has_convolution(program: ExportedProgram) -> bool:
    return any(str(node.target).startswith("aten.conv") for node in program.graph.nodes if node.op == "call_function")


def renamed(built: Built, name: str) -> Built:
    """Return a variant under another name."""
    old = built.variant.name
    moved = {
        member.replace(f"{CODE}{old}/", f"{CODE}{name}/").replace(kernel_member(old), kernel_member(name)): content
        for member, content in built.members.items()
    }
    return Built(replace(built.variant, name=name), moved)
