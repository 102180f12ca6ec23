"""Whether a written package does what the module does: run by the C library in a fresh process, every variant of it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from ..capture.rounding import Yardstick
from ..capture.trials import Trial
from ..compile.assemble import Assembled
from ..container.package import WEIGHTS, members_of, save, stored_members
from ..contract.dtypes import DTYPES
from ..contract.layout import in_order
from ..contract.spec import Spec
from ..contract.structure import Named, flatten
from ..contract.variants import Variant
from ..runtime.fresh import loaded
from .compare import compare

#: Weights are multiplied by numbers between these to see that a variant computes with those it is given.
_CHANGE = (0.5, 1.5)

Weights = Mapping[str, torch.Tensor]


def check_package(path: Path, package: Assembled, tolerance: float | None = None) -> None:
    """Compare a written file with the module: as it is, and after its weights and buffers were replaced."""
    check_variants(path, package.spec, package.found, tolerance)
    shared = [variant for variant in package.spec.variants if variant.weights == "shared"]
    changed = changed_weights(package.module, package.spec)
    admitted = [trial for trial in package.found if any(variant.admits(trial.sizes) for variant in shared)]
    if changed and admitted:
        again = _with_weights(package.module, admitted, changed)
        _check_all(path, package.spec, shared, again, tolerance, changed)


def check_variants(path: Path, spec: Spec, found: Sequence[Trial], tolerance: float | None = None) -> None:
    """Compare every variant of a file on the sizes that it admits."""
    _check_all(path, spec, spec.variants, found, tolerance)


def _check_all(
    path: Path,
    spec: Spec,
    variants: Sequence[Variant],
    found: Sequence[Trial],
    tolerance: float | None,
    weights: Weights | None = None,
) -> None:
    """Compare these variants, with other weights if there are any.

    The library takes the variant that fits a call best. Those that it took for none of the calls (they are for other processors,
    or for a device, where they run then) are compared in a file of their own.
    """
    taken = _check_file(path, spec, found, tolerance, weights)
    for variant in variants:
        trials = [trial for trial in found if variant.admits(trial.sizes)]
        if variant.name not in taken and trials:
            with tempfile.TemporaryDirectory() as folder:
                alone = _alone(path, spec, variant, Path(folder))
                _check_file(alone, spec, trials, tolerance, weights, variant.device or "cpu")


def _check_file(
    path: Path,
    spec: Spec,
    trials: Sequence[Trial],
    tolerance: float | None,
    weights: Weights | None = None,
    device: str = "cpu",
) -> set[str]:
    """Compare a file on a device, with other weights if there are any; return the variants that ran."""
    taken: set[str] = set()
    with loaded(path, device) as model:
        model.set_weights(weights or {})

        def call(inputs: Sequence[torch.Tensor]) -> Named:
            results = model.named(in_order(spec.inputs, inputs))
            taken.add(model.variant)
            return results

        def words() -> str:
            return f"variant {model.variant}" + (", replaced weights" if weights else "")

        compare(call, trials, words, precision=spec.precision_on(device), tolerance=tolerance)
    return taken


def _alone(path: Path, spec: Spec, variant: Variant, folder: Path) -> Path:
    """Return a file that has one of the variants and no sample."""
    members = stored_members(path)
    kept = {WEIGHTS: members[WEIGHTS], **members_of(variant, members)}
    made = folder / "model.pt2"
    with made.open("wb") as file:
        save(file, kept, replace(spec, variants=(variant,), golden=False))
    return made


def _with_weights(module: torch.nn.Module, trials: Sequence[Trial], weights: Weights) -> list[Trial]:
    """Return what the module does with other weights."""
    named = _named(module)
    own = {name: value.to(named[name].dtype) for name, value in weights.items()}
    yardstick, made = Yardstick(module), []
    for trial in trials:
        with torch.no_grad():
            results = torch.func.functional_call(module, own, tuple(tensor.clone() for tensor in trial.inputs))
        outputs = [tensor.clone() for _, tensor in flatten(results)]
        results_by_name = [(name, tensor) for (name, _), tensor in zip(trial.outputs, outputs, strict=True)]
        made.append(Trial(trial.sizes, trial.inputs, results_by_name, yardstick.measure(trial.inputs, outputs, own)))
    return made


def changed_weights(module: torch.nn.Module, spec: Spec) -> dict[str, torch.Tensor]:
    """Return other values for parameters and buffers of real numbers; their signs stay (a variance must be positive)."""
    source = torch.Generator().manual_seed(0)
    low, high = _CHANGE
    made: dict[int, torch.Tensor] = {}
    changed = {}
    named = _named(module)
    for weight in spec.weights:
        value = named.get(weight.name)  # none for a tensor that stands in the code
        if value is None or not value.is_floating_point():
            continue
        if id(value) not in made:  # one with two names has one value
            factor = low + (high - low) * torch.rand(value.shape, generator=source)
            made[id(value)] = (value.detach() * factor.to(value.dtype)).to(DTYPES[weight.dtype])
        changed[weight.name] = made[id(value)]
    return changed


def _named(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return parameters and buffers by all their names."""
    return {**dict(module.named_buffers(remove_duplicate=False)), **dict(module.named_parameters(remove_duplicate=False))}
