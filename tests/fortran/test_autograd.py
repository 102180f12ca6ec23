"""Derivatives in Fortran are those of torch.autograd: gradients, products, matrices, of expressions and of networks."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.autograd.functional

import pt2ts

from .conftest import Build, Run

Numbers = dict[str, torch.Tensor]

functional: Any = torch.autograd.functional  # it has no types


class Network(torch.nn.Module):
    """Four numbers to three."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 3))
        with torch.no_grad():
            for weight in self.layers.parameters():
                weight.copy_(torch.sin(torch.arange(weight.numel()) + 1.0).reshape(weight.shape) / 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.layers(x)
        return y


class Scalar(torch.nn.Module):
    """Four numbers to one."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (torch.sin(x) * x.prod()).sum()


class Coupled(torch.nn.Module):
    """The samples of a batch see each other, whatever a contract says."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * x.mean(0)


class Single(torch.nn.Module):
    """Takes one sample at a time, whatever a contract says."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.size(0) != 1:
            raise ValueError("one at a time")
        return x * x


class Counting(torch.nn.Module):
    """Knows how often it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: torch.Tensor
        self.register_buffer("calls", torch.zeros(1, dtype=torch.float64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return x * self.calls


class Wide(torch.nn.Module):
    """So many numbers that the copies of a sample need several batches."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(x.size(0), 5, -1).sum(-1) ** 2


def data(first: int, *sizes: int) -> torch.Tensor:
    """Numbers of the Fortran program."""
    n = torch.arange(first, first + torch.Size(sizes).numel(), dtype=torch.float64)
    return (torch.sin(n) + 0.1 * n).reshape(sizes).requires_grad_()


def function_of(x: torch.Tensor) -> torch.Tensor:
    return (torch.sin(x) * x**2).sum(0) + x.prod(0)


def of_expressions() -> Numbers:
    """What eager PyTorch finds for the expressions."""
    x, w, v = data(1, 2, 3), data(7, 2, 3), data(13, 2, 3)
    numbers: Numbers = {}
    numbers["external"], numbers["external_w"] = torch.autograd.grad(torch.sin(x) * w + x**3 / w, (x, w), v)
    numbers["accumulated"] = 2 * numbers["external"]
    numbers["create_graph"] = 96 * x**5
    penalty = ((4 * x**3) ** 2).sum()
    outputs = (torch.exp(x * w), (x + w * w).sum())
    numbers["grad_1"], numbers["grad_2"] = torch.autograd.grad(outputs, (x, w), (v, penalty.detach()))
    (numbers["grad_single"],) = torch.autograd.grad(torch.exp(x * w), x, v)
    numbers["grad_wrapped"] = torch.ones(7)
    numbers["unused"] = torch.zeros(2, 3)
    z = torch.complex(data(1, 3).detach(), data(4, 3).detach()).requires_grad_()
    (of_complex,) = torch.autograd.grad((z * z * (0.5 + 2j)).abs().sum(), z)
    numbers["complex"] = torch.cat([of_complex.real, of_complex.imag])
    numbers["not_required"] = torch.zeros(1)

    v, u = data(11, 3), data(17, 2, 3)
    numbers["vjp"] = numbers["vjp_last"] = functional.vjp(function_of, x, v)[1]
    numbers["jvp"] = numbers["jvp_after_jvp"] = functional.jvp(function_of, x, u)[1]
    numbers["vjp_of_expression"] = functional.vjp(lambda t: torch.sin(t) * 2, x, u)[1]
    numbers["jvp_constant"] = torch.zeros(2, 3)

    numbers["jacobian_shape"] = torch.tensor([3, 2, 3])
    numbers["jacobian"] = numbers["jacobian_twice"] = functional.jacobian(function_of, x)
    numbers["hessian_shape"] = torch.tensor([2, 3, 2, 3])
    numbers["hessian"] = functional.hessian(lambda t: function_of(t).sum(), x)
    numbers["hessian_linear"] = torch.zeros(36)
    numbers["jacobian_of_number"] = torch.tensor([2, 3])

    numbers["second"] = functional.jacobian(lambda t: functional.jacobian(function_of, t, create_graph=True), x)
    numbers["third"] = functional.jacobian(lambda t: functional.hessian(lambda s: torch.sin(s).sum(), t, create_graph=True), x)
    numbers["mixed"] = 9 * x * x  # the direction is x, too
    return numbers


def of_networks() -> Numbers:
    """What eager PyTorch finds for the networks."""
    network, scalar, numbers = Network().double(), Scalar(), Numbers()
    x = data(1, 4).detach()
    jacobian = functional.jacobian(network, x)
    for name in ("model_jacobian", "model_turned", "plain_jacobian", "converted", "inside_scopes"):
        numbers[name] = jacobian
    numbers["model_output"] = network(x)
    second = data(5, 4).detach()
    numbers["model_batch"] = functional.jacobian(network, second)
    numbers["model_batch_other"] = torch.zeros(24)
    numbers["model_batch_output"] = network(second)
    numbers["model_hessian"] = functional.hessian(scalar, x)
    numbers["scalar_output"] = scalar(x).reshape(1)

    numbers["coupled"] = numbers["single"] = torch.diag(2 * x)
    numbers["counted"] = 3 * torch.eye(4)
    numbers["wide"] = torch.zeros(1)

    x = x.reshape(1, 4).requires_grad_()
    weights = list(network.parameters())
    (slope,) = torch.autograd.grad((network(x) ** 2).sum(), x, create_graph=True)
    numbers["penalty"] = torch.autograd.grad((slope**2).sum(), weights, allow_unused=True)[0]
    numbers["forward_jacobian"] = functional.jacobian(network, x)
    numbers["weights"] = torch.autograd.grad(network(x).sum(), weights)[0]
    return numbers


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the networks."""
    folder = tmp_path_factory.mktemp("networks")
    pt2ts.export(Network().double(), data(1, 2, 4).detach(), folder / "network.pt", inputs=["x[batch,4] float64"])
    pt2ts.export(Coupled(), data(1, 2, 4).detach(), folder / "coupled.pt", inputs=["x[batch,4] float64"])
    pt2ts.export(Wide(), torch.ones(2, 300000).double(), folder / "wide.pt", inputs=["x[batch,300000] float64"])
    spec = pt2ts.read_spec(folder / "coupled.pt").to_json()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(Single()), folder / "single.pt", _extra_files={"ftorch_spec.json": spec})
        torch.jit.save(torch.jit.script(Counting()), folder / "counting.pt", _extra_files={"ftorch_spec.json": spec})
        torch.jit.save(torch.jit.script(Network().double()), folder / "plain.pt")
        torch.jit.save(torch.jit.script(Scalar()), folder / "scalar.pt")
    return folder


@pytest.fixture(scope="module")
def printed(build: Build, run: Run, networks: Path) -> Callable[[], Numbers]:
    """Return what the program prints."""

    @cache
    def numbers() -> Numbers:
        done = run(build("autograd.f90"), str(networks))
        assert done.returncode == 0, done.stderr
        assert not done.stderr, "a library is silent"
        lines = (line.split() for line in done.stdout.splitlines())
        return {name: torch.tensor([float(value) for value in values], dtype=torch.float64) for name, *values in lines}

    return numbers


@pytest.mark.parametrize("name", [*of_expressions(), *of_networks()])
def test_numbers(printed: Callable[[], Numbers], name: str) -> None:
    expected = {**of_expressions(), **of_networks()}[name].detach().double().flatten()
    tolerance = 1e-5 if name == "converted" else 1e-12  # float32 there
    torch.testing.assert_close(printed()[name], expected, rtol=tolerance, atol=tolerance)


def test_gradient_check(printed: Callable[[], Numbers]) -> None:
    right, wrong, coarse = printed()["check"].tolist()
    assert right < 1e-8, "derivatives that are right"
    assert wrong > 0.1, "a factor is missing in the graph"
    assert 1e-8 < coarse < 1e-5, "a larger step is less accurate"


def test_nothing_is_left(printed: Callable[[], Numbers]) -> None:
    assert printed()["live"].tolist() == [0]


def test_threads(build: Build, run: Run) -> None:
    done = run(build("scopes_parallel.f90", flags=("-fopenmp",)))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "wrong: 0\n"
