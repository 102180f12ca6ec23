"""Schedules of compiled training, step by step beside torch; the simple ones are in test_step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.nn import functional
from torch.optim import SGD, Adam, Optimizer
from torch.optim import lr_scheduler as lrs

import pt2ts
from pt2ts.training.run import Trainer
from pt2ts.training.schedules import SCHEDULES, scheduled_momentum, scheduled_rate, turning_points

from ... import training_files as files
from .test_step import agree, batches, network, rules, train, train_eagerly

_STEPS = 300

Case = tuple[str, float, Callable[[Optimizer], lrs.LRScheduler]]
CASES: list[Case] = [
    ("multistep milestones=20,60,60,150 gamma=0.3", 0.1, lambda o: lrs.MultiStepLR(o, [20, 60, 60, 150], 0.3)),
    ("multistep milestones=30 warmup_steps=7", 0.1, lambda o: lrs.SequentialLR(
        o, [lrs.LinearLR(o, 1 / 7, 1.0, 7), lrs.MultiStepLR(o, [30])], [7])),
    ("linear schedule_steps=40 start_factor=0.2 end_factor=0.7", 0.1, lambda o: lrs.LinearLR(o, 0.2, 0.7, 40)),
    ("cosine_restarts schedule_steps=37", 0.1, lambda o: lrs.CosineAnnealingWarmRestarts(o, 37)),
    ("cosine_restarts schedule_steps=13 t_mult=2 min_learning_rate=0.001", 0.1,
     lambda o: lrs.CosineAnnealingWarmRestarts(o, 13, 2, 0.001)),
    ("cosine_restarts schedule_steps=2 t_mult=3 warmup_steps=10", 0.1, lambda o: lrs.SequentialLR(
        o, [lrs.LinearLR(o, 0.1, 1.0, 10), lrs.CosineAnnealingWarmRestarts(o, 2, 3)], [10])),
    ("one_cycle schedule_steps=301 max_learning_rate=0.5", 0.02, lambda o: lrs.OneCycleLR(o, 0.5, 301)),
    ("one_cycle schedule_steps=320 max_learning_rate=0.5 pct_start=0", 0.02, lambda o: lrs.OneCycleLR(o, 0.5, 320, pct_start=0.0)),
    ("one_cycle schedule_steps=310 max_learning_rate=0.5 pct_start=0.4 anneal_strategy=linear div_factor=10 final_div_factor=100 "
     "three_phase=true base_momentum=0.7 max_momentum=0.8", 0.05, lambda o: lrs.OneCycleLR(
        o, 0.5, 310, pct_start=0.4, anneal_strategy="linear", div_factor=10, final_div_factor=100, three_phase=True,
        base_momentum=0.7, max_momentum=0.8)),
]  # fmt: skip


def test_every_schedule_is_compared() -> None:
    simple = {"constant", "step", "exponential", "polynomial", "cosine"}  # in test_step
    assert {case[0].split()[0] for case in CASES} | simple == set(SCHEDULES)


@pytest.mark.filterwarnings("ignore:The epoch parameter")
@pytest.mark.parametrize(("text", "base", "make"), CASES, ids=[case[0] for case in CASES])
def test_three_hundred_rates_and_momenta_are_those_of_torch(text: str, base: float, make: Callable[..., lrs.LRScheduler]) -> None:
    chosen = rules("sgd momentum=0.9", text).schedule
    optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=base, momentum=0.9)
    schedule = make(optimizer)
    for done in range(_STEPS):
        group, count = optimizer.param_groups[0], torch.tensor(done)
        rate = float(scheduled_rate(chosen, torch.tensor(base, dtype=torch.float64), count))
        assert rate == pytest.approx(group["lr"], rel=1e-12, abs=0), done
        momentum = scheduled_momentum(chosen, count)
        if momentum is None:
            assert group["momentum"] == 0.9
        else:
            assert float(momentum) == pytest.approx(group["momentum"], rel=1e-12, abs=0), done
        optimizer.step()
        schedule.step()


CYCLE = "one_cycle schedule_steps=200 max_learning_rate=0.1"
OPTIMIZERS: list[tuple[str, str, Callable[..., Optimizer]]] = [
    ("sgd momentum=0.9", CYCLE, lambda p: SGD(p, momentum=0.9)),
    ("sgd momentum=0.9 nesterov=true", CYCLE, lambda p: SGD(p, momentum=0.9, nesterov=True)),
    ("sgd", f"{CYCLE} cycle_momentum=false", SGD),
    ("adam", CYCLE, Adam),
    ("adam", f"{CYCLE} cycle_momentum=false", Adam),
]


@pytest.mark.parametrize(("text", "cycle", "make"), OPTIMIZERS)
def test_a_moving_momentum_trains_as_in_torch(text: str, cycle: str, make: Callable[..., Optimizer]) -> None:
    def plan(optimizer: Optimizer) -> lrs.LRScheduler:
        return lrs.OneCycleLR(optimizer, 0.1, 200, cycle_momentum="false" not in cycle)

    ours, our_losses = train(network(), rules(text, cycle), "mse", batches(), 199)
    theirs, their_losses = train_eagerly(network(), make, functional.mse_loss, batches(), 199, scheduler=plan)
    agree(ours, theirs)
    assert our_losses == pytest.approx(their_losses, rel=1e-6)


@pytest.mark.parametrize(
    ("text", "later", "stays"),
    [
        ("multistep milestones=3,5 gamma=0.5", 10**9, 0.25),
        ("one_cycle schedule_steps=10 max_learning_rate=25 final_div_factor=100", 10**9, 0.01),
        # torch divides by zero in the very first step here.
        ("one_cycle schedule_steps=10 max_learning_rate=25 pct_start=0.1", 0, 1.0),
    ],
)
def test_the_ends_of_schedules(text: str, later: int, stays: float) -> None:
    base = torch.tensor(1.0, dtype=torch.float64)
    assert float(scheduled_rate(rules("adam", text).schedule, base, torch.tensor(later))) == pytest.approx(stays, rel=1e-12)


def test_restarts_are_right_after_years() -> None:
    chosen = rules("adam", "cosine_restarts schedule_steps=10 t_mult=2").schedule
    base = torch.tensor(1.0, dtype=torch.float64)
    for periods in range(1, 49):
        start = 10 * (2**periods - 1)
        assert float(scheduled_rate(chosen, base, torch.tensor(start))) == 1.0
        assert float(scheduled_rate(chosen, base, torch.tensor(start - 1))) < 0.1


def test_turning_points() -> None:
    assert turning_points(rules("adam", "multistep milestones=9,4 warmup_steps=5").schedule) == [4, 5, 9, 14]
    assert turning_points(rules("adam", "cosine_restarts schedule_steps=10 t_mult=3").schedule) == [9, 10, 39, 40]
    assert turning_points(rules("adam", "one_cycle schedule_steps=10 max_learning_rate=1").schedule) == [2, 3, 9]
    assert turning_points(rules("adam").schedule) == []


@pytest.mark.long
@pytest.mark.parametrize("text", [case[0] for case in CASES if case[0].split()[0] in ("multistep", "cosine_restarts")])
def test_compiled_rates_are_those_of_the_functions(text: str, tmp_path: Path) -> None:
    x, y = files.line_data()
    path = tmp_path / "train.pt2"
    pt2ts.export_training(files.Line(), "mse", "sgd learning_rate=0.1", x, y, path, schedule=text)
    chosen = rules("sgd learning_rate=0.1", text).schedule
    trainer = Trainer(path)
    for done in range(_STEPS):
        trainer.step(x, y)
        rate = float(scheduled_rate(chosen, torch.tensor(0.1, dtype=torch.float64), torch.tensor(done)))
        assert float(trainer.state["trainer.last_learning_rate"]) == pytest.approx(rate, rel=1e-12, abs=0), done
