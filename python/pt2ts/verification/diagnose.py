"""Why a file and a module give different numbers: what would explain the difference is tried, one after the other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from ..contract.spec import Spec
from ..contract.tolerance import difference, exceeds
from .reference import Reference

Tensors = Sequence[torch.Tensor]
Explanation = tuple[str, str]

#: As many orders of input channels are tried; beyond that only exchanges of two.
_ORDERS = 150
#: Outputs up to this number are tried in every order.
_FEW = 5
#: Longer orders are told by what has moved.
_LISTED = 8

_ANOTHER = "the module was changed after the export, or is another one: export it again"


def diagnose(
    spec: Spec, weights: Mapping[str, torch.Tensor], reference: Reference, inputs: Tensors, want: Tensors, have: Tensors
) -> Explanation | None:
    """Return what is wrong and what to do about it; None where nothing that is known explains it.

    Parameters
    ----------
    spec
        The contract of the file.
    weights
        Weights of the file by name.
    reference
        What the file was compared with.
    inputs, want, have
        Inputs, the results of the reference, and those of the file.
    """

    def agrees(results: Tensors) -> bool:
        pairs = list(zip(results, have, strict=False))
        return len(results) == len(have) and all(
            a.shape == b.shape and a.dtype == b.dtype and not exceeds(a, b, spec.precision) for a, b in pairs
        )

    if reference.module is not None and (found := differing(reference.weights, weights)):
        worst = max(found, key=lambda name: found[name])
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        return (
            f"the weights in the file are not those of the module: '{worst}' differs by {found[worst]:.3g}{more}",
            "export the file again from these weights, or name the ones it was made from: --weights FILE",
        )
    seen = _Difference(spec, inputs, want, have, _runner(reference))
    for explain in (_outputs, _channels_of_outputs, _layouts, _exchanged_inputs, _channels_of_inputs):
        for explanation, results in explain(seen):
            if agrees(results):
                return explanation
    if reference.module is not None and agrees(_in_training(reference, inputs)):
        return "the file was made in training mode", "export module.eval(); pt2ts export does that by itself"
    return None


def differing(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> dict[str, float]:
    """Return by how much weights of the same name and shape differ, for those that do."""
    gaps = {
        name: difference(value, other[name]) for name, value in one.items() if name in other and value.shape == other[name].shape
    }
    return {name: gap for name, gap in gaps.items() if gap > 0.0}


Run = Callable[[Tensors], Tensors]


@dataclass(frozen=True)
class _Difference:
    """What was seen: the inputs, the results of the reference and those of the file; and how to ask the reference for more."""

    spec: Spec
    inputs: Tensors
    want: Tensors
    have: Tensors
    run: Run

    def with_input(self, number: int, changed: torch.Tensor) -> Tensors:
        """Return the results of the reference with one input changed."""
        return self.run([*self.inputs[:number], changed, *self.inputs[number + 1 :]])


Attempts = Iterator[tuple[Explanation, Tensors]]


def _runner(reference: Reference) -> Run:
    def run(inputs: Tensors) -> Tensors:
        try:
            return reference.run(inputs)
        except Exception:  # noqa: BLE001 - an attempt that does not run explains nothing
            return []

    return run


def _in_training(reference: Reference, inputs: Tensors) -> Tensors:
    module = reference.module
    if module is None:
        return []
    kept = {name: value.clone() for name, value in module.state_dict().items()}
    try:
        module.train()
        return _runner(reference)(inputs)
    finally:
        module.load_state_dict(kept)  # batch norm has moved its statistics
        module.eval()


def _outputs(seen: _Difference) -> Attempts:
    """Try other orders of the outputs."""
    names = [item.name for item in seen.spec.outputs]
    if not 1 < len(names) <= _FEW:
        return
    for order in itertools.permutations(range(len(names))):
        text = (
            f"the outputs are in another order: where the contract has {', '.join(names)}, "
            f"the module gives {', '.join(names[place] for place in order)}"
        )
        hint = "declare the outputs by the keys of a dictionary, and export again"
        yield (text, hint), [seen.want[place] for place in order]


def _channels_of_outputs(seen: _Difference) -> Attempts:
    """Look for the channels of each output among those of the module's."""
    for number, (a, b, item) in enumerate(zip(seen.want, seen.have, seen.spec.outputs, strict=False)):
        if a.shape != b.shape:
            continue
        for dim, size in enumerate(item.shape):
            order = _order(a, b, dim) if isinstance(size, int) and size > 1 else None
            if order is not None:
                text = (
                    f"the channels of output '{item.name}' are in another order: along dimension {dim + 1} the file has the "
                    f"module's {_listed(order)}"
                )
                changed = a.index_select(dim, torch.tensor(order))
                yield (text, _ANOTHER), [*seen.want[:number], changed, *seen.want[number + 1 :]]


def _order(want: torch.Tensor, have: torch.Tensor, dim: int) -> list[int] | None:
    """Return which slice of ``want`` each slice of ``have`` is closest to; None if that is no reordering."""
    kind = torch.complex128 if want.is_complex() else torch.float64
    a = want.to(kind).movedim(dim, 0).reshape(want.shape[dim], -1)
    b = have.to(kind).movedim(dim, 0).reshape(have.shape[dim], -1)
    order = [int((a - row).abs().sum(1).argmin()) for row in b]
    identity = list(range(len(order)))
    return order if order != identity and sorted(order) == identity else None


def _layouts(seen: _Difference) -> Attempts:
    """Try inputs whose memory is read in the other order, and inputs with two dimensions exchanged."""
    for number, (x, item) in enumerate(zip(seen.inputs, seen.spec.inputs, strict=True)):
        order = list(reversed(range(x.dim())))
        misread = (
            x.permute(order).contiguous().reshape(x.shape),
            x.contiguous().reshape([x.shape[dim] for dim in order]).permute(order).contiguous(),
        )
        for changed in misread if x.dim() > 1 else ():
            text = f"the memory of input '{item.name}' is read in the other order than its contract says ('{item.layout}')"
            yield (text, "export the file again with the --layout of your arrays"), seen.with_input(number, changed)
        for one, two in itertools.combinations(range(x.dim()), 2):
            if x.shape[one] == x.shape[two]:
                text = f"dimensions {one + 1} and {two + 1} of input '{item.name}' are exchanged"
                hint = f"the module of the file takes them in the other order than {item.shape_text()}: export it again"
                yield (text, hint), seen.with_input(number, x.transpose(one, two).contiguous())


def _exchanged_inputs(seen: _Difference) -> Attempts:
    """Try to exchange two inputs of the same kind."""
    for one, two in itertools.combinations(range(len(seen.inputs)), 2):
        a, b = seen.inputs[one], seen.inputs[two]
        if a.shape == b.shape and a.dtype == b.dtype:
            swapped = list(seen.inputs)
            swapped[one], swapped[two] = b, a
            text = f"the inputs '{seen.spec.inputs[one].name}' and '{seen.spec.inputs[two].name}' are exchanged"
            hint = "forward takes its arguments in another order than the one the file was exported with: export it again"
            yield (text, hint), seen.run(swapped)


def _channels_of_inputs(seen: _Difference) -> Attempts:
    """Try other orders of the channels of each input."""
    for number, (x, item) in enumerate(zip(seen.inputs, seen.spec.inputs, strict=True)):
        for dim, size in enumerate(item.shape):
            for order in _orders(size) if isinstance(size, int) and size > 1 else ():
                text = (
                    f"the channels of input '{item.name}' are in another order: along dimension {dim + 1} the file takes "
                    f"for the module's channels those at {_listed(order)}"
                )
                yield (text, _ANOTHER), seen.with_input(number, x.index_select(dim, torch.tensor(order)))


def _orders(size: int) -> Iterator[list[int]]:
    """Yield orders of ``size`` channels: all of few, and the likely ones of many."""
    identity = list(range(size))
    if math.factorial(size) <= _ORDERS:
        yield from (list(order) for order in itertools.permutations(identity) if list(order) != identity)
        return
    yield identity[::-1]
    for shift in (1, -1):
        yield identity[shift:] + identity[:shift]
    for one, two in itertools.islice(itertools.combinations(identity, 2), _ORDERS):
        order = list(identity)
        order[one], order[two] = order[two], order[one]
        yield order


def _listed(order: Sequence[int]) -> str:
    """Return the channels that are not where they belong, counted from 1 as in Fortran."""
    if len(order) <= _LISTED:
        return f"channels {' '.join(str(place + 1) for place in order)}"
    moved = [f"{at + 1}<-{place + 1}" for at, place in enumerate(order) if at != place]
    return "channels " + ", ".join(moved[:_LISTED]) + (", ..." if len(moved) > _LISTED else "")
