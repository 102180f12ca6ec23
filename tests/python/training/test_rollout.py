"""Training through several steps of a host: gradients against loops written by hand, what is cut off, and the words of mistakes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pt2ts.contract.spec import TensorSpec
from pt2ts.contract.training import STEP
from pt2ts.errors import DeclarationError, ExportError, UnexportableError
from pt2ts.nn import Rollout, StepLoss
from pt2ts.training.functions import functions_of
from pt2ts.training.losses import make_loss
from pt2ts.training.pieces import Pieces
from pt2ts.training.plan import make_rules
from pt2ts.training.run import Trainer
from pt2ts.training.step import Step, first_run
from pt2ts.training.trace import trace

from ...training_files import ROLLOUT_STEPS, Growing, rollout_data, training_file

Gradients = dict[str, Tensor]


def by_hand(state: Tensor, weights: Sequence[float], cut: Sequence[int] = ()) -> tuple[Tensor, Gradients]:
    """Return the loss of a forecast and its gradients, as one writes it; after a step that is ``cut`` the state has no past."""
    step = Growing()
    _, driver, truth = rollout_data()
    loss = torch.zeros((), dtype=torch.float64)
    last = max(place for place, weight in enumerate(weights) if weight)
    for place in range(last + 1):
        state = step(state, driver[:, place])
        loss = loss + weights[place] * functional.mse_loss(state, truth[:, place]) / sum(weights)
        if place in cut:
            state = state.detach()
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.detach(), {name: value.grad for name, value in step.named_parameters() if value.grad is not None}


def gradients(rollout: Rollout, loss: nn.Module, *inputs: Tensor) -> tuple[Tensor, Gradients]:
    """Return loss and gradients of a rollout in Python."""
    value = loss(rollout(*inputs), rollout_data()[2])
    value.backward()
    return value.detach(), {
        name.removeprefix("step."): item.grad for name, item in rollout.named_parameters() if item.grad is not None
    }


def close(found: tuple[Tensor, Gradients], wanted: tuple[Tensor, Gradients]) -> bool:
    """Return whether losses and all gradients are the same but for rounding."""
    assert found[1].keys() == wanted[1].keys()
    pairs = [(found[0], wanted[0]), *((found[1][name], wanted[1][name]) for name in wanted[1])]
    return all(bool((one - other).abs().max() <= 1e-12 * other.abs().max()) for one, other in pairs)


def test_derivatives_run_back_through_all_steps() -> None:
    state, driver, _ = rollout_data()
    alike = [1.0] * ROLLOUT_STEPS
    assert close(gradients(Rollout(Growing(), ROLLOUT_STEPS), nn.MSELoss(), state, driver), by_hand(state, alike))
    weights = [0.5, 1.0, 0.0, 2.0]
    found = gradients(Rollout(Growing(), ROLLOUT_STEPS), StepLoss(weights=weights), state, driver)
    assert close(found, by_hand(state, weights))
    assert not close(found, by_hand(state, alike))


def test_what_is_cut_off_has_no_derivatives() -> None:
    state, driver, _ = rollout_data()
    alike = [1.0] * ROLLOUT_STEPS
    whole = by_hand(state, alike)
    for every in (1, 2, 3):
        ends = range(every - 1, ROLLOUT_STEPS, every)
        found = gradients(Rollout(Growing(), ROLLOUT_STEPS, detach_every=every), nn.MSELoss(), state, driver)
        assert close(found, by_hand(state, alike, cut=ends))
        assert torch.equal(found[0], gradients(Rollout(Growing(), ROLLOUT_STEPS), nn.MSELoss(), state, driver)[0])
        assert not close(found, whole)
    # The last step alone counts, from where those before it have gone.
    pushed = Rollout(Growing(), 1, pushforward=ROLLOUT_STEPS - 1)
    pushed_loss, pushed_gradients = gradients(pushed, Last(), state, driver)
    assert close((pushed_loss, pushed_gradients), by_hand(state, [0, 0, 0, 1], cut=[ROLLOUT_STEPS - 2]))


def test_a_step_that_is_computed_again_has_the_same_gradients() -> None:
    state, driver, truth = rollout_data()
    found = []
    for checkpoint in (False, True):
        rollout = Rollout(Growing(), ROLLOUT_STEPS, checkpoint=checkpoint)
        learning = Step(rollout, make_loss("mse")[0], make_rules("adam", None, "constant"), 2)
        values = {item.name: item.value for item in first_run(learning, (state, driver, truth), 0)}
        # Not the weights that the module came with, which it finds if it looks for its own on the way back.
        moved = {name: value + 0.1 if name in learning.trained else value for name, value in values.items()}
        backward = learning.backward(moved, (state, driver, truth))
        found.append((backward.loss, backward.gradients))
    assert close(found[1], found[0])


def recorded(step: nn.Module, **options: Any) -> list[str]:
    """Return the operations of a training step through two steps of a host, as it is compiled."""
    tensors = (torch.rand(5, 4), torch.rand(5, 2, 4))
    learning = Step(Rollout(step, 2, **options), make_loss("mse")[0], make_rules("sgd", None, "constant"), 1)
    state = {item.name: item.value for item in first_run(learning, tensors, 0)}
    function = functions_of(learning, state, tensors, None)[0][STEP]
    specs = [TensorSpec("u", "float32", ("batch", 4)), TensorSpec("truth", "float32", ("batch", 2, 4))]
    graph = trace(function.flat, state, function.reads, tensors, specs, Pieces())
    return [str(node.target) for node in graph.graph.nodes]


def test_steps_are_computed_again_in_compiled_code_too() -> None:
    step = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
    counts = [recorded(step, checkpoint=checkpoint).count("aten.tanh.default") for checkpoint in (False, True)]
    assert counts == [2, 4]
    dropping = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
    recorded(dropping)
    with pytest.raises(UnexportableError, match=r"(?s)draws random numbers.*in no checkpoint"):
        recorded(dropping, checkpoint=True)


class Last(nn.Module):
    """Compares with the last of the true states."""

    def forward(self, forecast: Tensor, truth: Tensor) -> Tensor:
        """Return the loss."""
        return functional.mse_loss(forecast, truth[:, -1:])


class Two(nn.Module):
    """A state of two tensors, one of them single precision."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.5, dtype=torch.float64))

    def forward(self, u: Tensor, v: Tensor, wind: Tensor, sun: Tensor) -> tuple[Tensor, Tensor]:
        """Take a step."""
        return u * self.scale + wind, (v + sun + u.mean()).float()


def test_a_state_of_several_tensors() -> None:
    u, v = torch.ones(3, 2, dtype=torch.float64), torch.ones(3, 5)
    wind, sun = torch.rand(3, 4, 2, dtype=torch.float64), torch.rand(3, 4, 1, dtype=torch.float64)
    first, second = Rollout(Two(), 3, states=2, pushforward=1)(u, v, wind, sun)
    assert (first.shape, first.dtype, second.shape, second.dtype) == ((3, 3, 2), torch.float64, (3, 3, 5), torch.float32)
    step = Two()
    for place in range(4):
        u, v = step(u, v, wind[:, place], sun[:, place])
    torch.testing.assert_close((first[:, -1], second[:, -1]), (u, v))
    loss = StepLoss()((first, second), (torch.zeros_like(first), torch.zeros_like(second)))
    torch.testing.assert_close(loss, first.square().mean() + second.square().mean(), check_dtype=False)


def test_it_can_be_exported() -> None:
    state, driver, _ = rollout_data()
    rollout = Rollout(Growing(), ROLLOUT_STEPS, detach_every=2, pushforward=0)
    batch = torch.export.Dim("batch", min=2, max=64)
    program = torch.export.export(rollout, (state, driver), dynamic_shapes=(({0: batch}, {0: batch}),)).module()
    torch.testing.assert_close(program(state[:3], driver[:3]), rollout(state[:3], driver[:3]))


def handed_over(trainer: Trainer) -> Gradients:
    """Return the gradients that the first half of a compiled step has left."""
    assert trainer.spec.exchange is not None
    found = {}
    for part in trainer.spec.exchange.parts:
        like = trainer.state[part.name]
        values = trainer.exchange[part.tensor][part.offset : part.offset + like.numel()]
        found[part.name.removeprefix("step.")] = values.view(like.shape).clone()
    return found


FAR = 1e20
#: Where a forecast begins, times that of the examples, and weights of its steps. From far out only the first step is in this world.
FORECASTS = ((1.0, [1.0, 1.0, 1.0, 1.0]), (1.0, [0.0, 2.0, 0.0, 1.0]), (1.0, [1.0, 1.0, 0.0, 0.0]), (FAR, [1.0, 0.0, 0.0, 0.0]))


def test_weights_as_an_input() -> None:
    state, driver, _ = rollout_data()
    for times, weights in FORECASTS:
        rollout = Rollout(Growing(), ROLLOUT_STEPS, weighted=True)
        found = gradients(rollout, StepLoss(), state * times, driver, torch.tensor(weights, dtype=torch.float64))
        assert close(found, by_hand(state * times, weights)), weights


def test_compiled_gradients_are_those_of_a_loop_by_hand() -> None:
    trainer = Trainer(training_file("rollout"))
    state, driver, truth = rollout_data()
    for times, weights in FORECASTS:
        loss = trainer.gradients(state * times, driver, torch.tensor(weights, dtype=torch.float64), truth)
        assert close((loss, handed_over(trainer)), by_hand(state * times, weights)), weights
    # From far out four steps are more than there are numbers for, and such a step changes nothing.
    before = {name: value.clone() for name, value in trainer.state.items()}
    assert bool(trainer.step(state * FAR, driver, torch.ones(ROLLOUT_STEPS, dtype=torch.float64), truth).isnan())
    assert all(torch.equal(value, trainer.state[name]) for name, value in before.items())


MISTAKES: dict[str, tuple[Callable[[], Any], str]] = {
    "steps": (lambda: Rollout(Growing(), 0), "steps is 0"),
    "part of a step": (lambda: Rollout(Growing(), 2.5), "steps is 2.5"),  # type: ignore[arg-type]
    "states": (lambda: Rollout(Growing(), 2, states=0), "states is 0"),
    "detach": (lambda: Rollout(Growing(), 2, detach_every=-1), "detach_every is -1"),
    "pushforward": (lambda: Rollout(Growing(), 2, pushforward=True), "pushforward is True"),
    "function": (lambda: Rollout(lambda u: u, 2), "step is a function.*with the network as a part of it"),  # type: ignore[arg-type]
    "weights": (lambda: StepLoss(weights=[0.0, 0.0]), r"weights is \[0.0, 0.0\]"),
    "negative": (lambda: StepLoss(weights=[2.0, -1.0]), r"weights is \[2.0, -1.0\]"),
    "nan": (lambda: StepLoss(weights=[float("nan")]), r"weights is \[nan\]"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name: str) -> None:
    make, words = MISTAKES[name]
    with pytest.raises(DeclarationError, match=f"(?s){words}"):
        make()


class Makes(nn.Module):
    """A step with a weight that makes of the state what it is told to."""

    def __init__(self, make: Callable[..., Any]) -> None:
        super().__init__()
        self.weight, self.make = nn.Parameter(torch.ones((), dtype=torch.float64)), make

    def forward(self, *inputs: Tensor) -> Any:
        """Take a step."""
        return self.make(*(value * self.weight for value in inputs))


STATE, WINDS, ONES = torch.ones(3, 4, dtype=torch.float64), torch.ones(3, 2, 4, dtype=torch.float64), torch.ones(2).double()
#: Step, options, inputs, truth, and the words.
RUNS: dict[str, tuple[Callable[..., Any], dict[str, Any], tuple[Tensor, ...], Any, str]] = {
    "shape": (lambda u: u[:, :3], {}, (STATE,), WINDS, "step 1 makes float64 [3, 3] of state 1, float64 [3, 4]"),
    "dtype": (lambda u: u.float(), {}, (STATE,), WINDS, "step 1 makes float32 [3, 4] of state 1, float64 [3, 4]"),
    "results": (
        lambda u: (u, u),
        {},
        (STATE,),
        WINDS,
        "step returns 2 results, and the state has 1 tensors; states=... says how many",
    ),
    "nothing": (lambda u: None, {}, (STATE,), WINDS, "step returns a NoneType"),  # noqa: ARG005
    "drivers": (lambda u, w: u + w, {}, (STATE, WINDS[:, :1]), WINDS, "[3, 1, 4]: expected [batch, 2, ...], a time for each step"),
    "lead": (lambda u, w: u + w, {"pushforward": 1}, (STATE, WINDS), WINDS, "expected [batch, 3, ...], a time for each step"),
    "none": (lambda u, v: (u, v), {"states": 2}, (STATE,), WINDS, "a rollout got 1 inputs, expected 2 of the state"),
    "no weights": (lambda u: u, {"weighted": True}, (STATE,), WINDS, "got 1 inputs, expected 1 of the state and the weights"),
    "weights": (
        lambda u: u,
        {"weighted": True},
        (STATE, STATE),
        WINDS,
        "the weights of 2 steps, the last input of a rollout, have",
    ),
    "twice": (lambda u: u, {"weighted": True, "loss": [1.0, 1.0]}, (STATE, ONES), WINDS, "leave out one of them"),
    "count": (lambda u: u, {"loss": [1.0]}, (STATE,), WINDS, "there are 1 weights for 2 steps"),
    "truth": (lambda u: u, {}, (STATE,), WINDS[:, :1], "the forecast is [3, 2, 4] and the truth [3, 1, 4]"),
    "truths": (lambda u: u, {}, (STATE,), (WINDS, WINDS), "a forecast of 1 states is compared with 2"),
}


@pytest.mark.parametrize("name", RUNS)
def test_mistakes_that_show_in_a_step(name: str) -> None:
    make, options, inputs, truth, words = RUNS[name]
    given = {key: value for key, value in options.items() if key != "loss"}
    loss = make_loss(StepLoss(weights=options.get("loss")))[0]
    truths = truth if isinstance(truth, tuple) else (truth,)
    learning = Step(Rollout(Makes(make), 2, **given), loss, make_rules("adam", None, "constant"), len(inputs))
    with pytest.raises(ExportError) as caught:
        first_run(learning, (*inputs, *truths), 0)
    assert words in str(caught.value)
