"""``pt2ts bench``: what a call of a model file costs over batch sizes, in the library and in eager PyTorch."""

from __future__ import annotations

import copy
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..container.filetype import StrPath
from ..container.reading import read_golden, read_spec
from ..contract.batch import check_batch
from ..contract.former import takes_callbacks
from ..contract.layout import in_order
from ..contract.spec import Spec
from ..contract.structure import flatten
from ..contract.tolerance import SLACK, worst
from ..errors import DeclarationError, VerifyError
from ..pytorch.products import allowed_in_tf32
from ..report import step
from ..runtime.bridge import FortranModel
from ..runtime.fresh import FreshModel
from ..runtime.library import LibraryModel, threads
from ..runtime.measure import Call, beyond, samples
from ..toolchain.devices import device_to_run_on
from ..verification import reference as references
from ..verification.cases import Cases, Tensors
from ..verification.reference import Reference

LIBRARY = "library"
EAGER = "eager PyTorch"

#: Headings of `Row.cells`.
COLUMNS = ("batch", "", "per call", "middle half of the rounds", "per sample", "against eager")

_ROUNDS = 25
_MICRO = 1e6
_MILLI = 1e3


@dataclass(frozen=True)
class Row:
    """Times of one contestant at one batch size.

    Attributes
    ----------
    batch
        The batch size; None for a model of fixed sizes.
    contestant
        `LIBRARY` or `EAGER`.
    seconds, low, high
        Seconds per call: the median of the rounds and their quartiles.
    speedup
        How many times as fast as eager PyTorch; None without it.
    """

    batch: int | None
    contestant: str
    seconds: float
    low: float
    high: float
    speedup: float | None = None

    @property
    def per_sample(self) -> float:
        """Seconds for each sample of the batch."""
        return self.seconds / (self.batch or 1)

    def cells(self) -> tuple[str, ...]:
        """Return the cells of the table."""
        spread = f"{time_text(self.low)} to {time_text(self.high)}"
        ratio = "" if self.speedup is None or self.contestant == EAGER else f"{self.speedup:.3g} times as fast"
        batch = "" if self.batch is None else str(self.batch)
        return batch, self.contestant, time_text(self.seconds), spread, time_text(self.per_sample), ratio

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {**self.__dict__, "per_sample": self.per_sample}


@dataclass(frozen=True)
class Bench:
    """The result of `bench`.

    Attributes
    ----------
    name
        Name of the model.
    threads
        How many threads the library may use, and eager PyTorch.
    rows
        The times.
    device
        PyTorch's name of what computes.
    """

    name: str
    threads: tuple[int, int]
    rows: Sequence[Row]
    device: str = "cpu"

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            "model": self.name,
            "device": self.device,
            "threads": {"library": self.threads[0], "torch": self.threads[1]},
            "rows": [row.to_dict() for row in self.rows],
        }


def time_text(seconds: float) -> str:
    """Return a time as people write it."""
    micro = seconds * _MICRO
    return f"{micro:.3g} us" if micro < _MILLI else f"{micro / _MILLI:.3g} ms"


@takes_callbacks
def bench(
    path: StrPath, batch: Sequence[int] | None = None, against: torch.nn.Module | None = None, *, device: str | None = None
) -> Bench:
    """Measure a model file.

    The library is called through its C interface with everything prepared, as a Fortran program calls it; what the loop in Python
    costs is measured too, in turns with it, and taken off. Eager PyTorch is measured with the Python around it, which it needs.

    Parameters
    ----------
    path
        A model file with a contract; of a training package the network in it.
    batch
        Batch sizes; 1, 32 and 1024 by default, as far as the bounds admit them.
    against
        The module that the file was made from.
    device
        A kind of device of this machine that computes: ``cuda``, ``hip``, ``xpu`` or ``mps``. Arrays are the host's, in and out,
        for the library and for eager PyTorch.

    Raises
    ------
    VerifyError
        The library refuses the file, or file and module give different numbers: then times would mean nothing.
    DeclarationError
        The sizes are not possible.
    """
    spec, place = read_spec(path), device_to_run_on(device)
    cases = Cases(spec, read_golden(path))
    sizes: Sequence[int | None] = [None]
    if cases.batch is not None:
        sizes = check_batch(batch, cases.batch, cases.bounds)
    elif batch:
        raise DeclarationError("batch sizes are given, but no input has a symbolic batch dimension", "leave them out")
    eager = None if against is None else references.of_module(against, spec)
    rows: list[Row] = []
    for size in sizes:
        step("measuring" if size is None else f"measuring {cases.batch}={size}")
        rows += _measured(Path(path), spec, cases.random(size), size, eager, place)
    return Bench(spec.name, (threads(), torch.get_num_threads()), rows, place)


def _measured(path: Path, spec: Spec, inputs: Tensors, size: int | None, eager: Reference | None, place: str) -> list[Row]:
    laid = in_order(spec.inputs, inputs)
    outputs = _outputs(path, spec, inputs, place)
    if eager is not None:
        _require_agreement(spec, eager, inputs, outputs, place)
    with LibraryModel(path, place) as model, torch.inference_mode(), allowed_in_tf32(spec.products == "tf32"):
        calls = [*model.calls(laid, outputs)]
        if eager is not None and eager.module is not None:
            calls.append(_eager_call(eager.module, inputs) if place == "cpu" else _eager_there(eager.module, inputs, place))
        whole, empty, *others = samples(calls, _ROUNDS)
    own = beyond(empty, whole)
    ratio = None if not others else statistics.median(b / a for a, b in zip(own, others[0], strict=True))
    rows = [_row(size, LIBRARY, own, ratio)]
    return rows + [_row(size, EAGER, times, 1.0) for times in others]


def _outputs(path: Path, spec: Spec, inputs: Tensors, place: str) -> Tensors:
    """Return what the file gives: by the Fortran interface on the CPU, by the C interface elsewhere."""
    if place == "cpu":
        with FortranModel(path) as fortran:
            return fortran.forward(inputs, len(spec.outputs))
    with FreshModel(path, place) as model:
        return model.forward(inputs, len(spec.outputs))


def _eager_there(module: torch.nn.Module, inputs: Tensors, place: str) -> Call:
    """Return a call on a device: inputs go there, and results come back."""
    there = copy.deepcopy(module).to(place)
    return lambda: [item.cpu() for _, item in flatten(there(*(tensor.to(place) for tensor in inputs)))]


def _eager_call(module: Callable[..., object], inputs: Tensors) -> Call:
    return lambda: module(*inputs)


def _row(size: int | None, contestant: str, times: Sequence[float], speedup: float | None) -> Row:
    low, middle, high = statistics.quantiles(times, n=4)
    return Row(size, contestant, middle, low, high, speedup)


def _require_agreement(spec: Spec, eager: Reference, inputs: Tensors, have: Tensors, place: str) -> None:
    try:
        want = eager.run(inputs)
    except Exception as error:
        why = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise VerifyError(
            f"the module fails on inputs of the contract: {why}", "is it the one that the file was made from?"
        ) from error
    same = len(want) == len(have) and all(a.shape == b.shape for a, b in zip(want, have, strict=True))
    for item, a, b in zip(spec.outputs, want, have, strict=False):
        gap, limit = worst(a, b, spec.precision_on(place)) if same else (float("inf"), 0.0)
        if gap > SLACK * limit:
            raise VerifyError(
                f"the file and the module give different numbers (output '{item.name}'): times would mean nothing",
                "pt2ts verify --against says what differs; are weights missing (--weights)?",
            )
