"""Configuration by namelist: what is read, what is refused and with which words, and that it trains as PyTorch does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler

from ..tables import OPTIMIZERS as TABLE
from .conftest import Build, Run

Configure = Callable[..., str]
ARGUMENT, FILE = 1, 3
WORDS = ", ".join(word for word, row in TABLE.items() if not row.closure)
FULL = """\
! a climate model's own settings
&physics
  learning_rate = 'not ours'
/
&Training  ! ours, in any case
  optimizer = "sgd", Learning_Rate = 2.5d-2,
  momentum=.9 nesterov = .TRUE.
  schedule = 'multistep', milestones = 10, 20,
     40
  clip_norm = 1  ! a comment with = and / and '
  batch_size = 16, epochs = 3, accumulation_steps = 4 ema_decay = 0.99 /
&outputs n = 1 /
"""


@pytest.fixture
def configure(build: Build, run: Run, tmp_path: Path) -> Configure:
    """Run the program on the text of a namelist file."""

    def on(text: str, *words: str) -> str:
        path = tmp_path / "run.nml"
        path.write_text(text)
        done = run(build("configure.f90"), str(path), *words)
        assert done.returncode == 0, done.stderr
        return done.stdout.replace(str(path), "run.nml")

    return on


def test_everything_is_read(configure: Configure) -> None:
    said = dict(line.split() for line in configure(FULL).splitlines())
    assert {name: said.pop(name) for name in ("optimizer", "schedule", "nesterov", "milestones")} == {
        "optimizer": "sgd",
        "schedule": "multistep",
        "nesterov": "T",
        "milestones": "10,20,40",
    }
    expected = {
        "learning_rate": 0.025,
        "momentum": 0.9,
        "clip_norm": 1,
        "batch_size": 16,
        "epochs": 3,
        "seed": 0,
        "report_every": 100,
        "accumulation_steps": 4,
        "ema_decay": 0.99,
    }
    assert {name: float(value) for name, value in said.items()} == pytest.approx(expected)


@pytest.mark.parametrize("text", ["&training /", "&training\n/\n", "  &TRAINING /", "&training ! nothing\n ! at all\n/"])
def test_defaults(configure: Configure, text: str) -> None:
    said = configure(text)
    assert said == "optimizer adam\nschedule constant\nbatch_size 32\nepochs 1\nseed 0\nreport_every 100\naccumulation_steps 1\n"


def test_another_group(configure: Configure) -> None:
    said = configure("&training seed = 1 /\n&online seed = -5 /", "online")
    assert "seed -5" in said


REFUSED = {
    "lerning_rate = 1": "line 1: there is no key 'lerning_rate'; is it learning_rate? The keys are optimizer, schedule,",
    "\n\nepoch = 1": "line 3: there is no key 'epoch'; is it epochs?",
    "learning_rate = fast": "learning_rate: expected a number above 0, got fast",
    "learning_rate = -1e-3": "learning_rate: expected a number above 0, got -1e-3",
    "learning_rate = 0": "learning_rate: expected a number above 0, got 0",
    "learning_rate =": "learning_rate: expected a number above 0, got nothing",
    "learning_rate = 1, 2": "learning_rate: expected a number above 0, got 1, 2",
    "learning_rate = nan": "learning_rate: expected a number above 0, got nan",
    "learning_rate = 1e999": "learning_rate: expected a number above 0, got 1e999",
    "beta_1 = 1": "beta_1: expected a number from 0 to below 1, got 1",
    "epochs = 2.5": "epochs: expected a whole number, 1 or more, got 2.5",
    "epochs = 0": "epochs: expected a whole number, 1 or more, got 0",
    "batch_size = 99999999999": "batch_size: expected a whole number, 1 or more, got 99999999999",
    "amsgrad = yes": "amsgrad: expected .true. or .false., got yes",
    "optimizer = 'adm'": f"optimizer: expected {WORDS}, got 'adm'; is it adam?",
    "optimizer = adam": f"optimizer: expected a word in quotation marks, {WORDS}, got adam",
    "schedule = 'cosinus' schedule_steps = 2": "got 'cosinus'; is it cosine?",
    "schedule = 'multistep' milestones = 5, 3": "milestones: expected whole numbers, 1 or more and rising, with commas",
    "momentum = 0.9": "momentum: the optimizer 'adam' has no such option; it has learning_rate, beta_1, beta_2, eps,",
    "gamma = 0.9": "gamma: the schedule 'constant' has no such option; it has warmup_steps",
    "schedule = 'one_cycle' warmup_steps = 3": "warmup_steps: the schedule 'one_cycle' has no such option",
    "schedule = 'cosine'": ": the schedule 'cosine' needs schedule_steps",
    "seed = 1, seed = 2": "seed: is given twice",
    "mode = 'max'": "mode: the schedule 'constant' has no such option",
    "schedule = 'plateau' mode = 'most'": "mode: expected min, max, got 'most'",
    "schedule = 'plateau' cooldown = -1": "cooldown: expected a whole number, 0 or more, got -1",
    "seed 1": "expected key = value, got 'seed 1'",
    "= 1": "expected key = value",
}


@pytest.mark.parametrize("text", REFUSED)
def test_refused(configure: Configure, text: str) -> None:
    status = FILE if "expected key = value" in REFUSED[text] else ARGUMENT
    said = configure(f"&training {text} /")
    assert said.startswith(f"stat {status} torch_config_read: 'run.nml'")
    assert REFUSED[text] in said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("&train seed = 1 /", "'run.nml' has no group &training"),
        ("&trainings seed = 1 /", "'run.nml' has no group &training"),
        ("&training seed = 1", "'run.nml': the group &training is not closed by a /"),
        ("&training optimizer = 'adam /", "is not closed"),
        ("", "has no group &training"),
    ],
)
def test_bad_files(configure: Configure, text: str, message: str) -> None:
    said = configure(text)
    assert said.startswith(f"stat {FILE} torch_config_read: ")
    assert message in said


@pytest.mark.parametrize("length", [240, 241, 255, 256, 257, 999, 1000, 1001, 200000])
def test_long_lines(configure: Configure, length: int) -> None:
    """However long a line is, and whether the last one is ended or not."""
    blanks = " " * (length - len("&training seed = 12345678 /"))
    for text in (
        f"&training {blanks}seed = 12345678 /",
        f"&training seed = {blanks}12345678 /\n",
        f"&training seed = 12345678 {blanks}/",
    ):
        assert dict(line.split() for line in configure(text).splitlines())["seed"] == "12345678"


def test_no_file_and_no_stat(build: Build, run: Run, tmp_path: Path) -> None:
    done = run(build("configure.f90"), str(tmp_path / "missing.nml"))
    assert done.stdout.startswith(f"stat {FILE} torch_config_read: cannot open '")
    (tmp_path / "bad.nml").write_text("&training lr = 1 /")
    done = run(build("configure.f90"), str(tmp_path / "bad.nml"), "stop")
    assert done.returncode == 1
    assert "there is no key 'lr'" in done.stderr


def optimizer(name: str, weight: torch.Tensor) -> torch.optim.Optimizer:
    choices: dict[str, Callable[[], torch.optim.Optimizer]] = {
        "learning_rate = 0.05": lambda: torch.optim.Adam([weight], lr=0.05),
        "optimizer = 'adamw' beta_1 = .8 beta_2 = .9 eps = 1e-6 weight_decay = .1 amsgrad = .true.": lambda: torch.optim.AdamW(
            [weight], betas=(0.8, 0.9), eps=1e-6, weight_decay=0.1, amsgrad=True
        ),
        "optimizer = 'sgd' learning_rate = 1e-3 momentum = .5 weight_decay = .01 nesterov = t": lambda: torch.optim.SGD(
            [weight], lr=1e-3, momentum=0.5, weight_decay=0.01, nesterov=True
        ),
        "optimizer = 'adagrad' eps = 1e-5": lambda: torch.optim.Adagrad([weight], eps=1e-5),
        "optimizer = 'adagrad' lr_decay = .1 initial_accumulator_value = .5": lambda: torch.optim.Adagrad(
            [weight], lr_decay=0.1, initial_accumulator_value=0.5
        ),
        "optimizer = 'sgd' learning_rate = 1e-3 momentum = .5 dampening = .25": lambda: torch.optim.SGD(
            [weight], lr=1e-3, momentum=0.5, dampening=0.25
        ),
        "optimizer = 'rmsprop' alpha = .9 momentum = .3 centered = .true.": lambda: torch.optim.RMSprop(
            [weight], alpha=0.9, momentum=0.3, centered=True
        ),
    }
    return choices[name]()


OPTIMIZERS = (
    "learning_rate = 0.05",
    "optimizer = 'adamw' beta_1 = .8 beta_2 = .9 eps = 1e-6 weight_decay = .1 amsgrad = .true.",
    "optimizer = 'sgd' learning_rate = 1e-3 momentum = .5 weight_decay = .01 nesterov = t",
    "optimizer = 'adagrad' eps = 1e-5",
    "optimizer = 'adagrad' lr_decay = .1 initial_accumulator_value = .5",
    "optimizer = 'sgd' learning_rate = 1e-3 momentum = .5 dampening = .25",
    "optimizer = 'rmsprop' alpha = .9 momentum = .3 centered = .true.",
)
SCHEDULES: dict[str, Callable[[torch.optim.Optimizer], Any]] = {
    "schedule = 'constant'": lambda o: lr_scheduler.LambdaLR(o, lambda _: 1.0),
    "schedule = 'step' schedule_steps = 3 gamma = .5": lambda o: lr_scheduler.StepLR(o, 3, 0.5),
    "schedule = 'multistep' milestones = 2, 5": lambda o: lr_scheduler.MultiStepLR(o, [2, 5]),
    "schedule = 'exponential' gamma = .9": lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    "schedule = 'linear' schedule_steps = 9": lambda o: lr_scheduler.LinearLR(o, 1.0, 0.0, 9),
    "schedule = 'polynomial' schedule_steps = 9 power = 2": lambda o: lr_scheduler.PolynomialLR(o, 9, 2),
    "schedule = 'cosine' schedule_steps = 9 min_learning_rate = 1e-4": lambda o: lr_scheduler.CosineAnnealingLR(o, 9, 1e-4),
    "schedule = 'cosine_restarts' schedule_steps = 4": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 4),
    "schedule = 'one_cycle' schedule_steps = 12 max_learning_rate = .1": lambda o: lr_scheduler.OneCycleLR(o, 0.1, 12),
    "schedule = 'one_cycle' schedule_steps = 12 max_learning_rate = .1 cycle_momentum = f": lambda o: lr_scheduler.OneCycleLR(
        o, 0.1, 12, cycle_momentum=False
    ),
    "schedule = 'one_cycle' schedule_steps = 12 max_learning_rate = .1 pct_start = .5 anneal_strategy = 'linear' div_factor = 5 "
    "final_div_factor = 10 three_phase = t base_momentum = .6 max_momentum = .7": lambda o: lr_scheduler.OneCycleLR(
        o,
        0.1,
        12,
        pct_start=0.5,
        anneal_strategy="linear",
        div_factor=5,
        final_div_factor=10,
        three_phase=True,
        base_momentum=0.6,
        max_momentum=0.7,
    ),
    "schedule = 'linear' schedule_steps = 5 start_factor = .2 end_factor = .9": lambda o: lr_scheduler.LinearLR(o, 0.2, 0.9, 5),
    "schedule = 'cosine_restarts' schedule_steps = 3 t_mult = 2": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 3, 2),
    "schedule = 'plateau' schedule_steps = 1 gamma = .5 mode = 'max' threshold = 5 threshold_mode = 'abs' cooldown = 1": (
        lambda o: lr_scheduler.ReduceLROnPlateau(o, "max", 0.5, 1, 5, "abs", 1)
    ),
    "schedule = 'plateau' schedule_steps = 1 gamma = .5": lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=0.5, patience=1),
    "schedule = 'cosine' schedule_steps = 6 warmup_steps = 4": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.LinearLR(o, 0.25, 1.0, 4), lr_scheduler.CosineAnnealingLR(o, 6)], [4]
    ),
}
CLIPS = ("", "clip_norm = .5", "clip_value = .1", "clip_norm = 2 clip_value = 1")


def trained(chosen: str, schedule: str, clip: str) -> Iterator[list[float]]:
    weight = torch.tensor([1.0, -2.0, 4.0], dtype=torch.float64, requires_grad=True)
    stepper = optimizer(chosen, weight)
    scheduler = SCHEDULES[schedule](stepper)
    for _ in range(10):
        stepper.zero_grad()
        loss = (weight**4).sum()
        torch.autograd.backward(loss)
        if "norm" in clip:
            torch.nn.utils.clip_grad_norm_([weight], float(clip.split()[2]))
        if "value" in clip:
            torch.nn.utils.clip_grad_value_([weight], float(clip.split()[-1]))
        stepper.step()
        yield [stepper.param_groups[0]["lr"], *weight.tolist()]
        scheduler.step(*([loss.item()] if "plateau" in schedule else []))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("chosen", "schedule", "clip"),
    [
        *((name, next(iter(SCHEDULES)), "") for name in OPTIMIZERS),
        *((OPTIMIZERS[0], name, "") for name in SCHEDULES),
        *((OPTIMIZERS[2], next(iter(SCHEDULES)), clip) for clip in CLIPS),
    ],
)
def test_it_trains_as_pytorch_does(configure: Configure, chosen: str, schedule: str, clip: str) -> None:
    said = configure(f"&training {chosen} {schedule} {clip} /", "rates", "10")
    got = [[float(word) for word in line.split()] for line in said.splitlines()]
    want = list(trained(chosen, schedule, clip))
    assert len(got) == 10
    for numbers, expected in zip(got, want, strict=True):
        assert numbers == pytest.approx(expected, rel=1e-9)
