"""Every row of the table of operations, from Fortran, against eager PyTorch: the same bits."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings

from ..support import BuildFortran
from .cases import arguments
from .oracle import eager
from .runner import TABLE, Refused, Runner, build

QUICK = settings(
    max_examples=16,
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


def same(got: torch.Tensor, wanted: torch.Tensor) -> bool:
    """Whether dtype, shape and all elements agree, NaN with NaN."""
    if got.dtype != wanted.dtype or got.shape != wanted.shape:
        return False
    return bool(torch.equal(got, wanted) or torch.allclose(got, wanted, rtol=0, atol=0, equal_nan=True))


@pytest.mark.parametrize("entry", TABLE)
def test_same_as_eager(runner: Runner, entry: str) -> None:
    compared = 0

    @QUICK
    @given(values=arguments(entry))
    def compare(values: list[Any]) -> None:
        nonlocal compared
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                wanted = eager(entry, values)
        except (RuntimeError, TypeError, IndexError, ValueError):
            return  # PyTorch has no such dtype or shape; what we say then is tested in tests/fortran
        try:
            got = runner(entry, values, len(wanted), intrinsic=TABLE[entry].intrinsic is not None and compared % 2 == 0)
        except Refused as refused:
            raise AssertionError(f"{refused} for {values}") from None
        assert len(got) == len(wanted)
        for one, other in zip(got, wanted, strict=True):
            assert same(one, other.detach()), f"{values}: got {one}, expected {other}"
        compared += 1

    compare()
    assert compared >= 5, f"only {compared} examples"
