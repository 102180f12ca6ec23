"""Groups of weights in compiled training: the steps are those of torch's parameter groups, and mistakes are words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim import lr_scheduler as lrs

import pt2ts
from pt2ts.errors import CheckError, DeclarationError
from pt2ts.report import Check
from pt2ts.training.comparison import StepCheck, check_training
from pt2ts.training.groups import parse_groups, read_groups
from pt2ts.training.losses import make_loss
from pt2ts.training.plan import make_rules
from pt2ts.training.step import Step, first_run

from ... import training_files as files
from ..cli.test_cli import pt2ts_command
from .test_planted_steps import Imitation
from .test_step import agree, batches, network, rules, train

GROUPS = {"0.*": {"learning_rate": 0.002}, "*bias": {"weight_decay": 0.0}}


def torch_groups(net: nn.Module) -> list[dict[str, Any]]:
    """Return GROUPS as torch has them, for a decay of 0.1 and a rate of 0.01."""
    slow, still = {"lr": 0.002}, {"weight_decay": 0.0}
    return [
        {"params": [net.get_parameter("2.weight")]},
        {"params": [net.get_parameter("2.bias")], **still},
        {"params": [net.get_parameter("0.weight")], **slow},
        {"params": [net.get_parameter("0.bias")], **slow, **still},
    ]


OPTIMIZERS: list[tuple[str, Callable[..., Optimizer]]] = [
    ("sgd learning_rate=0.01 weight_decay=0.1", lambda groups: SGD(groups, lr=0.01, weight_decay=0.1)),
    ("sgd learning_rate=0.01 weight_decay=0.1 momentum=0.9 nesterov=true",
     lambda groups: SGD(groups, lr=0.01, weight_decay=0.1, momentum=0.9, nesterov=True)),
    ("adam learning_rate=0.01 weight_decay=0.1", lambda groups: Adam(groups, lr=0.01, weight_decay=0.1)),
    ("adamw learning_rate=0.01 weight_decay=0.1", lambda groups: AdamW(groups, lr=0.01, weight_decay=0.1)),
]  # fmt: skip
SCHEDULES: list[tuple[str, Callable[[Optimizer], lrs.LRScheduler]]] = [
    ("constant", lambda o: lrs.ConstantLR(o, 1.0)),
    ("cosine schedule_steps=150 min_learning_rate=0.001", lambda o: lrs.CosineAnnealingLR(o, 150, 0.001)),
]


@pytest.mark.parametrize(("schedule", "plan"), SCHEDULES, ids=["constant", "cosine"])
@pytest.mark.parametrize(("text", "make"), OPTIMIZERS, ids=[case[0] for case in OPTIMIZERS])
def test_groups_are_those_of_torch(text: str, make: Any, schedule: str, plan: Any) -> None:
    net = network()
    optimizer = make(torch_groups(net))
    scheduler = plan(optimizer)
    expected = []
    for number in range(120):
        x, y = batches()[number % 7]
        optimizer.zero_grad()
        loss = functional.mse_loss(net(x), y)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        scheduler.step()
        expected.append(loss.item())
    ours, losses = train(network(), rules(text, schedule, groups=GROUPS), "mse", batches(), 120)
    agree(ours, net.state_dict(), 1e-9)
    assert losses == pytest.approx(expected, rel=1e-9)


def test_the_rate_of_a_group_is_a_part_of_the_base_rate() -> None:
    step = Step(network(), make_loss("mse")[0], rules("sgd learning_rate=0.01", groups={"0.bias": {"learning_rate": 0.0}}), 1)
    assert step.shares == {"0.weight": 1.0, "0.bias": 0.0, "2.weight": 1.0, "2.bias": 1.0}
    step = Step(network(), make_loss("mse")[0], rules("sgd learning_rate=0.01", groups=GROUPS), 1)
    state = {item.name: item.value for item in first_run(step, batches()[0], 0)}
    moved = []
    for rate in (0.01, 0.02):
        state["trainer.learning_rate"].fill_(rate)
        new = step.step(state, batches()[0])[1]
        assert float(new["trainer.last_learning_rate"]) == rate
        moved.append({name: new[name] - state[name] for name in step.trained})
    for name in step.trained:
        torch.testing.assert_close(moved[1][name], 2 * moved[0][name], rtol=1e-9, atol=1e-16)


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ({"encoder.*": {"learning_rate": 0.1}},
         "the group 'encoder.*' fits no weight that is trained\n  hint: the names are 0.weight, 0.bias, 2.weight, 2.bias"),
        ({"0.b*": {"weight_decay": 0.1}, "*bias": {"weight_decay": 0.0}},
         "the groups '0.b*' and '*bias' both give '0.bias' a weight_decay"),
        ({"*": {"momentum": 0.1}}, "the group '*' has no option 'momentum'\n  hint: it has learning_rate, weight_decay"),
        ({"*": {"learning_rate": -1.0}}, "learning_rate of the group '*' is -1.0\n  hint: expected a number, 0 or more"),
        ({"*": {}}, "the group '*' says nothing"),
        ({"*": 0.1}, "the group '*' is 0.1"),
        ({"[02].bias": {"weight_decay": 0.0}}, "the group '[02].bias' fits no weight"),
    ],
)  # fmt: skip
def test_wrong_groups(groups: Any, words: str, tmp_path: Path) -> None:
    x, y = batches()[0]
    with pytest.raises(DeclarationError) as caught:
        pt2ts.export_training(network(), "mse", "adam", x, y, tmp_path / "t.pt2", groups=groups)
    assert words in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_pattern_that_fits_only_frozen_weights_is_an_error() -> None:
    net = network()
    net.get_submodule("0").requires_grad_(False)
    with pytest.raises(DeclarationError, match=r"'0\.\*' fits no weight that is trained\n.*: the names are 2\.weight, 2\.bias"):
        Step(net, make_loss("mse")[0], rules("adam", groups=GROUPS), 1)


def test_groups_of_the_command_line(tmp_path: Path) -> None:
    given = parse_groups(["encoder.* learning_rate=1e-4", "*bias weight_decay=0 learning_rate=2"])
    assert given == {"encoder.*": {"learning_rate": 1e-4}, "*bias": {"weight_decay": 0.0, "learning_rate": 2.0}}
    assert [group.text() for group in read_groups(given)] == [
        "encoder.* learning_rate=0.0001",
        "*bias weight_decay=0.0 learning_rate=2.0",
    ]
    words = (
        "export-training",
        "user_modules:make_column",
        "mse",
        "adam",
        "-o",
        tmp_path / "t.pt2",
        "--input",
        "column[batch,5] float32",
    )
    for group, message in (
        ("nothing.* weight_decay=0", "the group 'nothing.*' fits no weight that is trained"),
        ("*bias decay=0", "the group '*bias' has no option 'decay'"),
        ("*bias", "the group '*bias' says nothing"),
        ("*bias 0", "cannot read '0' in the group '*bias 0'"),
    ):
        done = pt2ts_command(*words, "--target", "y[batch,3] float32", "--group", group)
        assert (done.code, message in done.err) == (1, True), done.err
    done = pt2ts_command(*words, "--group", "*bias weight_decay=0", "--group", "*bias learning_rate=1")
    assert "the group '*bias' is given twice" in done.err
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def grouped() -> Path:
    return files.training_file("grouped")


def check_against(path: Path, **changes: Any) -> list[Check]:
    """Check the package as if it had been made with other rules."""
    plan = make_rules("adamw weight_decay=0.1", None, files.CYCLE, files.GROUPS)
    step = Step(files.grouped_network(), make_loss("mse")[0], replace(plan, **changes), 1)
    data = files.dropping_data()
    first_run(step, data, 0)
    checks: list[Check] = []
    check_training(path, step, [data], checks.append)
    return checks


def test_the_check_looks_at_decay_and_at_the_turns_of_the_schedule(grouped: Path) -> None:
    cases = {check.form for check in check_against(grouped)}
    assert {"step 1", "weight decay", *(f"state after step {n}" for n in (78, 79, 155, 156, 260))} <= cases


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"groups": read_groups({"0.*": {"learning_rate": 2e-4}})}, "'0.bias' differs"),
        ({"groups": read_groups({"*bias": {"weight_decay": 0.0}})}, "'0.weight' differs"),
        ({"groups": read_groups({**files.GROUPS, "0.*": {"learning_rate": 2.1e-4}})}, "'0.weight' differs"),
        ({"schedule": rules("adamw", files.CYCLE.replace("260", "259")).schedule}, "after step 2 "),
        ({"schedule": rules("adamw", f"{files.CYCLE} base_momentum=0.8").schedule}, "after step 2 "),
        ({"schedule": rules("adamw", f"{files.CYCLE} final_div_factor=1e5").schedule}, "after step (156|260) "),
    ],
)  # fmt: skip
def test_a_file_that_does_something_else_is_refused(grouped: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(CheckError, match=words):
        check_against(grouped, **changes)


SINGLE = [tensor.float() for tensor in batches()[0]]


def stepping(text: str, groups: Any) -> tuple[Step, dict[str, torch.Tensor]]:
    """Return a step and its first state; single precision hides more."""
    step = Step(network().float(), make_loss("mse")[0], rules(text, "cosine schedule_steps=9", groups=groups), 1)
    return step, {item.name: item.value for item in first_run(step, SINGLE, 0)}


@pytest.mark.parametrize("text", ["sgd weight_decay=0.05", "adamw weight_decay=1e-4", "adamw weight_decay=0.05 amsgrad=true"])
def test_a_wrong_decay_does_not_hide_behind_rounding(text: str) -> None:
    step, state = stepping(text, GROUPS)
    StepCheck(Imitation(step, state), step).check_decay(state, SINGLE)
    wrong, _ = stepping(text, {"0.*": {"learning_rate": 0.002}})
    with pytest.raises(CheckError, match=r"the decay of '[02]\.bias' differs"):
        StepCheck(Imitation(wrong, state), step).check_decay(state, SINGLE)


def test_inspect_shows_groups(grouped: Path) -> None:
    lines = [" ".join(line.split()) for line in pt2ts_command("inspect", grouped).out.splitlines()]
    assert "groups 0.* learning_rate=0.0002; *bias weight_decay=0.0" in lines
