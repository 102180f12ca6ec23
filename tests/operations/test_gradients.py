"""Every differentiable operation and loss: the gradient that Fortran gets, against central differences of what Fortran computes.

Twice: differences that Python takes of numbers that it asks for, and the library's own torch_gradient_check.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings

import operations

from ..support import BuildFortran
from .cases import SYMMETRIC, arguments
from .oracle import eager
from .runner import CHECK, CHECK_SYMMETRIC, TABLE, Runner, build

STEP = 1e-5
#: What torch_gradient_check finds where the gradients are right.
RIGHT = 1e-6
FEW = settings(
    max_examples=12,
    derandomize=True,
    deadline=None,
    database=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
#: Gradients that are smaller than this may be zeros with rounding.
FLAT_BELOW = 1e-3
#: Rows whose gradients are zero everywhere.
STEPS = {"sign", "floor", "ceil", "round"}
#: Rows without gradients: their results are integers or bools, random or constant.
FLAT = {
    "eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_not", "isnan", "isfinite", "argmin", "argmax",
    "any", "all", "detach", "zeros", "ones", "full", "arange", "linspace", "eye", "rand", "randn", "randint", "randperm",
    "zeros_like", "ones_like", "full_like", "rand_like", "randn_like", "randint_like", "fill",
}  # fmt: skip


@pytest.fixture(scope="module")
def runner(fc: str, build_fortran: BuildFortran) -> Iterator[Runner]:
    torch.set_num_threads(1)
    process = Runner(build(build_fortran, fc))
    yield process
    process.close()


#: Arguments without gradients, by operation; what copy overwrites has no history.
CONSTANT = {
    "copy": {"a"},
    **{f"loss_{name}": {"weight", "pos_weight"} for name in ("bce", "bce_with_logits", "cross_entropy", "nll")},
}


def leaves(op: operations.Operation, values: list[Any]) -> list[torch.Tensor]:
    """Return the arguments that can have gradients."""
    varied = [v for v, a in zip(values, op.args, strict=True) if a.name not in CONSTANT.get(op.name, ())]
    tensors = [t for value in varied for t in (value if isinstance(value, list) else [value]) if isinstance(t, torch.Tensor)]
    return [t for t in tensors if t.dtype == torch.float64]


def weighted(runner: Runner, entry: str, values: list[Any], weights: list[torch.Tensor]) -> float:
    """Return the weighted sum of an operation's results."""
    results = runner(entry, values, len(weights))
    return float(sum((r * w).sum() for r, w in zip(results, weights, strict=True)))


def differences(runner: Runner, entry: str, values: list[Any], weights: list[torch.Tensor], leaf: torch.Tensor) -> torch.Tensor:
    """Return the derivatives of the weighted sum; symmetric matrices stay symmetric."""
    symmetric = TABLE[entry].name in SYMMETRIC
    derivatives = torch.zeros(leaf.shape, dtype=torch.float64)
    for place in torch.cartesian_prod(*map(torch.arange, leaf.shape)).reshape(-1, leaf.dim()).tolist() if leaf.dim() else [[]]:
        places = {tuple(place), (*place[:-2], place[-1], place[-2])} if symmetric else {tuple(place)}
        at = []
        for sign in (1, -1):
            kept = leaf.clone()
            for p in places:
                leaf[p] += sign * STEP
            at.append(weighted(runner, entry, values, weights))
            leaf.copy_(kept)
        derivatives[tuple(place)] = (at[0] - at[1]) / (2 * STEP)
    return derivatives


@pytest.mark.filterwarnings("ignore:reduction:UserWarning")  # of kl_div, that its mean is over elements
@pytest.mark.parametrize("entry", [entry for entry, op in TABLE.items() if op.name not in FLAT])
def test_gradient(runner: Runner, entry: str) -> None:
    compared = several = checked = 0
    op = TABLE[entry]

    @FEW
    @given(values=arguments(entry, smooth=True))
    def compare(values: list[Any]) -> None:
        nonlocal compared, several, checked
        variables = leaves(op, values)
        for variable in variables:
            variable.requires_grad_(True)
        try:
            results = eager(entry, values)
            chance = torch.Generator().manual_seed(1)
            weights = [torch.rand(r.shape, generator=chance, dtype=torch.float64) + 0.5 for r in results]
            total = sum((r * w).sum() for r, w in zip(results, weights, strict=True))
            assert isinstance(total, torch.Tensor)
            total.backward()  # type: ignore[no-untyped-call]
        except (RuntimeError, TypeError, IndexError, ValueError):
            return
        expected = [variable.grad for variable in variables if variable.grad is not None]
        if len(expected) < len(variables):
            return
        gradients = runner(entry, values, len(weights), weights=weights)
        if all(float(gradient.abs().max()) > FLAT_BELOW for gradient in expected):  # the check's differences are relative
            check = CHECK_SYMMETRIC if op.name in SYMMETRIC else CHECK
            (worst,) = runner(entry, values, len(weights), weights=weights, check=check)
            assert worst.item() < RIGHT, values
            checked += 1
        for variable in variables:
            variable.requires_grad_(False)
            variable.grad = None
        assert len(gradients) == len(variables)
        for variable, gradient, eagers in zip(variables, gradients, expected, strict=True):
            torch.testing.assert_close(gradient, eagers, rtol=1e-12, atol=1e-12, equal_nan=True)
            if op.name in SYMMETRIC:
                gradient = gradient + gradient.mT - torch.diag_embed(torch.diagonal(gradient, dim1=-2, dim2=-1))
            derivatives = differences(runner, entry, values, weights, variable)
            torch.testing.assert_close(gradient, derivatives, rtol=1e-6, atol=1e-7, equal_nan=True)
        compared += 1
        several += max(variable.numel() for variable in variables) > 1

    compare()
    assert compared >= 3, f"only {compared} examples have a gradient"
    assert several >= 2, f"only {several} gradients have more than one element"
    assert checked >= 2 or op.name in STEPS, f"only {checked} were given to torch_gradient_check"


def test_exceptions_are_rows() -> None:
    """The lists of exceptions name no row that is gone."""
    assert {op.name for op in TABLE.values()} >= FLAT | STEPS | SYMMETRIC | set(CONSTANT)
