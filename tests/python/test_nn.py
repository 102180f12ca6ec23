"""Wrappers give the right numbers, eagerly, as TorchScript and as exported programs, and refuse what makes no sense."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import pt2ts
from pt2ts.capture.arguments import argument_names
from pt2ts.container import reading
from pt2ts.errors import DeclarationError
from pt2ts.nn import (
    Cast,
    Clip,
    ConserveSum,
    CyclicTime,
    FromBytes,
    HWCtoCHW,
    NonNegative,
    RangeGuard,
    Standardize,
)
from pt2ts.pytorch import torchscript

X = torch.tensor([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0], [0.5, 0.0, 9.0], [7.0, 1.0, 2.0]])
HOURS = torch.tensor([[0.0, 0.0], [6.0, 91.310625], [23.75, 365.0]], dtype=torch.float64)
BYTES = torch.tensor([[0, 255], [51, 102], [128, 127]], dtype=torch.uint8)
IMAGES = torch.arange(2 * 4 * 5 * 3).reshape(2, 4, 5, 3)
TOTALS = torch.tensor([1.0, -2.0, 30.0, 0.0])


def numpy_cyclic(t: np.ndarray) -> np.ndarray:
    phase = 2 * np.pi * t / np.array([24, 365.2425])
    return np.concatenate([np.sin(phase), np.cos(phase)], axis=1)


def numpy_shift(x: np.ndarray, total: np.ndarray) -> np.ndarray:
    weights = np.array([1.0, 2.0, 5.0])
    moved: np.ndarray = x + ((total - x @ weights) / weights.sum())[:, None]
    return moved


#: Module, inputs, and what numpy makes of these.
CASES: dict[str, tuple[nn.Module, tuple[Tensor, ...], Callable[..., Any]]] = {
    "standardize": (Standardize([1.0, 2.0, 3.0], [1.0, 2.0, 4.0]), (X,), lambda x: (x - [1, 2, 3]) / [1, 2, 4]),
    "standardize_back": (Standardize([1.0, 2.0, 3.0], [1.0, 2.0, 4.0]).inverse(), (X,), lambda x: x * [1, 2, 4] + [1, 2, 3]),
    "standardize_one": (Standardize(2.0, 4.0), (X,), lambda x: (x - 2) / 4),
    "standardize_channels": (
        Standardize([1.0, 2.0, 3.0, 4.0], 2.0, dim=-3),
        (IMAGES.float(),),
        lambda x: (x - np.array([1, 2, 3, 4])[:, None, None]) / 2,
    ),
    "from_bytes": (FromBytes(), (BYTES,), lambda x: x / 255),
    "from_bytes_to": (FromBytes(-1.0, 3.0), (BYTES,), lambda x: 4 * (x / 255) - 1),
    "softplus": (NonNegative(), (X,), lambda x: np.log1p(np.exp(x))),
    "softplus_sharp": (NonNegative(sharpness=3.0), (X,), lambda x: np.log1p(np.exp(3 * x)) / 3),
    "relu": (NonNegative("relu"), (X,), lambda x: np.maximum(x, 0)),
    "shift": (ConserveSum(3, [1.0, 2.0, 5.0]), (X, TOTALS), numpy_shift),
    "scale": (ConserveSum(3, method="scale"), (X, TOTALS), lambda x, t: x * (t / x.sum(1))[:, None]),
    "clip": (Clip(-1, 4), (X,), lambda x: np.clip(x, -1, 4)),
    "clip_each": (Clip([-1, 0, 0], [1, 1, math.inf]), (X,), lambda x: np.clip(x, [-1, 0, 0], [1, 1, np.inf])),
    "cyclic": (CyclicTime("hour", "day"), (HOURS,), numpy_cyclic),
    "cyclic_length": (CyclicTime(24.0, 365.2425), (HOURS,), numpy_cyclic),
    "cast": (Cast(torch.float64), (X,), lambda x: x.astype(np.float64)),
    "cast_down": (Cast(torch.float32), (X.double(),), lambda x: x.astype(np.float32)),
    "channels": (HWCtoCHW(), (IMAGES,), lambda x: x.transpose(0, 3, 1, 2)),
}


def as_script(module: nn.Module, inputs: tuple[Tensor, ...]) -> Callable[..., Any]:
    del inputs
    return torchscript.script(module)


def as_program(module: nn.Module, inputs: tuple[Tensor, ...]) -> Callable[..., Any]:
    first = torch.export.Dim("batch", min=2, max=64)
    program = torch.export.export(module, inputs, dynamic_shapes=tuple({0: first} for _ in inputs))
    made: Callable[..., Any] = program.module()
    return made


FORMS = {"eager": lambda module, _: module, "script": as_script, "export": as_program}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", CASES)
def test_numbers(case: str, form: str) -> None:
    module, inputs, numpy = CASES[case]
    run = FORMS[form](module, inputs)
    for rows in (slice(None), slice(0, 2)):
        given = [part[rows] for part in inputs]
        found = run(*given)
        wanted = torch.as_tensor(np.asarray(numpy(*(part.numpy() for part in given))))
        assert found.shape == wanted.shape
        torch.testing.assert_close(found.double(), wanted.double(), rtol=2e-6, atol=2e-6)
    kinds = {"cast": torch.float64, "cast_down": torch.float32, "channels": torch.int64}
    assert found.dtype == kinds.get(case, torch.float32)


@pytest.mark.parametrize("form", FORMS)
def test_range_guard(form: str) -> None:
    network = nn.Linear(3, 2)
    module = RangeGuard.of(network, X)
    samples = torch.tensor([[1.0, 1.0, 1.0], [7.1, 1.0, 1.0], [1.0, -2.0, 9.0], [1.0, math.nan, 1.0], [1.0, 1.0, -6.1]])
    answer, outside = FORMS[form](module, (samples,))(samples)
    assert outside.tolist() == [False, True, False, True, True]
    assert outside.dtype == torch.bool
    torch.testing.assert_close(answer, network(samples), equal_nan=True)


class Column(nn.Module):
    """A profile, a number for each sample, an index and one number for all."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, profile: Tensor, angle: Tensor, kind: Tensor, scale: Tensor) -> Tensor:
        result: Tensor = self.layer(torch.cat([profile, angle.unsqueeze(-1)], -1)) * kind.unsqueeze(-1) * scale
        return result


PROFILES = torch.tensor([[1.0, 1.0, 1.0], [9.0, 1.0, 1.0], [1.0, -2.0, 3.0], [1.0, math.nan, 1.0], [1.0, 1.0, 1.0]])
ANGLES = torch.tensor([0.5, 0.5, 0.0, 0.5, 1.1])
KINDS = torch.tensor([1, 2, 100, 4, 5])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("measured", [False, True])
def test_range_guard_of_several_inputs(form: str, measured: bool) -> None:
    network, scale = Column(), torch.tensor(3.0)
    if measured:
        samples = torch.tensor([[1.0, -2.0, 3.0], [2.0, 1.0, -1.0]])
        module = RangeGuard.of(network, samples, torch.tensor([0.0, 1.0]), None, None)
        assert module.get_submodule("range_of_profile").get_buffer("low").tolist() == [1.0, -2.0, -1.0]
    else:
        module = RangeGuard.several(network, ([0, -2, -1], [2, 1, 3]), (0.0, 1.0), None, None)
    given = (PROFILES, ANGLES, KINDS, scale)
    run = module if form == "eager" else torchscript.script(module)
    if form == "export":
        batch = torch.export.Dim("batch", min=2, max=64)
        run = torch.export.export(module, given, dynamic_shapes=({0: batch}, {0: batch}, {0: batch}, None)).module()
    answer, outside = run(*given)
    assert outside.tolist() == [False, True, False, True, True]
    torch.testing.assert_close(answer, network(*given), equal_nan=True)
    assert torch.equal(run(PROFILES[:3], ANGLES[:3], KINDS[:3], scale)[1], outside[:3])


def test_a_guard_of_several_inputs_keeps_names_and_digits() -> None:
    module = RangeGuard.several(Column(), (250.1, 300.3), (0.0, 1.0), None, None, margin=0.1).double()
    assert module.get_submodule("range_of_profile").get_buffer("high").item() == 300.3 + 0.1 * (300.3 - 250.1)
    assert argument_names(module) == ["profile", "angle", "kind", "scale"]
    fields = RangeGuard.several(nn.Identity(), (0.0, 1.0))
    assert fields(torch.tensor([[[0.0, 1.0], [0.5, 0.5]], [[0.0, 2.0], [0.5, 0.5]]]))[1].tolist() == [False, True]
    script = RangeGuard.several(torchscript.script(Column()), (0.0, 1.0), None, None, None)
    assert script(PROFILES, ANGLES, KINDS, torch.tensor(1.0))[1].shape == (5,)


#: Numbers that float32 does not have, in what a host in double precision passes.
KELVIN = torch.tensor([[280.15, 273.16, 301.7], [219.3, 310.01, 250.5]], dtype=torch.float64)
SUMS = torch.tensor([811.1, 777.7], dtype=torch.float64)
DAYS = torch.tensor([[1051896.1, 43829.123456789]], dtype=torch.float64)
MEANS, STDS = np.array([280.15, 270.1, 300.3]), np.array([10.1, 20.2, 1 / 3])


def sum_of(x: np.ndarray, total: np.ndarray, weights: np.ndarray) -> np.ndarray:
    moved: np.ndarray = x + ((total - x @ weights) / weights.sum())[:, None]
    return moved


#: What holds numbers, or decides of which dtype its result is: what makes it, inputs, and what numpy makes of these.
EXACT: dict[str, tuple[Callable[[], nn.Module], tuple[Tensor, ...], Callable[..., np.ndarray]]] = {
    "standardize": (lambda: Standardize(MEANS, STDS), (KELVIN,), lambda x: (x - MEANS) / STDS),  # type: ignore[arg-type]
    "inverse": (lambda: Standardize(MEANS, STDS).inverse(), (KELVIN,), lambda x: x * STDS + MEANS),  # type: ignore[arg-type]
    "measured": (lambda: Standardize.of(KELVIN), (KELVIN,), lambda x: (x - x.mean(0)) / x.std(0, ddof=1)),
    "clip": (lambda: Clip(250.1, 300.3), (KELVIN,), lambda x: np.clip(x, 250.1, 300.3)),
    "conserve": (lambda: ConserveSum(3, [0.1, 0.2, 1 / 3]), (KELVIN, SUMS), lambda x, t: sum_of(x, t, np.array([0.1, 0.2, 1 / 3]))),
    "cyclic": (lambda: CyclicTime("hour", "day"), (DAYS,), lambda t: numpy_cyclic(np.mod(t, [24, 365.2425]))),
    "bytes": (lambda: FromBytes(0.1, 0.7), (BYTES,), lambda x: x * (0.6 / 255) + 0.1),
    "guard": (lambda: RangeGuard(nn.Identity(), 250.1, 300.3), (KELVIN,), lambda x: x),
}

CONVERSIONS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "double": lambda module: module.double(),
    "float": lambda module: module.double().float(),
    "there_and_back": lambda module: module.half().float().bfloat16().to(torch.float64),
    "copied": lambda module: copy.deepcopy(module).double(),
    "within": lambda module: nn.Sequential(module).double()[0],
}


@pytest.mark.parametrize("conversion", CONVERSIONS)
@pytest.mark.parametrize("case", EXACT)
def test_numbers_are_as_exact_as_the_network(case: str, conversion: str) -> None:
    """In double precision they are those that were given, not their float32 neighbours; results are of the network's dtype."""
    make, inputs, numpy = EXACT[case]
    dtype = torch.float32 if conversion == "float" else torch.float64
    module = CONVERSIONS[conversion](make())
    # Times are double precision whatever the network is.
    given = [x.to(dtype) if x.is_floating_point() and case != "cyclic" else x for x in inputs]
    found = module(*given)
    found = found[0] if isinstance(found, tuple) else found
    assert found.dtype == dtype
    assert nn.Linear(found.shape[-1], 2).to(dtype)(found).dtype == dtype
    wanted = torch.as_tensor(np.asarray(numpy(*(x.numpy() for x in given)))).double()
    rounding = 4e-14 if dtype == torch.float64 else 1e-5
    torch.testing.assert_close(found.double(), wanted, rtol=rounding, atol=rounding)


@pytest.mark.parametrize("case", [name for name in EXACT if name != "guard"])
def test_files_in_double_precision(case: str, tmp_path: Path) -> None:
    """``dtype="float64"`` takes a network with wrappers as it is."""
    make, inputs, numpy = EXACT[case]
    path = tmp_path / "model.pt"
    spec = pt2ts.export(make(), [x.float() if x.is_floating_point() else x for x in inputs], path, dtype="float64")
    assert [item.dtype for item in spec.outputs] == ["float64"]
    found = reading.load_script(path)(*inputs)
    wanted = torch.as_tensor(numpy(*(x.numpy() for x in inputs)))
    torch.testing.assert_close(found, wanted, rtol=4e-14, atol=4e-14)


def test_numbers_that_were_changed_stay_so() -> None:
    """By hand or out of a file of weights: what was given at first is no truth any more."""
    scale = Standardize(280.15, 10.1)
    scale.mean += 1
    assert scale.double().mean.item() == pytest.approx(281.15, abs=1e-4)
    other = Standardize(0.0, 1.0)
    other.load_state_dict(Standardize(273.16, 2.0).state_dict())
    assert other.double().inverse()(torch.zeros(1, dtype=torch.float64)).item() == torch.tensor(273.16).item()
    assert list(other.state_dict()) == ["mean", "std"]


def test_bounds_hold_behind_a_network_in_bfloat16() -> None:
    """Rounded to its digits, 0.1 would be more than 0.1."""
    x = torch.tensor([[7.0, 0.05, -1.0]], dtype=torch.bfloat16)
    assert float(Clip(0, 0.1)(x).max()) <= torch.tensor(0.1).item()
    total = torch.tensor([3.0])
    assert float(ConserveSum(3)(x, total).double().sum()) == pytest.approx(3.0, abs=1e-6)


def test_a_margin_widens_the_range() -> None:
    guard = RangeGuard(nn.Identity(), 0.0, 10.0, margin=0.1)
    assert guard(torch.tensor([[-1.5], [-0.5], [10.5], [11.5]]))[1].tolist() == [True, False, False, True]


def test_measured_scales_give_mean_zero_and_deviation_one() -> None:
    images = torch.randn(40, 3, 8, 9) * torch.tensor([1.0, 20.0, 300.0])[:, None, None] + 250
    scale = Standardize.of(images, dim=-3)
    scaled = scale(images)
    assert scaled.mean((0, 2, 3)).tolist() == pytest.approx([0, 0, 0], abs=1e-4)
    assert scaled.std((0, 2, 3)).tolist() == pytest.approx([1, 1, 1], abs=1e-4)
    # Values reach a thousand, where float32 numbers are 6e-5 apart.
    torch.testing.assert_close(scale.inverse()(scaled), images, rtol=0, atol=1.3e-4)
    torch.testing.assert_close(scale.inverse().inverse()(images), scaled)


@pytest.mark.parametrize("method", ["shift", "scale"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_budget_is_closed_to_rounding(method: str, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(200, 60, generator=generator, dtype=dtype) * 1e3
    weights = torch.rand(60, generator=generator) + 0.1
    total = torch.rand(200, generator=generator, dtype=dtype) * 1e4
    module = ConserveSum(60, weights, method)
    closed = module(x, total).double() @ weights.double()
    size = torch.maximum((module(x, total).double().abs() @ weights.double()), total.double())
    # Each value can be off by half a unit in its last place; in double precision the 60 terms of the sum itself round as well.
    allowed = torch.finfo(dtype).eps * (60 if dtype == torch.float64 else 1)
    assert float(((closed - total).abs() / size).max()) <= allowed


def test_scaling_keeps_zeros_and_shares_out_what_was_zero() -> None:
    module = ConserveSum(3, method="scale")
    kept = module(torch.tensor([[0.0, 1.0, 3.0], [0.0, 0.0, 0.0]]), torch.tensor([8.0, 6.0]))
    assert kept.tolist() == [[0.0, 2.0, 6.0], [2.0, 2.0, 2.0]]


def test_midnight_and_new_year_are_near_the_evening_before() -> None:
    hour = CyclicTime("hour")
    near = (hour(torch.tensor([23.99])) - hour(torch.tensor([0.01]))).abs().max()
    assert float(near) < 0.01
    # Hours since 1900 in double precision: the minute counts.
    since = torch.tensor([[24.0 * 45000 + 1 / 60]], dtype=torch.float64)
    assert float(hour(since)[0, 0]) == pytest.approx(math.sin(2 * math.pi / 1440), rel=1e-5)


def test_nan_is_not_hidden() -> None:
    assert Clip(0, 1)(torch.tensor([math.nan])).isnan().all()


def test_bytes_that_are_no_bytes_any_more() -> None:
    with pytest.raises(TypeError, match="takes uint8"):
        FromBytes()(torch.tensor([0.5]))
    with pytest.raises(torch.jit.Error, match="takes uint8"):
        torchscript.script(FromBytes())(torch.tensor([0.5]))


def test_a_level_that_never_changes_can_stay() -> None:
    """A column of an array cannot be left out: it gets a smallest deviation, and comes out as zero."""
    samples = torch.randn(50, 3)
    samples[:, 1] = 7
    with pytest.raises(pt2ts.DeclarationError, match=r"Standardize\.of\(samples, smallest=1e-6\)"):
        Standardize.of(samples)
    scale = Standardize.of(samples, smallest=1e-6)
    assert torch.equal(scale(samples)[:, 1], torch.zeros(50))
    assert torch.allclose(scale.inverse()(scale(samples)), samples, atol=1e-5)
    assert torch.equal(scale.std[[0, 2]], Standardize.of(samples[:, [0, 2]]).std)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: Standardize([1.0, 2.0], [1.0, 0.0]), "std has 0\n  hint: variables that never change"),
        (lambda: Standardize(0.0, [1.0], dim=1), "dim is 1\n  hint: count from the end"),
        (lambda: Standardize([math.nan], 1.0), "mean has NaN"),
        (lambda: Standardize(torch.ones(1, 1), 1.0), "mean has 2 dimensions"),
        (lambda: NonNegative("abs"), "method is 'abs'\n  hint: either 'softplus' or 'relu'"),
        (lambda: NonNegative(sharpness=0), "sharpness is 0"),
        (lambda: ConserveSum(3, [1.0, 2.0]), "there are 2 weights for 3 values"),
        (lambda: ConserveSum(2, [1.0, -2.0]), "weights has -2"),
        (lambda: ConserveSum(2, method="guess"), "method is 'guess'"),
        (lambda: Clip(1, 0), "a lower bound is above the upper bound"),
        (lambda: Clip([0, 1], [1, 2, 3]), "low has 2 numbers and high has 3"),
        (lambda: CyclicTime("fortnight"), "'fortnight' is no cycle\n  hint: one of hour, weekday, month, day"),
        (CyclicTime, "no cycle is given"),
        (lambda: CyclicTime(0.0), "a cycle has the length 0"),
        (
            lambda: RangeGuard.several(Column(), (0, 1), (0, 1)),
            "bounds of 2 inputs, and the network takes profile, angle, kind, scale",
        ),
        (lambda: RangeGuard.several(Column(), *[(0, 1)] * 5), "there are bounds of 5 inputs"),
        (lambda: RangeGuard.several(Column(), None, None, None, None), "no input has bounds"),
        (lambda: RangeGuard.several(nn.Identity(), (1, 0)), "a lower bound is above the upper bound"),
        (lambda: RangeGuard.of(nn.Identity(), X, 0.1), "samples 2 are 0.1"),  # type: ignore[arg-type]
        (lambda: Cast("float32"), "dtype is 'float32'"),  # type: ignore[arg-type]
    ],
)
def test_what_makes_no_sense(make: Callable[[], nn.Module], complaint: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        make()
    assert complaint in str(caught.value)
