"""Schedules of the learning rate in Fortran and in Python: the same rates for every group in every step, the same training."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.optim import SGD, Adam, Optimizer
from torch.optim import lr_scheduler as lrs

from .conftest import Build, Run

STEPS = 200
#: Agreement after all steps, relative, of rates and momenta, and of the weights that they trained.
AGREEMENT, TRAINED = 1e-12, 1e-6

Schedule = lrs.LRScheduler

MAKERS: dict[str, Callable[[Optimizer], Schedule]] = {
    "step": lambda o: lrs.StepLR(o, 30),
    "multistep": lambda o: lrs.MultiStepLR(o, [20, 60, 60, 150], 0.3),
    "exponential": lambda o: lrs.ExponentialLR(o, 0.97),
    "linear": lambda o: lrs.LinearLR(o),
    "linear_options": lambda o: lrs.LinearLR(o, 0.2, 0.7, 60),
    "warmup": lambda o: lrs.LinearLR(o, 1 / 40, 1.0, 40),
    "polynomial": lambda o: lrs.PolynomialLR(o),
    "polynomial_options": lambda o: lrs.PolynomialLR(o, 150, 2.5),
    "cosine": lambda o: lrs.CosineAnnealingLR(o, 30, 0.02),
    "cosine_long": lambda o: lrs.CosineAnnealingLR(o, 300),
    "cosine_restarts": lambda o: lrs.CosineAnnealingWarmRestarts(o, 37),
    "cosine_restarts_options": lambda o: lrs.CosineAnnealingWarmRestarts(o, 13, 2, 0.001),
    "one_cycle": lambda o: lrs.OneCycleLR(o, 0.5, 210),
    "one_cycle_adam": lambda o: lrs.OneCycleLR(o, 0.5, 210),
    "one_cycle_still": lambda o: lrs.OneCycleLR(o, 0.5, 210, cycle_momentum=False),
    "one_cycle_options": lambda o: lrs.OneCycleLR(
        o,
        0.5,
        201,
        pct_start=0.4,
        anneal_strategy="linear",
        base_momentum=0.7,
        max_momentum=0.8,
        div_factor=10,
        final_div_factor=100,
        three_phase=True,
    ),
    "plateau": lambda o: lrs.ReduceLROnPlateau(o),
    "plateau_options": lambda o: lrs.ReduceLROnPlateau(o, "max", 0.5, 3, 0.01, "abs", 2, 0.01, 1e-3),
    "chained": lambda o: lrs.ChainedScheduler([lrs.LinearLR(o, 0.1, 1.0, 20), lrs.ExponentialLR(o, 0.99), lrs.StepLR(o, 50, 0.5)]),
    "sequential": lambda o: lrs.SequentialLR(
        o, [lrs.LinearLR(o, 0.1, 1.0, 20), lrs.CosineAnnealingLR(o, 50), lrs.ExponentialLR(o, 0.95)], [20, 80]
    ),
    "sequential_others": lambda o: lrs.SequentialLR(
        o,
        [lrs.MultiStepLR(o, [5, 9]), lrs.CosineAnnealingWarmRestarts(o, 11, 2, 0.01), lrs.PolynomialLR(o, 70, 1.5)],
        [15, 100],
    ),
    "sequential_cycle": lambda o: lrs.SequentialLR(o, [lrs.LinearLR(o, total_iters=10), lrs.OneCycleLR(o, 0.4, 250)], [25]),
}


def trained_in_python(name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rates of the groups and the momentum of all steps, and the weights after them."""
    weights = [torch.ones(n, dtype=torch.float64, requires_grad=True) for n in (2, 3, 4)]
    groups = [{"params": [weight], "lr": rate} for weight, rate in zip(weights, (0.1, 0.03, 1.7), strict=True)]
    optimizer = Adam(groups) if name == "one_cycle_adam" else SGD(groups, momentum=0.9)
    schedule = MAKERS[name](optimizer)
    listed = []
    for k in range(1, STEPS + 1):
        listed += [group["lr"] for group in optimizer.param_groups]
        optimizer.zero_grad()
        for weight in weights:
            (0.1 * ((weight - torch.arange(len(weight))) ** 2).sum()).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if isinstance(schedule, lrs.ReduceLROnPlateau):
            schedule.step(math.sin(k * 0.11) / (1 + k * 0.02))
        else:
            schedule.step()
        group = optimizer.param_groups[1]
        listed.append(group["betas"][0] if "betas" in group else group["momentum"])
    return np.array(listed), torch.cat(weights).detach().numpy()


@pytest.mark.filterwarnings("ignore:The epoch parameter")
@pytest.mark.parametrize("half", [False, True], ids=["whole", "resumed"])
@pytest.mark.parametrize("name", MAKERS)
def test_same_rates_as_python(build: Build, run: Run, name: str, half: bool) -> None:
    done = run(build("schedules.f90"), name, "half" if half else "whole")
    assert done.returncode == 0, done.stderr
    rates, weights = trained_in_python(name)
    found = np.array(done.stdout.split(), np.float64)
    assert len(set(rates)) > 4, "the rates change"
    np.testing.assert_allclose(found[: len(rates)], rates, rtol=AGREEMENT, atol=0)
    np.testing.assert_allclose(found[len(rates) :], weights, rtol=TRAINED, atol=1e-12)
