"""Every row of the table of operations and losses, from Fortran, against eager PyTorch: the same bits."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings

from ..support import BuildFortran
from .cases import ALL, Drawer, arguments, taken
from .oracle import eager
from .runner import TABLE, Refused, Runner, build

EXAMPLES = 40
QUICK = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def runner(fc: str, build_fortran: BuildFortran) -> Iterator[Runner]:
    torch.set_num_threads(1)
    process = Runner(build(build_fortran, fc))
    yield process
    process.close()


#: Python composes this loss from other pieces than C++.
ROUNDED = {"loss_gaussian_nll"}
#: Some products of bool tensors are taken, others refused; a line of no numbers can be of any dtype.
TAKES_MORE = {"einsum", "matmul", "linspace"}
REFUSED = (RuntimeError, TypeError, IndexError, ValueError)


def same(got: torch.Tensor, wanted: torch.Tensor, tolerance: float = 0.0) -> bool:
    """Whether dtype, shape and all elements agree, NaN with NaN."""
    if got.dtype != wanted.dtype or got.shape != wanted.shape:
        return False
    return bool(torch.equal(got, wanted) or torch.allclose(got, wanted, rtol=tolerance, atol=0, equal_nan=True))


def tensors_of(values: list[Any]) -> list[torch.Tensor]:
    """Return the tensors among the arguments."""
    return [t for value in values for t in (value if isinstance(value, list) else [value]) if isinstance(t, torch.Tensor)]


@dataclass
class Seen:
    """What was compared of one operation: an agreement about nothing would be none."""

    count: int = 0
    several: int = 0
    noncontiguous: int = 0
    broadcast: int = 0
    dtypes: set[torch.dtype] = field(default_factory=set)

    def add(self, values: list[Any]) -> None:
        """Note one comparison."""
        self.count += 1
        tensors = tensors_of(values)
        if tensors:
            self.several += tensors[0].numel() > 1
            self.noncontiguous += not tensors[0].is_contiguous() and tensors[0].numel() > 1
            self.broadcast += len({t.shape for t in tensors}) > 1
            self.dtypes.add(tensors[0].dtype)

    def judge(self, entry: str) -> None:
        """Fail if too little was seen."""
        op = TABLE[entry]
        assert self.count >= 5, self
        if any(argument.form in ("tensor", "tensors") for argument in op.args) or op.operator:
            assert self.several >= 3, self
            assert self.noncontiguous >= 1, self
            assert len(self.dtypes) >= min(len(taken(op)), 4), self
        if sum(argument.form == "operand" for argument in op.args) > 1:
            assert self.broadcast >= 1, self


@pytest.mark.parametrize("entry", TABLE)
def test_same_as_eager(runner: Runner, entry: str) -> None:
    seen = Seen()
    tolerance = 1e-6 if TABLE[entry].name in ROUNDED else 0.0

    @QUICK
    @given(values=arguments(entry))
    def compare(values: list[Any]) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                wanted = eager(entry, values)
        except REFUSED:
            return  # PyTorch has no such dtype or shape; what we say then is tested in tests/fortran
        try:
            got = runner(entry, values, len(wanted), intrinsic=TABLE[entry].intrinsic is not None and seen.count % 2 == 0)
        except Refused as refused:
            raise AssertionError(f"{refused} for {values}") from None
        assert len(got) == len(wanted)
        for one, other in zip(got, wanted, strict=True):
            assert same(one, other.detach(), tolerance), f"{values}: got {one}, expected {other}"
        seen.add(values)

    compare()
    seen.judge(entry)


NUMBERS = [(entry, place) for entry, op in TABLE.items() for place, argument in enumerate(op.args) if argument.form == "operand"]


@pytest.mark.parametrize(("entry", "place"), NUMBERS)
def test_numbers_keep_their_digits(runner: Runner, entry: str, place: int) -> None:
    """A number beside a real64 tensor is a real64, on either side; rounded to a real32 it would make the comparison another one."""
    numbers, mask = torch.tensor([0.1, 0.3, 2.9], dtype=torch.float64), torch.tensor([True, False, True])
    given = {"operand": numbers, "tensor": numbers if TABLE[entry].in_place else mask}
    values: list[Any] = [given.get(argument.form) for argument in TABLE[entry].args]
    values[place] = np.float64(0.1)
    wanted = eager(entry, [*values])
    got = runner(entry, values, len(wanted))
    assert [one.tolist() for one in got] == [other.tolist() for other in wanted]


def accepted(entry: str, dtype: torch.dtype, tries: int) -> bool:
    """Whether PyTorch takes some first tensor of a dtype that has elements, or gives a result of it."""
    op = TABLE[entry]
    for seed in range(tries):
        values = Drawer(random.Random(seed), op, smooth=False, dtype=dtype).arguments()  # noqa: S311
        tensors = tensors_of(values)
        if tensors and (tensors[0].dtype != dtype or not tensors[0].numel()):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                results = eager(entry, values)
        except REFUSED:
            continue
        if tensors or (results[0].dtype == dtype and results[0].numel()):
            return True
    return False


@pytest.mark.parametrize("entry", [entry for entry, op in TABLE.items() if op.group != "losses"])
def test_dtypes_are_those_of_the_table(entry: str) -> None:
    for dtype in ALL:
        named = dtype in taken(TABLE[entry])
        if named or TABLE[entry].name not in TAKES_MORE:
            assert accepted(entry, dtype, 40 if named else 5) == named, dtype
