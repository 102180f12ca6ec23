"""Optimizers in Fortran and in Python: the same network, the same data, the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn, optim

from .conftest import Build, Run

STEPS, SAMPLES = 200, 20
#: Agreement that is asked of double precision after all steps.
AGREEMENT = 1e-6

Parameters = list[Tensor]


def groups(p: Parameters) -> optim.Optimizer:
    listed: list[dict[str, Any]] = [
        {"params": p[:2]},
        {"params": p[2:3], "lr": 0.002},
        {"params": p[3:4], "weight_decay": 0.3, "lr": 0.02},
    ]
    return optim.AdamW(listed, lr=0.01)


def own_options(p: Parameters) -> optim.Optimizer:
    listed: list[dict[str, Any]] = [
        {"params": p[:2]},
        {"params": p[2:3], "betas": (0.5, 0.999), "eps": 1e-3},
        {"params": p[3:4], "betas": (0.9, 0.8), "lr": 0.02},
    ]
    return optim.Adam(listed, lr=0.01)


def own_momenta(p: Parameters) -> optim.Optimizer:
    listed: list[dict[str, Any]] = [
        {"params": p[:1]},
        {"params": p[1:3], "momentum": 0.9, "dampening": 0.1},
        {"params": p[3:4], "momentum": 0.5},
    ]
    return optim.SGD(listed, lr=0.01)


def clip(name: str, parameters: Parameters) -> Iterator[float]:
    """Clip if the name says so; the norm before, where there is one."""
    if name == "clip_norm":
        yield nn.utils.clip_grad_norm_(parameters, 0.1).item()
    elif name == "clip_norm_1":
        yield nn.utils.clip_grad_norm_(parameters, 0.5, norm_type=1.0).item()
    elif name == "clip_value":
        nn.utils.clip_grad_value_(parameters, 0.02)


MAKERS: dict[str, Callable[[Parameters], optim.Optimizer]] = {
    "sgd": lambda p: optim.SGD(p, 0.01),
    "accumulated": lambda p: optim.SGD(p, 0.01),
    "clip_norm": lambda p: optim.SGD(p, 0.01),
    "clip_norm_1": lambda p: optim.SGD(p, 0.01),
    "clip_value": lambda p: optim.SGD(p, 0.01),
    "ema": lambda p: optim.SGD(p, 0.01),
    "sgd_decay": lambda p: optim.SGD(p, 0.01, weight_decay=0.1),
    "sgd_momentum": lambda p: optim.SGD(p, 0.01, momentum=0.9, weight_decay=0.01, dampening=0.3),
    "sgd_partial": lambda p: optim.SGD(p, 0.01, momentum=0.9, weight_decay=0.01, dampening=0.3),
    "sgd_nesterov": lambda p: optim.SGD(p, 0.01, momentum=0.8, weight_decay=0.02, nesterov=True),
    "adam": lambda p: optim.Adam(p),
    "adam_closure": lambda p: optim.Adam(p, 0.01, (0.8, 0.95), 1e-6),
    "adam_decay": lambda p: optim.Adam(p, 0.01, (0.8, 0.95), 1e-4, 0.1),
    "adam_amsgrad": lambda p: optim.Adam(p, 0.01, weight_decay=0.05, amsgrad=True),
    "adamw": lambda p: optim.AdamW(p),
    "adamw_amsgrad": lambda p: optim.AdamW(p, 0.01, (0.85, 0.9), 1e-5, 0.2, True),
    "adagrad": lambda p: optim.Adagrad(p),
    "adagrad_options": lambda p: optim.Adagrad(p, 0.1, 0.05, 0.02, 0.3, 1e-3),
    "rmsprop": lambda p: optim.RMSprop(p),
    "rmsprop_momentum": lambda p: optim.RMSprop(p, 1e-3, 0.9, 1e-2, 0.1, 0.7),
    "rmsprop_centered": lambda p: optim.RMSprop(p, 1e-3, momentum=0.5, centered=True),
    "lbfgs": lambda p: optim.LBFGS(p),
    "lbfgs_options": lambda p: optim.LBFGS(p, 0.5, 8, 20, 1e-9, 1e-11, 4),
    "lbfgs_wolfe": lambda p: optim.LBFGS(p, line_search_fn="strong_wolfe"),
    "groups": groups,
    "own_options": own_options,
    "own_momenta": own_momenta,
}


#: What they minimize is chosen so that it forgives rounding: one bit more in the data changes no number by more than this.
#: A network at the end of L-BFGS or of RMSprop with tiny gradients is chaotic, there Python does not agree with Python.
FORGIVING = 2e-7
PENALTY = 0.01


def data() -> tuple[Tensor, Tensor]:
    i, j = np.meshgrid(np.arange(1, SAMPLES + 1), np.arange(1, 4), indexing="ij")
    x = torch.from_numpy(np.sin((i * j).astype(np.float64)))
    return x, torch.stack([x[:, 0] * x[:, 1], x[:, 2]], 1)


def network(name: str) -> nn.Module:
    """A regression for L-BFGS, else a perceptron, with the same weights every time."""
    torch.manual_seed(3)
    layers = [nn.Linear(3, 2)] if name.startswith("lbfgs") else [nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2)]
    return nn.Sequential(*layers).double()


def trained_in_python(name: str, change: float = 0.0) -> NDArray[np.float64]:
    """Losses of all steps, then the first weights in Fortran's order; the data can be changed a little."""

    def losses() -> Iterator[float]:
        for k in range(1, STEPS + 1):

            def closure() -> float:
                if name != "accumulated" or k % 4 == 1:  # noqa: B023
                    optimizer.zero_grad()
                loss = ((module(x) - y) ** 2).mean()
                if name == "rmsprop":
                    loss = loss + PENALTY * torch.stack([(p**2).sum() for p in parameters]).sum()
                loss.backward()
                return float(loss.detach())

            if name.startswith("lbfgs"):
                yield optimizer.step(closure)
                continue
            loss = closure()
            if name == "accumulated" and k % 4 != 0:
                continue
            if name == "sgd_partial" and k < 4:
                parameters[0].grad = None
            yield from clip(name, parameters)
            optimizer.step()
            averages[:] = [average.lerp(p.detach(), 0.05) for average, p in zip(averages, parameters, strict=True)]
            yield loss

    module = network(name)
    parameters: Parameters = list(module.parameters())
    averages: Parameters = [p.detach().clone() for p in parameters]
    optimizer = MAKERS[name](parameters)
    x, y = data()
    x = x * (1 + change * torch.sign(torch.sin(torch.arange(x.numel(), dtype=torch.float64))).reshape(x.shape))
    every = list(losses())
    weights = averages[0] if name == "ema" else parameters[0].detach()
    return np.concatenate([every, weights.numpy().ravel(order="F")])


@pytest.fixture(scope="module")
def networks(models: Path) -> None:
    """Write the networks where the program looks for them."""
    for name, file in (("sgd", "perceptron64.pt"), ("lbfgs", "regression64.pt")):
        torch.jit.script(network(name)).save(str(models / file))  # type: ignore[no-untyped-call]


@pytest.mark.usefixtures("networks")
@pytest.mark.parametrize("name", MAKERS)
def test_same_numbers_as_python(build: Build, run: Run, name: str) -> None:
    done = run(build("optimizers.f90"), name)
    assert done.returncode == 0, done.stderr
    found = np.array(done.stdout.split(), np.float64)
    expected = trained_in_python(name)
    np.testing.assert_allclose(found, expected, rtol=AGREEMENT, atol=0)
    losses = expected[: -next(network(name).parameters()).numel()]
    first = losses[1 if name.startswith("clip_norm") else 0]
    assert losses[-1] < 0.99 * first, "the network has learnt, so the numbers say something"


@pytest.mark.parametrize("name", MAKERS)
def test_problems_forgive_rounding(name: str) -> None:
    exact, changed = trained_in_python(name), trained_in_python(name, float(np.finfo(np.float64).eps))
    np.testing.assert_allclose(changed, exact, rtol=FORGIVING, atol=0)


@pytest.mark.usefixtures("networks")
@pytest.mark.parametrize("name", MAKERS)
def test_resumed_is_identical(build: Build, run: Run, name: str) -> None:
    whole, resumed = (run(build("optimizers.f90"), name, how) for how in ("whole", "resumed"))
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout == whole.stdout


def test_weights_of_any_layout(build: Build, run: Run) -> None:
    done = run(build("optimizer_layouts.f90"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "all layouts\n"
