"""``verify``: what is tried with a model file, check by check, and what it means when one finds a fault."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ..capture.remarks import not_finite
from ..capture.rounding import Rounding
from ..container.filetype import Kind, StrPath, require_runnable
from ..container.reading import load_script, read_golden, read_spec
from ..contract.dtypes import name_of
from ..contract.layout import with_layout
from ..contract.spec import Spec, TensorSpec
from ..contract.tolerance import Noise, difference, in_batch, slack, worst
from ..contract.words import CHECKS
from ..errors import VerifyError
from ..runtime.fresh import FreshModel
from ..toolchain.devices import device_to_run_on
from . import reference as references
from .cases import Cases, Edge, Tensors
from .compare import in_order
from .diagnose import diagnose
from .outcome import Outcome, Status
from .reference import Reference

#: Batch sizes that are tried beside those at which the variants of a package change.
_BATCHES = (1, 2, 7, 33)
_LARGEST_BATCH = 2048
#: As many samples of a large batch are computed alone.
_SAMPLES = 5
_SMALL_BATCH = 3


def verify(
    path: StrPath,
    against: torch.nn.Module | None = None,
    *,
    tolerance: float | None = None,
    skip: Sequence[str] = (),
    device: str | None = None,
) -> list[Outcome]:
    """Try a model file in a fresh process, through the C library, in every way that its contract admits.

    Parameters
    ----------
    path
        A model file with a contract; of a training package the network in it.
    against
        The module that it was made from; its numbers are the right ones then. Otherwise those of the file itself, run by PyTorch.
    tolerance
        Largest absolute difference allowed. Otherwise, of the golden sample 1e-4 (float32), 1e-9 (float64) or 0.04 (computed in
        bfloat16) of the element's own or the output's typical size, and 0 for integers and logicals; of the others what rounding
        explains.
    skip
        Names out of `CHECKS` to leave out.
    device
        A kind of device of this machine on which the file is run: ``cuda``, ``hip``, ``xpu`` or ``mps``. What it is compared with
        is computed on the CPU.

    Returns
    -------
    list of Outcome
        One or more per check, in their order, skipped ones too. None of them has a ``fault`` when all is well; what could not be
        compared has the status ``not compared``.
    """
    spec, place = read_spec(path), device_to_run_on(device)
    unknown = [name for name in skip if name not in CHECKS]
    if unknown:
        raise VerifyError(f"there is no check '{unknown[0]}'", f"the checks are {', '.join(CHECKS)}")
    chosen, why = references.of_file(Path(path), spec) if against is None else (references.of_module(against, spec), "")
    found: list[Outcome] = []
    with ExitStack() as processes:
        examination = _Examination(Path(path), spec, chosen, why, tolerance, spec.precision_on(place))
        for check in CHECKS:
            if check in skip:
                found.append(Outcome(check, "", unmade=Status.SKIPPED))
                continue
            if examination.model is None or examination.model.ended:
                examination.model = processes.enter_context(FreshModel(path, place))
            found += _guarded(check, getattr(examination, check))
    return found


def _guarded(check: str, run: Any) -> Iterator[Outcome]:
    """Yield the outcomes of one check; a refusal of the library is one too, and does not keep the others from being made."""
    try:
        yield from run()
    except VerifyError as error:
        yield Outcome(check, "", fault=f"the library refuses a call that the contract admits: {error.message}", hint=error.hint)


def not_made(check: str, why: str, *, applicable: bool = False) -> Outcome:
    """Return the outcome of a check that does not apply to a file, or that could not be made though it does."""
    return Outcome(check, "", remark=why, unmade=Status.NOT_COMPARED if applicable else Status.NOT_APPLICABLE)


class _Examination:
    """One file under examination; its methods are the checks."""

    def __init__(
        self,
        path: Path,
        spec: Spec,
        reference: Reference | None,
        why_none: str,
        tolerance: float | None,
        precision: str | None,
    ) -> None:
        self.path, self.spec, self.reference, self.why_none = path, spec, reference, why_none
        self.tolerance, self.precision = tolerance, precision
        self.model: FreshModel | None = None
        self.sample = read_golden(path)
        self.cases = Cases(spec, self.sample)

    def run(self, inputs: Tensors) -> Tensors:
        """Run the model."""
        assert self.model is not None  # noqa: S101 - loaded before any check
        return self.model.forward(inputs, len(self.spec.outputs))

    def compare(
        self, want: Sequence[torch.Tensor], have: Sequence[torch.Tensor], rounding: Rounding = ()
    ) -> tuple[str, float, float]:
        """Return the output that is furthest outside its tolerance, its difference, and what is allowed."""
        rows = []
        for number, (item, a, b) in enumerate(zip(self.spec.outputs, want, have, strict=True)):
            if a.shape != b.shape or a.dtype != b.dtype:
                return item.name, float("inf"), 0.0
            rows.append((item.name, *self._furthest(a, b, rounding[number] if rounding else None)))
        return max(rows, key=lambda row: (row[1] > row[2], row[1] / row[2] if row[2] else row[1]))

    def _furthest(self, want: torch.Tensor, have: torch.Tensor, rounding: Noise | None = None) -> tuple[float, float]:
        """Return the difference that is furthest outside what is allowed there, and that."""
        if self.tolerance is not None:
            return difference(want, have), self.tolerance
        gap, limit = worst(want, have, self.precision, rounding)
        return gap, slack(self.precision) * limit

    # ------------------------------------------------------------------------------------------------------ the checks

    def golden(self) -> Iterator[Outcome]:
        """Replay the golden sample."""
        if self.sample is None:
            yield not_made("golden", "no golden sample in the file", applicable=True)
            return
        for item, want, have in zip(self.spec.outputs, self.sample.outputs, self.run(self.sample.inputs), strict=True):
            if want.shape != have.shape or want.dtype != have.dtype:
                wanted, got = f"{name_of(want)} {list(want.shape)}", f"{name_of(have)} {list(have.shape)}"
                raise VerifyError(f"output '{item.name}' came back as {got}; the golden sample has {wanted}")
            gap, limit = self._furthest(want, have)
            fault = f"{self.path} does not reproduce its golden sample (output '{item.name}')" if gap > limit else ""
            hint = "the weights or the library changed: export it again" if fault else ""
            yield Outcome("golden", item.name, gap, limit, fault, hint, not_finite(have))

    def random(self) -> Iterator[Outcome]:
        """Compare with the reference on inputs that could be real."""
        if self.reference is None:
            yield not_made("random", self.why_none, applicable=True)
            return
        sizes: Sequence[int | None] = self.cases.admitted(_BATCHES) or [None]
        for size in sizes:
            inputs = self.cases.random(size)
            yield self._against_reference("random", self._label(size), inputs, self.run(inputs), explain=True)

    def repeat(self) -> Iterator[Outcome]:
        """Call again with the same inputs."""
        size = next(iter(self.cases.admitted([_SMALL_BATCH])), None)
        inputs = self.cases.random(size)
        first = self.run(inputs)
        for _ in range(2):
            again = self.run(inputs)
        name, gap, limit = self.compare(first, again)
        fault = f"it gives other numbers when called again with the same inputs (output '{name}')" if gap > limit else ""
        yield Outcome(
            "repeat", self._label(size), gap, limit, fault,
            "it was made in training mode (dropout), draws random numbers or remembers: export module.eval(), as pt2ts export does",
        )  # fmt: skip

    def batch(self) -> Iterator[Outcome]:
        """Compute samples of a batch alone."""
        sizes = [size for size in self._batches() if size > self._alone()]
        if not sizes:
            yield not_made("batch", "no batch dimension, or only one size of it")
        for size in sizes:
            inputs = self.cases.random(size)
            whole, alone = self.run(inputs), self._alone()
            rows = []
            for start in _places(size - alone):
                part = self.run(self.cases.pick(inputs, self.spec.inputs, start, alone))
                rows.append((*self._compare_samples(whole, part, start, alone), start))
            name, gap, limit, start = max(rows, key=lambda row: (row[1] > row[2], row[1]))
            fault = f"a sample gives other numbers in a batch than alone (output '{name}')" if gap > limit else ""
            yield Outcome(
                "batch", f"{self._label(size)}, sample {start + 1} alone", gap, limit, fault,
                "batch norm in training mode does that, and reductions over the batch dimension: export module.eval(), reduce "
                "over the other dimensions; where samples may see each other, --skip batch --skip nan",
            )  # fmt: skip

    def nan(self) -> Iterator[Outcome]:
        """Put NaN into one sample of a batch: the others must not notice."""
        size = next((n for n in self._batches() if n >= _SMALL_BATCH), None)
        real = [item for item in self.spec.inputs if self.cases.batch in item.shape and item.dtype.startswith(("float", "bfloat"))]
        if size is None or not real:
            yield not_made("nan", "no batch of real numbers")
            return
        inputs = self.cases.random(size)
        clean, at = self.run(inputs), size // 2
        spoilt = [_with_nan(x, item, self.cases.batch, at) for x, item in zip(inputs, self.spec.inputs, strict=True)]
        result = self.run(spoilt)
        before = self._compare_samples(clean, self.cases.pick(result, self.spec.outputs, 0, at), 0, at)
        rest = size - at - 1
        after = self._compare_samples(clean, self.cases.pick(result, self.spec.outputs, at + 1, rest), at + 1, rest)
        name, gap, limit = max(before, after, key=lambda row: (row[1] > row[2], row[1]))
        itself = self.cases.pick(result, self.spec.outputs, at, 1)
        hidden = not any(bool(x.isnan().any()) for x in itself)
        yield Outcome(
            "nan", f"in sample {at + 1} of {size}", gap, limit,
            f"a NaN in one sample reaches the others (output '{name}')" if gap > limit else "",
            "something is computed over the whole batch: take means and norms within each sample; where samples may see each "
            "other, --skip batch --skip nan",
            "its own result shows no NaN" if hidden else "",
        )  # fmt: skip

    def edges(self) -> Iterator[Outcome]:
        """Try zeros, ends of ranges, very large values: numbers inside the ranges give numbers."""
        size = next(iter(self.cases.admitted([_SMALL_BATCH])), None)
        for edge in self.cases.edges(size):
            results = self.run(edge.inputs)
            yield self._edge(edge, results)

    def layout(self) -> Iterator[Outcome]:
        """Pass the inputs in column-major order too, as plain Fortran arrays lie in memory."""
        if all(len(item.shape) < 2 for item in self.spec.inputs):
            yield not_made("layout", "inputs of one dimension have one order")
            return
        size = next(iter(self.cases.admitted([_SMALL_BATCH])), None)
        inputs = self.cases.random(size)
        want = self.run(inputs)
        for layout, words in (("fortran", "column-major"), ("torch", "row-major")):
            name, gap, limit = self.compare(want, self.run([with_layout(x, layout) for x in inputs]))
            fault = f"{words} inputs give other numbers (output '{name}')" if gap > limit else ""
            hint = "the contract's layout is not the one it was compiled for: export it again"
            yield Outcome("layout", f"{words} inputs", gap, limit, fault, hint)

    def mode(self) -> Iterator[Outcome]:
        """Look whether the file was saved in training mode, where that matters."""
        if require_runnable(self.path) is Kind.PACKAGE:
            yield not_made("mode", "a package has no training mode")
            return
        script = load_script(self.path)
        if not any(part.training for part in script.modules()):
            yield Outcome("mode", "evaluation mode")
            return
        size = next(iter(self.cases.admitted([_SMALL_BATCH])), None)
        inputs, saved = self.cases.random(size), Reference(script, "", {})
        results = [saved.run(inputs) for _ in range(2)]
        wanted = self.run(inputs)
        name, gap, limit = max((self.compare(wanted, have) for have in results), key=lambda row: (row[1] > row[2], row[1]))
        yield Outcome(
            "mode", "training mode", gap, limit,
            f"the file was saved in training mode, where its numbers are others (output '{name}')" if gap > limit else "",
            "this library puts it into evaluation mode, other programs do not: save module.eval(), or export it by pt2ts export",
        )  # fmt: skip

    # ------------------------------------------------------------------------------------------------------- its tools

    def _label(self, size: int | None) -> str:
        return "" if size is None else f"{self.cases.batch}={size}"

    def _alone(self) -> int:
        return max(1, self.cases.bounds.min)

    def _batches(self) -> list[int]:
        """Return batch sizes to try: small ones, and those at which another variant takes over."""
        if self.cases.batch is None:
            return []
        limits = [size for item in self.spec.variants for size in item.sizes.get(self.cases.batch, ())]
        near = [size + step for size in limits for step in (0, 1) if 0 < size + step <= _LARGEST_BATCH]
        return self.cases.admitted((*_BATCHES, _SMALL_BATCH, *near))

    def _compare_samples(self, whole: Tensors, part: Tensors, start: int, count: int) -> tuple[str, float, float]:
        """Compare samples of a batch with the same ones computed otherwise, as far as outputs have samples."""
        rows = [("", 0.0, 0.0)]
        for item, a, b in zip(self.spec.outputs, whole, part, strict=True):
            if self.cases.batch not in item.shape or count == 0:
                continue
            dim = item.shape.index(self.cases.batch)
            if b.shape[dim] != count:
                return item.name, float("inf"), 0.0
            gap, limit = worst(a.narrow(dim, start, count), b, self.precision, in_batch(a, dim))
            gap, limit = (gap, slack(self.precision) * limit) if self.tolerance is None else (gap, self.tolerance)
            rows.append((item.name, gap, limit))
        return max(rows, key=lambda row: (row[1] > row[2], row[1]))

    def _against_reference(self, check: str, case: str, inputs: Tensors, have: Tensors, *, explain: bool) -> Outcome:
        assert self.reference is not None  # noqa: S101 - the callers have looked
        try:
            named = self.reference.named(inputs)
        except Exception as error:  # noqa: BLE001 - whatever the user's code raises
            why = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            return Outcome(check, case, fault=f"{self.reference.words} fails on inputs of the contract: {why}", hint=_OTHER)
        if len(named) != len(have):
            return Outcome(
                check, case, fault=f"{self.reference.words} gives {len(named)} outputs, the file {len(have)}", hint=_OTHER
            )
        want = in_order([(item.name, x) for item, x in zip(self.spec.outputs, have, strict=True)], named)
        as_they_come = all(a is b for a, (_, b) in zip(want, named, strict=True))
        rounding = self.reference.rounding(inputs, want) if as_they_come else ()
        _, gap, limit = self.compare(want, have, rounding)
        if gap <= limit:
            nothing = all(x.numel() and bool(x.isnan().all()) for x in want)
            remark = "NaN on both sides" if nothing else _remarks(have)
            return Outcome(check, case, gap, limit, remark=remark, unmade=Status.NOT_COMPARED if nothing else None)
        explanation = None
        if explain:
            weights = references.weights_of_file(self.path)
            explanation = diagnose(self.spec, weights, self.reference, inputs, want, have)
        plain = f"its numbers are not those of {self.reference.words}"
        fault = plain if explanation is None else f"{plain}: {explanation[0]}"
        hint = _OTHER if explanation is None else explanation[1]
        return Outcome(check, case, gap, limit, fault, hint)

    def _edge(self, edge: Edge, results: Tensors) -> Outcome:
        bad = [
            item.name for item, x in zip(self.spec.outputs, results, strict=True) if x.is_floating_point() and bool(x.isnan().any())
        ]
        if bad and edge.inside:
            return Outcome(
                "edges", edge.name, fault=f"output '{bad[0]}' is NaN for inputs inside their ranges ({edge.name})",
                hint="0/0, inf-inf or the root or logarithm of a negative number: guard it in forward, or declare a narrower range",
            )  # fmt: skip
        remark = _remarks(results) + ("" if edge.inside else ", outside the ranges" if _remarks(results) else "")
        if self.reference is None or not edge.compared:
            unmade = Status.NOT_COMPARED if edge.compared else None
            return Outcome(
                "edges", edge.name, remark=f"{remark or 'finite'}; {self.why_none}" if unmade else remark or "finite", unmade=unmade
            )
        outcome = self._against_reference("edges", edge.name, edge.inputs, results, explain=False)
        return outcome if outcome.fault else replace(outcome, remark=remark)


_OTHER = "the module, its weights or its version of PyTorch are not those that the file was made with: export it again"


def _places(last: int) -> list[int]:
    """Return some of the places 0 to ``last``: the first, the last and some between."""
    return sorted({round(last * k / (_SAMPLES - 1)) for k in range(_SAMPLES)})


def _with_nan(x: torch.Tensor, item: TensorSpec, batch: str | None, at: int) -> torch.Tensor:
    if batch not in item.shape or not x.is_floating_point():
        return x
    spoilt = x.clone()
    spoilt.select(item.shape.index(batch), at).fill_(float("nan"))
    return spoilt


def _remarks(tensors: Sequence[torch.Tensor]) -> str:
    return ", ".join(dict.fromkeys(filter(None, map(not_finite, tensors))))
