"""Everything that pt2ts puts around a network becomes a kernel with it: conversions, conditions and double precision inside."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pt2ts import nn as wrappers
from pt2ts.kernels import explain_kernel

from .host import ISA, eager, host_of, program_of, weights_of


def perceptron(n_in: int, n_out: int) -> nn.Module:
    return nn.Sequential(nn.Linear(n_in, 16), nn.Tanh(), nn.Linear(16, n_out))


class Budget(nn.Module):
    """Closes its budget in double precision."""

    def __init__(self, method: str, weights: float | list[float] = 1.0) -> None:
        super().__init__()
        # Of numbers of either sign the sum may be small, and what it is divided by: then every rounding counts.
        self.network = nn.Sequential(perceptron(5, 5), nn.Softplus())
        self.conserve = wrappers.ConserveSum(5, weights, method)

    def forward(self, x: Tensor, total: Tensor) -> Tensor:
        closed: Tensor = self.conserve(self.network(x), total)
        return closed


class Clock(nn.Module):
    """Knows the hour."""

    def __init__(self) -> None:
        super().__init__()
        self.network = perceptron(7, 3)
        self.time = wrappers.CyclicTime("hour")

    def forward(self, x: Tensor, hours: Tensor) -> Tensor:
        result: Tensor = self.network(torch.cat([x, self.time(hours)], -1))
        return result


class Surface(nn.Module):
    """A profile, a number for each sample, and two numbers that nobody has to guard."""

    def __init__(self) -> None:
        super().__init__()
        self.network = perceptron(8, 3)

    def forward(self, profile: Tensor, angle: Tensor, soil: Tensor) -> Tensor:
        result: Tensor = self.network(torch.cat([profile, angle.unsqueeze(-1), soil], -1))
        return result


class Conditions(nn.Module):
    """Logical and whole numbers come in, logical ones go out."""

    def __init__(self) -> None:
        super().__init__()
        self.network = perceptron(6, 3)

    def forward(self, x: Tensor, wet: Tensor, kind: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        seen = torch.cat([torch.where(wet, x, 0.0), kind.to(torch.float32)], -1)
        return self.network(seen), (x > 0).any(-1), (x > -2).all(-1, keepdim=True), wet & (x < 1)


def reals(*shape: int, dtype: torch.dtype = torch.float32) -> Callable[[int], Tensor]:
    return lambda batch: torch.randn(batch, *shape).to(dtype)


MASSES = [0.5, 1.0, 1.5, 0.7, 0.9]
X = (reals(5),)
#: Name -> module, and a function for each input.
CASES: dict[str, tuple[Callable[[], nn.Module], tuple[Callable[[int], Tensor], ...]]] = {
    "Standardize": (
        lambda: nn.Sequential(
            wrappers.Standardize(MASSES, MASSES), perceptron(5, 5), wrappers.Standardize(MASSES, MASSES, back=True)
        ),
        X,
    ),
    "NonNegative": (lambda: nn.Sequential(perceptron(5, 5), wrappers.NonNegative()), X),
    "NonNegative relu": (lambda: nn.Sequential(perceptron(5, 5), wrappers.NonNegative("relu")), X),
    "Clip": (lambda: nn.Sequential(perceptron(5, 5), wrappers.Clip(-0.1, MASSES)), X),
    "ConserveSum shift": (lambda: Budget("shift"), (reals(5), reals())),
    "ConserveSum shift, weights": (lambda: Budget("shift", MASSES), (reals(5), reals())),
    "ConserveSum scale": (lambda: Budget("scale", MASSES), (reals(5), reals())),
    "ConserveSum, float64": (lambda: Budget("scale", MASSES).double(), (reals(5, dtype=torch.float64), reals(dtype=torch.float64))),
    "CyclicTime": (Clock, (reals(5), lambda batch: torch.rand(batch, 1) * 1e5)),
    "CyclicTime, float64 hours": (Clock, (reals(5), lambda batch: torch.rand(batch, 1, dtype=torch.float64) * 1e6)),
    "RangeGuard": (lambda: wrappers.RangeGuard(perceptron(5, 3), -1.0, 1.0), X),
    "RangeGuard, several inputs": (
        lambda: wrappers.RangeGuard.several(Surface(), (-2.0, [1, 1, 1, 1, 2]), (-1.0, 1.5), None, margin=0.1),
        (reals(5), reals(), reals(2)),
    ),
    "RangeGuard, fields": (
        lambda: wrappers.RangeGuard.several(nn.Sequential(nn.Flatten(), perceptron(12, 3)), (-2.5, 2.5)),
        (reals(3, 4),),
    ),
    "FromBytes": (
        lambda: nn.Sequential(wrappers.FromBytes(), perceptron(5, 3)),
        (lambda batch: torch.randint(0, 256, (batch, 5), dtype=torch.uint8),),
    ),
    "Cast": (
        lambda: nn.Sequential(wrappers.Cast(torch.float32), perceptron(5, 3), wrappers.Cast(torch.float64)),
        (reals(5, dtype=torch.float64),),
    ),
    "HWCtoCHW": (lambda: nn.Sequential(wrappers.HWCtoCHW(), nn.Flatten(), perceptron(24, 3)), (reals(2, 4, 3),)),
    "conditions": (
        Conditions,
        (reals(5), lambda batch: torch.rand(batch, 5) > 0.5, lambda batch: torch.randint(-100, 100, (batch, 1))),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_becomes_a_kernel(name: str) -> None:
    make, inputs = CASES[name]
    torch.manual_seed(1)
    module = make().eval()
    host = host_of(module, [draw(8) for draw in inputs], {"batch": None})
    for batch in (1, 3, 16, 21, 40):
        given = [draw(batch) for draw in inputs]
        expected = eager(module, given)
        for mine, theirs in zip(host.run(given, expected), expected, strict=True):
            if theirs.dtype is torch.bool:
                assert torch.equal(mine, theirs)
            else:
                # An elementary function of float32 is off by some units in the last place, also inside a float64 network.
                tolerance = 1e-5 if torch.float32 in (theirs.dtype, *(p.dtype for p in module.parameters())) else 1e-12
                assert (mine - theirs).abs().max() <= tolerance * theirs.abs().max()


def test_the_budget_is_closed_to_rounding() -> None:
    """What is in double precision in the module is so in the kernel: the sum is as near as the module's own."""
    torch.manual_seed(2)
    module = Budget("shift").eval()
    host = host_of(module, [torch.randn(8, 5), torch.randn(8)], {"batch": None})
    x, total = torch.randn(500, 5) * 1000, torch.randn(500) * 1000
    expected = eager(module, [x, total])

    def gap(y: Tensor) -> Tensor:
        return (y.double().sum(-1) - total.double()).abs().max()

    (y,) = host.run([x, total], expected)
    assert gap(y) <= 1.5 * gap(expected[0]) < 1e-3


class Sorted(nn.Module):
    """Nothing for a kernel."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sort(-1).values


class Arithmetic(nn.Module):
    """Whole numbers that stay such."""

    def forward(self, x: Tensor) -> Tensor:
        return (x // 3).to(torch.float32)


@pytest.mark.parametrize(
    ("module", "x", "words"),
    [
        (Sorted(), torch.randn(8, 5), "sort: this operation is unknown to kernels"),
        (Arithmetic(), torch.ones(8, 5, dtype=torch.int64), "arithmetic with the input 'x', which is int64"),
        (wrappers.Cast(torch.float16), torch.randn(8, 5), "kernels compute in float32 and float64; here is float16"),
    ],
)
def test_the_reason_is_told(module: nn.Module, x: Tensor, words: str) -> None:
    program = program_of(module, [x])
    assert words in explain_kernel(program, weights_of(program), {"batch": None}, ISA)
