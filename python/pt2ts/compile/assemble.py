"""Packages: compile the variants of a model and put them together; `pt2ts.verification.package` looks whether they are right."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch.export import ExportedProgram

from ..capture.bfloat16 import lost_digits
from ..capture.draft import Draft
from ..capture.forms import Forms, Limits
from ..capture.module_copy import evaluation_copy, twin_of
from ..capture.program import flat_module, to_bytes, used_weights, weights_of
from ..capture.rounding import Yardstick
from ..capture.script import convert_draft
from ..capture.trials import Trial, trial_at
from ..container.package import FALLBACK, PROGRAM, WEIGHTS, Content, pack_weights
from ..contract import golden as golden_sample
from ..contract.batch import batch_sizes
from ..contract.dtypes import DTYPES, WHOLE
from ..contract.formats import Package
from ..contract.spec import GOLDEN_FILE, Spec
from ..contract.variants import Variant
from ..contract.words import Method
from ..errors import UnreadableError
from ..pytorch import torchscript
from ..report import step, warn
from ..toolchain.devices import find_device
from .device import build_for_device
from .fuse import can_fuse
from .kernel_variants import OWN_SIZE, Kernels
from .variants import Pending, Recipe, ready, start_aoti
from .work import SERIAL, largest_loop, serial_limit, usual_sizes

#: Names of the variants whose sizes are free.
GENERAL = "model"
SMALL = "small"

#: Sizes at which such a kernel is tried: part of a block, whole ones, and all kinds of blocks.
_AROUND_BLOCKS = (3, 16, 21, 37)

#: What compiled code says where it compares an index before it uses it.
_CHECKED_INDEX = b"index out of bounds"


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


def _read(forms: Forms) -> tuple[Forms, ExportedProgram, Limits]:
    """Return the program for any size; of a module that torch.export cannot read, that of its plain operations."""
    try:
        return forms, *forms.general()
    except UnreadableError as error:
        try:
            plain = forms.written_out()
            return plain, *plain.general()
        except Exception:  # noqa: BLE001 - the first reason is the one that the user can do something about
            raise error from error.__cause__


def assemble(draft: Draft, options: Package, dtype: str | None) -> Assembled:
    """Compile everything that belongs into the package of a model."""
    inputs = draft.spec.inputs
    symbols = {name: draft.spec.symbols[name] for name in draft.sizes}
    precision = "bfloat16" if dtype == "bfloat16" else None
    flat = flat_module(twin_of(draft.module), precision)
    forms = Forms(flat, False, inputs, draft.examples, draft.sizes, symbols, draft.spec.outputs)
    sizes = batch_sizes(options.batch, forms.batch, symbols)

    step("reading the module")
    forms, program, limits = _read(forms)
    if options.batch is None and forms.batch is not None:
        sizes = usual_sizes(sizes, program, forms.argument_sizes({})[forms.batch])
    if limits and 1 not in sizes:
        sizes = (1, *sizes)  # the general variant begins at 2
    tensors = weights_of(program)
    blob, weights = pack_weights(tensors, frozenset(program.graph_signature.parameters))
    used = used_weights(program)
    weights = tuple(replace(item, used=item.name in used) for item in weights)
    names, yardstick = [name for name, _ in draft.found[0].outputs], Yardstick(draft.module)
    loss = draft.spec.loss
    if precision:
        with torch.no_grad():
            narrow = flat(*(tensor.clone() for tensor in draft.found[0].inputs))
        loss = lost_digits(draft.first_outputs(), list(narrow))

    def at(size: int) -> Trial:
        return trial_at(draft.module, inputs, draft.examples, names, {**draft.sizes, str(forms.batch): size}, yardstick)

    why_none: list[str] = []
    kernels = Kernels(forms, program, limits, options.threads, tensors, options.instruction_set(), options.wider_sets())
    for_all_sizes = kernels.for_all_sizes(GENERAL, why_none.append)
    if why_none:
        step(f"no kernel: {why_none[0]}")
    found = [*draft.found, *map(at, sorted({*sizes, *forms.admitted(_AROUND_BLOCKS)}) if for_all_sizes else sizes)]

    members: dict[str, Content] = {WEIGHTS: blob, PROGRAM: to_bytes(program)}
    # All are started before the first one is waited for: the C++ compiler works while the next is being prepared.
    started = [ready(built) for built in for_all_sizes] or list(_general_variants(kernels))
    own = [
        finish for size in sizes if not for_all_sizes or size < OWN_SIZE for finish in _fixed_variants(kernels, size, options.batch)
    ]
    step("waiting for the C++ compiler")
    general = [finish() for finish in started]
    fixed = [finish() for finish in own]
    # What is made is decided by rules alone, so the same network gives the same file on every machine; `pt2ts tune` measures.
    for built in (*general, *fixed):
        members |= built.members
    if SMALL in (built.variant.name for built in general):
        limit = general[0].variant.sizes[str(forms.batch)][1]
        found.append(at(limit))
    if draft.golden is not None:
        members[f"extra/{GOLDEN_FILE}"] = golden_sample.to_bytes(draft.golden)
    spec = replace(draft.spec, kind="inference", isa=kernels.isa.name, precision=precision, loss=loss, weights=weights)
    variants = [built.variant for built in fixed]
    variants += [replace(item.variant, no_kernel="".join(why_none[:1])) for item in general]
    sets = [isa.to_dict() for isa in (*kernels.wider, kernels.isa)]
    variants.sort(key=lambda item: sets.index(dict(item.isa or {})))
    if options.device is not None:
        device = find_device(options.device)
        there = flat_module(twin_of(draft.module).to(device), precision)
        built = build_for_device(forms, there, device, kernels.isa, precision or draft.spec.products)
        members |= built.members
        variants.append(built.variant)
    script = options.script()
    if script is not None:
        variants.append(Variant("fallback", "torchscript", weights="own"))
        members[FALLBACK] = _script_bytes(draft, script.method)
    for remark in _open_indices(spec, members):
        warn(remark)
    return Assembled(members, replace(spec, variants=tuple(variants)), found, draft.module)


def _open_indices(spec: Spec, members: Mapping[str, Content]) -> Iterator[str]:
    """Yield what to say of whole numbers without a range, where compiled code looks something up by an index."""
    if any(isinstance(content, bytes) and _CHECKED_INDEX in content for content in members.values()):
        for item in spec.inputs:
            if item.range is None and DTYPES[item.dtype] in WHOLE:
                yield (
                    f"input '{item.name}' is {item.dtype} without a range, and compiled code looks something up by an index: "
                    "one out of range can end the program; "
                    f"declare what comes, '{item.name} {item.dtype} 1..24', and such calls are refused"
                )


def _script_bytes(draft: Draft, method: Method) -> bytes:
    """Return the model as the bytes of a TorchScript file."""
    buffer = io.BytesIO()
    torchscript.save(convert_draft(replace(draft, module=evaluation_copy(draft.module)), method).script, buffer)
    return buffer.getvalue()


def _general_variants(kernels: Kernels) -> Iterator[Pending]:
    """Begin with the variants for any size of a model that is no kernel.

    They are one on a single thread, as far as that is best, and one that uses the host's.
    """
    forms, program, limits, threads, isa = kernels.forms, kernels.program, kernels.limits, kernels.threads, kernels.isa
    symbol = forms.batch
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


def _fixed_variants(kernels: Kernels, size: int, named: Sequence[int] | None) -> list[Pending]:
    """Begin with the variants for one batch size: kernels where there are some.

    AOTInductor's code is made where the variant for any size does not admit this one, where the user named the size, and for one
    row that becomes fused linear layers, which are twice as fast. Other code for one size is seldom faster than that for any.
    """
    forms, batch, name = kernels.forms, str(kernels.forms.batch), f"b{size}"
    low, high = kernels.limits.get(batch, (size, size))
    admitted = low <= size <= high
    step(f"looking for a kernel '{name}', for {batch}={size}")
    made = kernels.for_size(kernels.program, name, size, free=True) if admitted else []
    program = kernels.program if made else forms.fixed(size)
    made = made or kernels.for_size(program, name, size, free=False)
    if made:
        return [ready(built) for built in made]
    fuse = can_fuse(program.graph_module)
    if admitted and named is None and not fuse:
        return []
    step(f"compiling '{name}', for {batch}={size}")
    threads = kernels.threads or (1 if largest_loop(program) <= SERIAL else 0)
    return [start_aoti(name, program, kernels.isa, threads, Recipe(fuse=fuse), {batch: (size, size)})]
