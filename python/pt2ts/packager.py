"""Packages: compile the variants of a model, put them together, and check every one of them before the file takes its name."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch.export import ExportedProgram

from . import golden as golden_sample
from . import torchscript
from .build import Built, Recipe, build_aoti, build_kernel_variant
from .check import Trial, compare, trial_at
from .convert import Method, convert
from .draft import Draft
from .errors import UnexportableError
from .examples import Sizes
from .fuse import can_fuse
from .measure import measure
from .options import PackageOptions, Progress, batch_sizes, batch_symbol
from .package import FALLBACK, PROGRAM, WEIGHTS, pack_weights, save
from .prepare import evaluation_copy
from .program import example_for, export_program, flat_module, to_bytes, weights_of, with_layout
from .runner import PackageRunner
from .spec import GOLDEN_FILE, Spec, Symbol, TensorSpec
from .variants import UNBOUNDED, Variant

#: Name of the variant whose sizes are free.
GENERAL = "model"

#: A variant for one size stays in the file when its time is at most this part of the general one's.
_WORTH = 0.97
_ROUNDS = 15

#: Weights are multiplied by numbers between these to see that a variant computes with those it is given.
_CHANGE = (0.5, 1.5)


@dataclass(frozen=True)
class Package:
    """A package that is not written yet.

    Attributes
    ----------
    members
        Content by name, without the contract.
    spec
        The contract, without the digest.
    found
        What the module does with the sizes that are to be checked.
    flat
        The module with flat outputs that was compiled.
    """

    members: Mapping[str, bytes]
    spec: Spec
    found: Sequence[Trial]
    flat: torch.nn.Module


def make_package(draft: Draft, options: PackageOptions, method: Method, progress: Progress) -> Package:
    """Compile everything that belongs into the package of a model."""
    inputs = tuple(_laid(spec, options.layout) for spec in draft.spec.inputs)
    symbols = {name: draft.spec.symbols[name] for name in draft.sizes}
    symbol = batch_symbol(inputs, symbols)
    sizes = batch_sizes(options, symbol, symbols)
    flat = flat_module(evaluation_copy(draft.module), options.precision)
    precision = "bfloat16" if options.precision == "bfloat16" else None

    progress("reading the module")
    program, general_sizes = _general_program(flat, inputs, draft, symbols, symbol)
    if general_sizes and symbol is not None and 1 not in sizes:
        sizes = (1, *sizes)  # the general variant begins at 2
    tensors = weights_of(program)
    blob, weights = pack_weights(tensors, frozenset(program.graph_signature.parameters))
    names = [spec.name for spec in draft.spec.outputs]
    found = [_again(flat, trial) if precision else trial for trial in draft.found]

    progress(f"compiling the variant '{GENERAL}'" + (" for any size" if symbols else ""))
    general = build_aoti(GENERAL, program, options.isa, options.threads, Recipe(), general_sizes)
    fixed: list[Built] = []
    for size in sizes:
        assert symbol is not None
        progress(f"compiling the variant 'b{size}' for {symbol}={size}")
        fixed.append(_fixed_variant(flat, inputs, draft, symbols, symbol, size, options, tensors))
        found.append(trial_at(flat, inputs, draft.examples, names, {**draft.sizes, symbol: size}))

    members: dict[str, bytes] = {WEIGHTS: blob, PROGRAM: to_bytes(program)}
    if draft.golden is not None:
        sample = draft.golden
        if precision:
            sample = golden_sample.Golden(sample.inputs, [tensor.clone() for tensor in flat(*sample.inputs)])
        members[f"extra/{GOLDEN_FILE}"] = golden_sample.to_bytes(sample)
    spec = replace(
        draft.spec, inputs=inputs, kind="inference", isa=options.isa.name, precision=precision, weights=weights,
        variants=(general.variant,),
    )  # fmt: skip
    progress("measuring the variants")
    everything = spec, {**members, **general.members}
    kept = [built for built in fixed if _is_worth_it(built, general, everything, inputs, draft, symbol)]
    built = [*kept, general]
    for item in built:
        members |= item.members
    variants = [item.variant for item in built]
    if options.fallback:
        progress("writing the fallback")
        variants.append(Variant("fallback", "torchscript", weights="own"))
        members[FALLBACK] = script_bytes(draft, method)
    return Package(members, replace(spec, variants=tuple(variants)), found, flat)


def script_bytes(draft: Draft, method: Method) -> bytes:
    """Return the model as the bytes of a TorchScript file."""
    import io

    buffer = io.BytesIO()
    torchscript.save(convert(evaluation_copy(draft.module), draft.examples, method).script, buffer)
    return buffer.getvalue()


def check_package(path: Path, package: Package) -> None:
    """Compare every variant in a written file with the module, also after its weights were replaced."""
    _check_variants(PackageRunner(path), package.found, package.spec.precision)
    if not any(weight.parameter for weight in package.spec.weights):
        return
    changed = _changed_weights(package.flat, package.spec)
    runner = PackageRunner(path, changed)
    shared = [variant for variant in package.spec.variants if variant.weights == "shared"]
    again = [_with_weights(package.flat, trial, changed) for trial in package.found]
    for variant in shared:
        trials = [trial for trial in again if variant.admits(trial.sizes)]
        compare(runner.call(variant), trials, "replaced weights", precision=package.spec.precision)


def _check_variants(runner: PackageRunner, found: Sequence[Trial], precision: str | None) -> None:
    for variant in runner.spec.variants:
        trials = [trial for trial in found if variant.admits(trial.sizes)]
        compare(runner.call(variant), trials, f"variant {variant.name}", precision=precision)


def _changed_weights(flat: torch.nn.Module, spec: Spec) -> dict[str, torch.Tensor]:
    """Return other values for the parameters; their signs stay, as do all buffers (a variance must be positive)."""
    source = torch.Generator().manual_seed(0)
    low, high = _CHANGE
    state = dict(flat.named_parameters(remove_duplicate=False))
    changed = {}
    for weight in spec.weights:
        if weight.parameter and state[weight.name].is_floating_point():
            value = state[weight.name].detach()
            factor = low + (high - low) * torch.rand(value.shape, generator=source)
            changed[weight.name] = value * factor.to(value.dtype)
    return changed


def _with_weights(flat: torch.nn.Module, trial: Trial, weights: Mapping[str, torch.Tensor]) -> Trial:
    with torch.no_grad():
        outputs = torch.func.functional_call(flat, dict(weights), tuple(tensor.clone() for tensor in trial.inputs))
    return Trial(trial.sizes, trial.inputs, [(name, t.clone()) for (name, _), t in zip(trial.outputs, outputs, strict=True)])


def _again(flat: torch.nn.Module, trial: Trial) -> Trial:
    return _with_weights(flat, trial, {})


def _laid(spec: TensorSpec, layout: str) -> TensorSpec:
    """Return the spec with its memory order; of one dimension there is only one."""
    return replace(spec, layout=layout) if len(spec.shape) > 1 else spec


def _general_program(
    flat: torch.nn.Module, inputs: Sequence[TensorSpec], draft: Draft, symbols: Mapping[str, Symbol], symbol: str | None
) -> tuple[ExportedProgram, dict[str, tuple[int, int]]]:
    """Return the program with free sizes, and to which sizes it is limited."""
    examples = example_for(inputs, draft.examples, draft.sizes, symbols, {})
    try:
        return export_program(flat, inputs, examples, symbols), {}
    except UnexportableError:
        # Code that treats a batch of one as something else (squeeze, broadcasting) is often right from two on.
        if symbol is None or symbols[symbol].min != 1 or symbols[symbol].max == 1:
            raise
        narrowed = {**symbols, symbol: Symbol(2, symbols[symbol].max)}
        try:
            program = export_program(flat, inputs, examples, narrowed)
        except UnexportableError:
            pass
        else:
            return program, {symbol: (2, symbols[symbol].max or UNBOUNDED)}
        raise


def _fixed_variant(
    flat: torch.nn.Module,
    inputs: Sequence[TensorSpec],
    draft: Draft,
    symbols: Mapping[str, Symbol],
    symbol: str,
    size: int,
    options: PackageOptions,
    tensors: Sequence[tuple[str, torch.Tensor]],
) -> Built:
    fixed: Sizes = {symbol: size}
    free = {name: bounds for name, bounds in symbols.items() if name != symbol}
    program = export_program(flat, inputs, example_for(inputs, draft.examples, draft.sizes, symbols, fixed), free)
    name, limits = f"b{size}", {symbol: (size, size)}
    if not free:
        kernel = build_kernel_variant(name, program, tensors, fixed, options.isa)
        if kernel is not None:
            return kernel
    fuse = can_fuse(program.module(check_guards=False))
    # What is small enough to be fused is too small for several threads.
    return build_aoti(name, program, options.isa, 1 if fuse else options.threads, Recipe(fuse=fuse), limits)


def _is_worth_it(
    built: Built,
    general: Built,
    rest: tuple[Spec, Mapping[str, bytes]],
    inputs: Sequence[TensorSpec],
    draft: Draft,
    symbol: str | None,
) -> bool:
    """Return whether a variant for one size is faster there than the general one, or the only one for it."""
    assert symbol is not None
    sizes = {**draft.sizes, symbol: built.variant.sizes[symbol][0]}
    if not general.variant.admits(sizes):
        return True
    spec, members = rest
    arguments = example_for(inputs, draft.examples, draft.sizes, {name: spec.symbols[name] for name in draft.sizes}, sizes)
    laid = [with_layout(tensor, item.layout) for tensor, item in zip(arguments, inputs, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pt2"
        with path.open("wb") as file:
            save(file, {**members, **built.members}, replace(spec, variants=(built.variant, general.variant)))
        runner = PackageRunner(path)
        runs = {item.variant.name: runner.load(item.variant) for item in (built, general)}
        taken = measure({name: lambda run=run: run(laid) for name, run in runs.items()}, _ROUNDS)
    return taken[built.variant.name] <= _WORTH * taken[general.variant.name]
