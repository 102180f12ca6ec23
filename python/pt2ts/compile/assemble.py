"""Packages: compile the variants of a model and put them together; `pt2ts.verification.package` looks whether they are right."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch.export import ExportedProgram

from ..capture.bfloat16 import warn_of_lost_digits
from ..capture.draft import Draft
from ..capture.forms import Forms, Limits
from ..capture.module_copy import evaluation_copy, twin_of
from ..capture.program import flat_module, to_bytes, weights_of
from ..capture.rounding import Yardstick
from ..capture.script import convert
from ..capture.trials import Trial, trial_at
from ..container.package import FALLBACK, PROGRAM, WEIGHTS, Content, pack_weights, save
from ..contract import golden as golden_sample
from ..contract.batch import batch_sizes
from ..contract.formats import Package
from ..contract.spec import GOLDEN_FILE, Spec
from ..contract.variants import Variant, choose
from ..contract.words import Method
from ..pytorch import torchscript
from ..report import step
from ..runtime.measure import samples
from ..runtime.runner import PackageRunner
from .fuse import can_fuse
from .variants import OWN_SIZE, Built, Pending, Recipe, build_kernel_for, build_kernel_variant, ready, start_aoti
from .work import SERIAL, largest_loop, serial_limit, usual_sizes

#: Names of the variants whose sizes are free.
GENERAL = "model"
SMALL = "small"

#: Sizes at which such a kernel is tried: part of a block, whole ones, and all kinds of blocks.
_AROUND_BLOCKS = (3, 16, 21, 37)

#: A variant for one size stays in the file when its time is at most this part of the general one's.
_WORTH = 0.97
_ROUNDS = 15


@dataclass(frozen=True)
class Assembled:
    """A package that is not written yet.

    Attributes
    ----------
    members
        Content by name, without the contract.
    spec
        The contract, without the digest.
    found
        What the module does with the sizes that are to be checked.
    module
        The user's module, in its own precision.
    """

    members: Mapping[str, Content]
    spec: Spec
    found: Sequence[Trial]
    module: torch.nn.Module


def assemble(draft: Draft, options: Package, dtype: str | None) -> Assembled:
    """Compile everything that belongs into the package of a model."""
    inputs = draft.spec.inputs
    symbols = {name: draft.spec.symbols[name] for name in draft.sizes}
    precision = "bfloat16" if dtype == "bfloat16" else None
    flat = flat_module(twin_of(draft.module), precision)
    forms = Forms(flat, False, inputs, draft.examples, draft.sizes, symbols, draft.spec.outputs)
    sizes = batch_sizes(options.batch, forms.batch, symbols)

    step("reading the module")
    program, limits = forms.general()
    if options.batch is None and forms.batch is not None:
        sizes = usual_sizes(sizes, program, forms.argument_sizes({})[forms.batch])
    if limits and 1 not in sizes:
        sizes = (1, *sizes)  # the general variant begins at 2
    tensors = weights_of(program)
    blob, weights = pack_weights(tensors, frozenset(program.graph_signature.parameters))
    names, yardstick = [name for name, _ in draft.found[0].outputs], Yardstick(draft.module)
    if precision:
        with torch.no_grad():
            narrow = flat(*(tensor.clone() for tensor in draft.found[0].inputs))
        warn_of_lost_digits(draft.found[0].outputs, list(narrow))

    def at(size: int) -> Trial:
        return trial_at(draft.module, inputs, draft.examples, names, {**draft.sizes, str(forms.batch): size}, yardstick)

    why_none: list[str] = []
    kernel = _kernel_for_all_sizes(forms, program, limits, options, tensors, why_none.append)
    if why_none:
        step(f"no kernel: {why_none[0]}")
    found = [*draft.found, *map(at, sizes if kernel is None else sorted({*sizes, *forms.admitted(_AROUND_BLOCKS)}))]

    members: dict[str, Content] = {WEIGHTS: blob, PROGRAM: to_bytes(program)}
    # All are started before the first one is waited for: the C++ compiler works while the next is being prepared.
    started = list(_general_variants(forms, program, limits, options)) if kernel is None else [ready(kernel)]
    own = [size for size in sizes if kernel is None or size < OWN_SIZE]
    fixed = {size: _fixed_variant(forms, size, program, limits, options, tensors) for size in own}
    step("waiting for the C++ compiler")
    general = [finish() for finish in started]
    candidates = {size: finish() for size, finish in fixed.items()}
    for built in general:
        members |= built.members
    if SMALL in (built.variant.name for built in general):
        limit = general[0].variant.sizes[str(forms.batch)][1]
        found.append(at(limit))
    if draft.golden is not None:
        members[f"extra/{GOLDEN_FILE}"] = golden_sample.to_bytes(draft.golden)
    spec = replace(
        draft.spec, kind="inference", isa=options.instruction_set().name, precision=precision, weights=weights
    )  # fmt: skip
    variants = []
    others = [item.variant for item in general]
    for size, built in candidates.items():
        if kernel is None:
            step(f"measuring 'b{size}'")
        if kernel is not None or _is_worth_it(built, others, {**members, **built.members}, spec, forms, size):
            members |= built.members
            variants.append(built.variant)
    variants += [replace(item.variant, no_kernel="".join(why_none[:1])) for item in general]
    script = options.script()
    if script is not None:
        variants.append(Variant("fallback", "torchscript", weights="own"))
        members[FALLBACK] = _script_bytes(draft, script.method)
    return Assembled(members, replace(spec, variants=tuple(variants)), found, draft.module)


def _script_bytes(draft: Draft, method: Method) -> bytes:
    """Return the model as the bytes of a TorchScript file."""
    buffer = io.BytesIO()
    torchscript.save(convert(evaluation_copy(draft.module), draft.examples, method).script, buffer)
    return buffer.getvalue()


def _general_variants(forms: Forms, program: ExportedProgram, limits: Limits, options: Package) -> Iterator[Pending]:
    """Begin with the variants for any size: one on a single thread as far as that is best, and one that uses the host's."""
    symbol, threads, isa = forms.batch, options.threads, options.instruction_set()
    if threads == 0 and symbol is None:
        threads = 1 if largest_loop(program) <= SERIAL else 0
    elif threads == 0 and symbol is not None:
        bounds = forms.symbols[symbol]
        low = limits.get(symbol, (bounds.min, 0))[0]
        high = serial_limit(program, forms.argument_sizes({})[symbol])
        if bounds.max is not None and high >= bounds.max:
            threads = 1
        elif high >= low:
            step(f"compiling '{SMALL}', for {symbol} up to {high}")
            yield start_aoti(SMALL, program, isa, 1, Recipe(), {**limits, symbol: (low, high)})
    step(f"compiling '{GENERAL}'" + (", for any size" if forms.symbols else ""))
    yield start_aoti(GENERAL, program, isa, threads, Recipe(), limits)


def _kernel_for_all_sizes(
    forms: Forms,
    program: ExportedProgram,
    limits: Limits,
    options: Package,
    tensors: Sequence[tuple[str, torch.Tensor]],
    refuse: Callable[[str], None],
) -> Built | None:
    """Return the kernel that computes any number of samples, if it is as fast as anything for all of them.

    What decides are the operations of the network. A measurement would decide differently on a busy machine. ``refuse`` is told
    why there is none.
    """
    if set(forms.symbols) != {forms.batch} - {None}:
        others = ", ".join(sorted(set(forms.symbols) - {forms.batch}))
        refuse(f"the sizes of other dimensions than the batch are not fixed ({others})")
        return None
    if not forms.sizes_are_of_inputs:
        refuse("the size of a result is computed")
        return None
    step(f"compiling '{GENERAL}'" + (", for any size" if forms.symbols else ""))
    sizes: dict[str, int | None] = dict.fromkeys(forms.symbols)
    layouts = [spec.layout for spec in forms.inputs]
    threads = 1 if options.threads == 1 else 0
    return build_kernel_variant(
        GENERAL, program, tensors, sizes, options.instruction_set(), layouts, threads=threads, limits=limits, only_suited=True,
        refused=refuse,
    )  # fmt: skip


def _fixed_variant(
    forms: Forms,
    size: int,
    general: ExportedProgram,
    limits: Limits,
    options: Package,
    tensors: Sequence[tuple[str, torch.Tensor]],
) -> Pending:
    """Begin with the variant for one batch size: a kernel where there is one."""
    batch, isa = str(forms.batch), options.instruction_set()
    step(f"compiling 'b{size}', for {batch}={size}")
    layouts = [spec.layout for spec in forms.inputs]
    alone = list(forms.symbols) == [batch] and forms.sizes_are_of_inputs
    low, high = limits.get(batch, (size, size))

    def kernel_of(program: ExportedProgram, free: bool) -> Built | None:
        return build_kernel_for((batch, size), f"b{size}", program, tensors, isa, layouts, free=free) if alone else None

    kernel = kernel_of(general, free=True) if low <= size <= high else None
    if kernel is not None:
        return ready(kernel)
    program = forms.fixed(size)
    kernel = kernel_of(program, free=False)
    if kernel is not None:
        return ready(kernel)
    threads = options.threads or (1 if largest_loop(program) <= SERIAL else 0)
    return start_aoti(f"b{size}", program, isa, threads, Recipe(fuse=can_fuse(program.graph_module)), {batch: (size, size)})


def _is_worth_it(
    built: Built, others: Sequence[Variant], members: Mapping[str, Content], spec: Spec, forms: Forms, size: int
) -> bool:
    """Return whether a variant for one size is faster there than the one for any size, or the only one for it."""
    batch = str(forms.batch)
    general = choose(others, {**forms.sizes, batch: size})
    if general is None:
        return True
    arguments = forms.arguments({batch: size})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pt2"
        with path.open("wb") as file:
            save(file, members, replace(spec, variants=(built.variant, general)))
        runner = PackageRunner(path)
        calls = [runner.prepared(variant, arguments) for variant in (built.variant, general)]
        with torch.inference_mode():
            # The shortest rounds are those that nothing else on the machine disturbed.
            mine, theirs = (min(times) for times in samples(calls, _ROUNDS))
    return mine <= _WORTH * theirs
