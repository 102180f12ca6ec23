"""Programs written for the interfaces of others run unchanged: FTorch 1.1, and the teaching material of 2023.

The programs for FTorch 1.1 use only its names. They print numbers by name; eager PyTorch says what these should be.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as functional

from .conftest import Build, Run
from .model_files import Linear

Numbers = dict[str, list[float]]


def numbers(tensor: torch.Tensor) -> list[float]:
    """Elements in Fortran's order."""
    flat: list[float] = tensor.detach().double().permute(*range(tensor.dim() - 1, -1, -1)).flatten().tolist()
    return flat


def matrix(*values: float) -> torch.Tensor:
    """Two rows from numbers in Fortran's order."""
    return torch.tensor(values).reshape(-1, 2).T.clone()


def gradients(value: torch.Tensor, leaves: tuple[torch.Tensor, ...], times: int = 1) -> list[list[float]]:
    """Accumulated gradients for the external gradient of the programs, or of one element."""
    for leaf in leaves:
        leaf.grad = None
    external = torch.ones_like(value) if value.dim() == 0 else torch.tensor([1.0, 2.0, -1.0], dtype=value.dtype)
    for _ in range(times):
        torch.autograd.backward(value, external, retain_graph=True)
    return [numbers(leaf.grad) for leaf in leaves if leaf.grad is not None]


def values() -> Numbers:
    a = torch.tensor([2.0, 3.0, 0.5], dtype=torch.float64, requires_grad=True)
    b = torch.tensor([6.0, -4.0, 1.5], dtype=torch.float64, requires_grad=True)
    results: dict[str, torch.Tensor] = {
        "add": a + b,
        "sub": a - b,
        "mul": a * b,
        "div": a / b,
        "long": -(a - b) * (a + b) / (a * a),
        "neg": -a,
        "copy": a.clone(),
        "int8": a**2,
        "int16": a**-2,
        "int32": a**3,
        "int64": a**4,
        "real32": a**0.5,
        "real64": a**1.1,
    }
    expected: Numbers = {}
    for name, result in results.items():
        expected[name] = numbers(result)
        found = gradients(result, (a, b))
        expected[f"{name}_a"] = found[0]
        if len(found) > 1:
            expected[f"{name}_b"] = found[1]
    total, mean, q = (a * b).sum(), (a**2).mean(), 3 * (a**3 - b * b / 5)
    expected |= {"sum": [total.item()], "sum_a": gradients(total, (a,))[0], "mean": [mean.item()], "q": numbers(q)}
    expected |= {"mean_twice_a": gradients(mean, (a,), times=2)[0], "q_twice_a": gradients(q, (a, b), times=2)[0]}
    single = [1.5, 2.5, -3.5, 4.0, 5.25, 6.75]
    expected |= {"to_float64": single, "to_int64": [1, 2, -3, 4, 5, 6], "ones": [1] * 6, "zeroed": [0] * 6, "shape": [2, 3]}
    return expected | {"independent": [1, 1, 1], "null": [1]}


def losses() -> Numbers:
    x = matrix(1.0, 2.0, -3.0, 0.5, 4.0, 1.5).requires_grad_()
    y = matrix(0.5, 2.5, -1.0, 0.0, 3.0, -1.5)
    classes, probabilities = torch.tensor([2, 0]), matrix(0.25, 0.5, 0.25, 0.25, 0.5, 0.25)
    mean, total = functional.mse_loss(x, y), functional.mse_loss(x, y, reduction="sum")
    entropy, all_entropy = functional.cross_entropy(x, classes), functional.cross_entropy(x, classes, reduction="sum")
    return {
        "mse": [mean.item()],
        "mse_gradient": gradients(mean, (x,))[0],
        "mse_sum": [total.item()],
        "mse_sum_gradient": gradients(total, (x,))[0],
        "mse_none": numbers(functional.mse_loss(x, y, reduction="none")),
        "entropy": [entropy.item()],
        "entropy_gradient": gradients(entropy, (x,))[0],
        "entropy_probabilities": [functional.cross_entropy(x, probabilities).item()],
        "entropy_sum": [all_entropy.item()],
        "entropy_sum_gradient": gradients(all_entropy, (x,))[0],
    }


def models() -> Numbers:
    net, x = Linear(), matrix(*map(float, range(1, 11)))
    total = net(x).sum()
    weight, bias = gradients(total, (net.layer.weight, net.layer.bias))
    expected = {"inference": numbers(net(x)), "total": [total.item()], "weight_gradient": weight, "bias_gradient": bias}
    return expected | {"reloaded": numbers(net(x) - net.layer.bias), "deleted": [1], "training": [1], "evaluating": [1]}


def optimizers() -> Numbers:
    data, goal = torch.tensor([1.0, 2, -0.5, 3], dtype=torch.float64), torch.tensor([1.0, -2, 3, 4], dtype=torch.float64)
    expected: Numbers = {}

    def descend(name: str, choice: type[torch.optim.Optimizer], **options: Any) -> None:
        scaling = torch.tensor([1.0, 0.5, -1.0, 2.0], dtype=torch.float64, requires_grad=True)
        optimizer = choice([scaling], **options)
        for _ in range(15):
            optimizer.zero_grad()
            loss = ((data * scaling - goal) ** 2).mean()
            torch.autograd.backward(loss)
            optimizer.step()
        expected.update({name: numbers(scaling), f"{name}_loss": [loss.item()], f"{name}_deleted": [1]})

    descend("sgd", torch.optim.SGD)
    descend("sgd_momentum", torch.optim.SGD, lr=0.1, momentum=0.9, weight_decay=0.05, dampening=0.2)
    descend("sgd_nesterov", torch.optim.SGD, lr=0.05, momentum=0.8, nesterov=True)
    descend("adam", torch.optim.Adam)
    descend("adam_all", torch.optim.Adam, lr=0.3, betas=(0.8, 0.9), eps=1e-6, weight_decay=0.1, amsgrad=True)
    descend("adamw", torch.optim.AdamW)
    descend("adamw_all", torch.optim.AdamW, lr=0.2, betas=(0.7, 0.95), eps=1e-7, weight_decay=0.3, amsgrad=True)
    return expected | trained_network()


def trained_network() -> Numbers:
    net = Linear()
    x, y = matrix(*(k / 10 for k in range(1, 11))), matrix(1.0, -1.0, 0.5, 2.0, -0.5, 0.0)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-2)
    for _ in range(15):
        optimizer.zero_grad()
        loss = functional.mse_loss(net(x), y)
        torch.autograd.backward(loss)
        optimizer.step()
    return {"network_loss": [loss.item()], "network": numbers(net(x))}


def umbrella() -> Numbers:
    constants: Numbers = {"dtypes": [0, 1, 2, 3, 4, 5, 6, 7], "devices": [0, 1, 1, 12, 13], "reductions": [0, 1, 2]}
    return constants | {"the_same": [1], "integers": [4, 4]}


PROGRAMS: dict[str, tuple[Callable[[], Numbers], float]] = {
    "values": (values, 1e-14),
    "losses": (losses, 1e-6),
    "models": (models, 1e-6),
    "optim": (optimizers, 1e-12),
    "umbrella": (umbrella, 0.0),
}
#: Of a network in single precision among doubles.
SINGLE, SINGLE_TOLERANCE = ("network", "network_loss"), 1e-5


@pytest.mark.parametrize("api", ["ftorch", "ftorch1"])
@pytest.mark.parametrize("unit", PROGRAMS)
def test_numbers_are_those_of_pytorch(build: Build, run: Run, unit: str, api: str) -> None:
    done = run(build("ftorch1_kit.f90", f"ftorch1_{unit}.f90", api=api))
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith("= ")]
    said = {name: [float(word) for word in words] for _, name, *words in lines}
    compute, tolerance = PROGRAMS[unit]
    expected = compute()
    assert set(said) == set(expected)
    for name, want in expected.items():
        allowed = SINGLE_TOLERANCE if name in SINGLE else tolerance
        assert said[name] == pytest.approx(want, rel=allowed, abs=allowed), name


@pytest.mark.parametrize("api", ["ftorch", "ftorch1"])
def test_comparisons(build: Build, run: Run, api: str) -> None:
    done = run(build("ftorch1_test_utils.f90", api=api))
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[-1] == "end"
    assert (len([s for s in said if s.startswith("PASSED")]), len([s for s in said if s.startswith("FAILED")])) == (15, 12)
    assert "PASSED :: [wide] relative tolerance = 1.00E-01" in said
    assert "FAILED :: [shapes] the arrays have different shapes" in said
    assert said[-3:-1] == ["PASSED :: [by hand] a message", "FAILED :: [by hand] another message"]


def test_programs_of_two_modules(build: Build, run: Run) -> None:
    done = run(build("ftorch1_tensors.f90", api="ftorch1"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("all of FTorch 1.1\n")


@pytest.mark.parametrize("api", ["ftorch", "ftorch1"])
def test_habits_of_its_codes(build: Build, run: Run, models: Path, api: str) -> None:
    done = run(build("ftorch1_habits.f90", api=api, flags=("-O2",)))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "as there\n"
    for name, trainable in {"trainable": True, "frozen": False}.items():
        saved = torch.jit.load(models / f"ftorch1_{name}.pt")  # type: ignore[no-untyped-call]
        assert {weight.requires_grad for weight in saved.parameters()} == {trainable}, name


def test_a_program_has_names_of_its_own(build: Build, run: Run) -> None:
    done = run(build("own_names.f90"))
    assert (done.returncode, done.stdout) == (0, "3.0\n"), done.stderr


def test_slide_of_2023(build: Build, run: Run) -> None:
    program = build("slide_2023.f90")
    done = run(program)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "index exact\n"
    libraries = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    assert "libftorch" in libraries
    assert "libpython" not in libraries
    assert "libtorch" not in libraries
