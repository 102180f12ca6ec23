"""``pt2ts diff``: in what two model files differ: their contracts, their weights, their numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..container.filetype import StrPath
from ..container.package import read_training_spec
from ..container.reading import read_golden, read_spec
from ..contract.dtypes import name_of
from ..contract.ranges import range_text
from ..contract.spec import Spec, TensorSpec
from ..contract.tolerance import SLACK, TOLERANCE, difference, worst
from ..runtime.bridge import FortranModel
from .cases import Cases, Tensors
from .reference import weights_of_file

#: What tensors of a contract are compared in, and what people call it.
_FACTS = ("name", "dtype", "shape", "layout", "units", "range", "description")
_BATCHES = (1, 7)


@dataclass(frozen=True)
class Difference:
    """One thing in which two files differ, or were compared and do not.

    Attributes
    ----------
    part
        ``contract``, ``weights`` or ``numbers``.
    what
        Which property, weight or output.
    first, second
        What each file has.
    absolute, relative
        The largest difference, and the same in proportion to the largest value; None where nothing was computed.
    matters
        Whether the files count as different because of it.
    """

    part: str
    what: str
    first: str = ""
    second: str = ""
    absolute: float | None = None
    relative: float | None = None
    matters: bool = True

    def row(self) -> tuple[str, ...]:
        """Return the cells of the table."""
        numbers = ["" if value is None else f"{value:.3g}" for value in (self.absolute, self.relative)]
        return (self.part, self.what, self.first, self.second, *numbers, "DIFFERS" if self.matters else "")


#: Headings of `Difference.row`.
COLUMNS = ("", "what", "first", "second", "largest difference", "relative", "")


def diff(first: StrPath, second: StrPath, tolerance: float | None = None) -> list[Difference]:
    """Compare two model files.

    Parameters
    ----------
    first, second
        Model files with contracts, of any format. Of a training package its network is compared, and with another one how they
        learn.
    tolerance
        Largest relative difference of weights and numbers that does not matter; by dtype otherwise.

    Returns
    -------
    list of Difference
        What differs, and the numbers that were compared. The files are the same, within the tolerance, when none ``matters``.
    """
    one, two = read_spec(first), read_spec(second)
    return [
        *_contracts(one, two),
        *_learning(first, second, one, two),
        *_weights(weights_of_file(Path(first)), weights_of_file(Path(second)), tolerance),
        *_numbers(Path(first), Path(second), one, two, tolerance),
    ]


def _contracts(one: Spec, two: Spec) -> Iterator[Difference]:
    for what in ("name", "description", "producer", "torch", "provenance"):  # these say who made it, and not what it is
        yield from _unequal(what, getattr(one, what), getattr(two, what), matters=False)
    for what in ("normalization", "precision", "products", "flush_denormals"):
        yield from _unequal(what, getattr(one, what), getattr(two, what))
    for kind in ("inputs", "outputs"):
        yield from _tensors(kind, getattr(one, kind), getattr(two, kind))
    # A training package has sizes of its targets too.
    used = {size for spec in (one, two) for item in (*spec.inputs, *spec.outputs) for size in item.shape}
    for name in dict.fromkeys([*one.symbols, *two.symbols]):
        if name in used:
            yield from _unequal(f"size '{name}'", _bounds(one, name), _bounds(two, name))


def _tensors(kind: str, ours: Sequence[TensorSpec], theirs: Sequence[TensorSpec]) -> Iterator[Difference]:
    yield from _unequal(f"number of {kind}", len(ours), len(theirs))
    for number, (a, b) in enumerate(zip(ours, theirs, strict=False), 1):
        for fact in _FACTS:
            label = f"{kind[:-1]} {number} '{a.name}': {fact}"
            yield from _unequal(label, _fact(a, fact), _fact(b, fact), matters=fact != "description")


def _learning(first: StrPath, second: StrPath, one: Spec, two: Spec) -> Iterator[Difference]:
    """Compare how two training packages learn; beside a model there is nothing to compare."""
    if not one.kind == two.kind == "training":
        return
    ours, theirs = read_training_spec(first), read_training_spec(second)
    yield from _tensors("targets", ours.targets, theirs.targets)
    facts = [dict(spec.training or {}) for spec in (ours, theirs)]
    for what in dict.fromkeys([*facts[0], *facts[1]]):
        yield from _unequal(what.replace("_", " "), facts[0].get(what), facts[1].get(what))


def _unequal(what: str, first: object, second: object, *, matters: bool = True) -> Iterator[Difference]:
    if first != second:
        yield Difference("contract", what, _text(first), _text(second), matters=matters)


def _text(value: object) -> str:
    return "none" if value is None or value == "" else str(value)


def _fact(item: TensorSpec, fact: str) -> object:
    if fact == "shape":
        return item.shape_text()
    if fact == "range" and item.range is not None:
        return range_text(item.range)
    return getattr(item, fact)


def _bounds(spec: Spec, name: str) -> str | None:
    symbol = spec.symbols.get(name)
    return None if symbol is None else symbol.text()


def _weights(one: Mapping[str, torch.Tensor], two: Mapping[str, torch.Tensor], tolerance: float | None) -> Iterator[Difference]:
    for name in dict.fromkeys([*one, *two]):
        a, b = one.get(name), two.get(name)
        # A buffer that is no part of the saved state lies in a package only, and so do constants.
        if a is None or b is None or a.shape != b.shape or a.dtype != b.dtype:
            yield Difference("weights", name, _kind(a), _kind(b), matters=a is not None and b is not None)
        elif (gap := difference(a, b)) > 0.0:
            relative = _relative(gap, a, b)
            allowed = TOLERANCE.get(name_of(a), 0.0) if tolerance is None else tolerance
            yield Difference("weights", name, absolute=gap, relative=relative, matters=relative > allowed)


def _kind(tensor: torch.Tensor | None) -> str:
    return "none" if tensor is None else f"{name_of(tensor)} {list(tensor.shape)}"


def _relative(gap: float, one: torch.Tensor, two: torch.Tensor) -> float:
    largest = max(float(x.abs().to(torch.float64).nan_to_num(0.0, 0.0, 0.0).max()) for x in (one, two))
    return gap / largest if largest > 0 and math.isfinite(gap) else math.inf


def _numbers(first: Path, second: Path, one: Spec, two: Spec, tolerance: float | None) -> Iterator[Difference]:
    """Run both files on the same random inputs, where both take them."""
    signature = [[(item.dtype, item.shape) for item in spec.inputs] for spec in (one, two)]
    if signature[0] != signature[1] or len(one.outputs) != len(two.outputs):
        yield Difference("numbers", "not compared: the inputs or outputs are of other kinds")
        return
    cases = Cases(one, read_golden(first) or read_golden(second))
    admitted = [size for size in cases.admitted(_BATCHES) if two.symbols[str(cases.batch)].admits(size)]
    sizes: Sequence[int | None] = admitted or [None]
    given = [cases.random(size) for size in sizes]
    results = [_run(path, given, len(one.outputs)) for path in (first, second)]
    coarse = one.precision or two.precision
    for number, item in enumerate(one.outputs):
        pairs = [(a[number], b[number]) for a, b in zip(*results, strict=True)]
        yield _output(item.name, pairs, coarse, tolerance)


def _run(path: Path, given: list[Tensors], outputs: int) -> list[Tensors]:
    with FortranModel(path) as model:
        return [model.forward(inputs, outputs) for inputs in given]


def _output(
    name: str, pairs: list[tuple[torch.Tensor, torch.Tensor]], precision: str | None, tolerance: float | None
) -> Difference:
    found = []
    for a, b in pairs:
        if a.shape != b.shape or a.dtype != b.dtype:
            return Difference("numbers", name, _kind(a), _kind(b))
        gap, limit = worst(a, b, precision)
        relative = 0.0 if gap == 0.0 else _relative(gap, a, b)
        found.append((gap > SLACK * limit if tolerance is None else relative > tolerance, gap, relative))
    matters, gap, relative = max(found)
    return Difference("numbers", name, absolute=gap, relative=relative, matters=matters)


def to_dict(first: StrPath, second: StrPath, found: list[Difference]) -> dict[str, Any]:
    """Return the comparison as a JSON object."""
    same = not any(item.matters for item in found)
    return {"first": str(first), "second": str(second), "same": same, "differences": [item.__dict__ for item in found]}
