"""``pt2ts verify``: whether a file, run by the library in a fresh process on this machine, still gives its golden numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ..capture.remarks import not_finite
from ..container.filetype import StrPath
from ..container.reading import read_golden, read_spec
from ..contract.dtypes import name_of
from ..contract.golden import Golden
from ..contract.spec import Spec
from ..contract.tolerance import difference, slack, worst
from ..errors import VerifyError
from ..runtime.fresh import FreshModel


@dataclass(frozen=True)
class Finding:
    """How far one output lies from its golden values.

    Attributes
    ----------
    name
        The output.
    dtype, shape
        What the golden sample holds.
    difference
        Absolute difference of the element that is furthest outside its tolerance.
    tolerance
        The largest one allowed there.
    remark
        ``contains NaN`` or the like; empty for ordinary numbers.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    difference: float
    tolerance: float
    remark: str = ""

    @property
    def passed(self) -> bool:
        """Whether the difference is within the tolerance."""
        return self.difference <= self.tolerance

    @property
    def verdict(self) -> str:
        """The same in words, with the remark."""
        return ("ok" if self.passed else "DIFFERS") + (f", {self.remark}" if self.remark else "")


def verify(path: StrPath, tolerance: float | None = None) -> list[Finding]:
    """Replay the golden sample in a fresh process, through the C library.

    Parameters
    ----------
    path
        A model file with a golden sample.
    tolerance
        Largest absolute difference allowed for every output; by default 1e-4 (float32), 1e-9 (float64) or 0.04 (computed in
        bfloat16) of the element's own or the output's typical size, and 0 for integers and logicals.

    Returns
    -------
    list of Finding
        One per output, in the order of the spec.

    Raises
    ------
    VerifyError
        When the file has no golden sample, or the library refuses to run it.
    SpecError
        When the file has no spec.
    """
    spec, golden = read_spec(path), read_golden(path)
    if golden is None:
        raise VerifyError(f"{path} has no golden sample", "export it again with golden=True (the default)")
    with FreshModel(path) as model:
        results = model.forward(golden.inputs, len(golden.outputs))
    return golden_findings(spec, golden, results, tolerance)


def golden_findings(spec: Spec, golden: Golden, results: Sequence[torch.Tensor], tolerance: float | None) -> list[Finding]:
    """Compare results with those of the golden sample; see `verify`."""
    found = []
    for item, want, have in zip(spec.outputs, golden.outputs, results, strict=True):
        _same_kind(item.name, want, have)
        gap, limit = worst(want, have, spec.precision)
        gap, limit = (gap, slack(spec) * limit) if tolerance is None else (difference(want, have), tolerance)
        found.append(Finding(item.name, item.dtype, tuple(want.shape), gap, limit, not_finite(have)))
    return found


def _same_kind(name: str, want: torch.Tensor, have: torch.Tensor) -> None:
    if want.shape != have.shape or want.dtype != have.dtype:
        wanted, got = f"{name_of(want)} {list(want.shape)}", f"{name_of(have)} {list(have.shape)}"
        raise VerifyError(f"output '{name}' came back as {got}; the golden sample has {wanted}")
