"""Networks that are harder to compile: weights of two names, sizes of their own, operators of others, bfloat16 after kelvin."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import pt2ts
from pt2ts.capture.bfloat16 import lost_digits
from pt2ts.capture.program import export_program, flat_module
from pt2ts.container import package
from pt2ts.contract.spec import Symbol, TensorSpec
from pt2ts.nn import Clip, Standardize
from pt2ts.runtime.library import LibraryModel
from pt2ts.runtime.runner import PackageRunner

from .test_package import module_of

# -------------------------------------------------------------------------------------- a weight of two names, and a size


def test_a_weight_of_two_names_is_stored_once(tied: Path) -> None:
    """Whichever name is written to, both layers compute with it."""
    runner = PackageRunner(tied)
    places = {item.name: item.offset for item in runner.spec.weights}
    assert set(places) == {"encode.weight", "encode.bias", "decode.weight", "decode.bias"}
    assert places["encode.weight"] == places["decode.weight"]
    assert len(set(places.values())) == 3
    assert runner.weights["encode.weight"] is runner.weights["decode.weight"]
    net, x = module_of("tied"), torch.randn(1, 6)
    runner.weights["decode.weight"].add_(0.5)
    with torch.no_grad():
        net.get_parameter("encode.weight").add_(0.5)
        wanted = net(x)
    for variant in runner.spec.variants:
        again, pairs = runner.call(variant)(x)
        torch.testing.assert_close(again, wanted["again"], rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(pairs, wanted["pairs"], rtol=1e-5, atol=1e-6)


def test_views_of_one_tensor_are_weights_of_their_own() -> None:
    whole = torch.arange(6.0)
    tensors = [("whole", whole), ("again", whole), ("part", whole[:3]), ("other", whole.reshape(2, 3)), ("empty", whole[:0])]
    blob, weights = package.pack_weights(tensors, frozenset())
    assert weights[0].offset == weights[1].offset
    assert len({weight.offset for weight in weights[1:4]}) == 3
    assert all(torch.equal(value, package.unpack_weights(blob, weights)[name]) for name, value in tensors)


def test_a_result_may_have_a_size_of_its_own(tied: Path) -> None:
    """Twice the batch: the contract does not say so, and every call finds it out. A kernel could not: none is built."""
    spec, net = pt2ts.read_spec(tied), module_of("tied")
    assert [item.shape for item in spec.outputs] == [("batch", 6), ("pairs_dim1", 6)]
    assert {item.kind for item in spec.variants} == {"aoti"}
    with LibraryModel(tied) as model:
        for rows in (1, 2, 7):
            x = torch.randn(rows, 6)
            outputs = [torch.empty(rows, 6), torch.empty(2 * rows, 6)]
            model.run(model.prepare([x], outputs))
            with torch.no_grad():
                wanted = net(x)
            torch.testing.assert_close(outputs[0], wanted["again"], rtol=1e-5, atol=1e-6)
            torch.testing.assert_close(outputs[1], wanted["pairs"], rtol=1e-5, atol=1e-6)
            with pytest.raises(pt2ts.VerifyError, match="output 2 'pairs'"):
                model.run(model.prepare([x], [torch.empty(rows, 6), torch.empty(2 * rows + 1, 6)]))


class OneMore(nn.Module):
    """A row more than samples, and several rows out of each."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return torch.cat([x, x[:1]]), x.reshape(-1, 2)


def test_sizes_that_have_the_name_of_an_input_stay_apart(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    spec = pt2ts.export(OneMore(), torch.randn(4, 6), path, inputs=["x[output1_dim1,6]"])
    assert [item.shape for item in spec.outputs] == [("output1_dim1_", 6), ("output2_dim1", 2)]
    with LibraryModel(path) as model:
        outputs = [torch.empty(6, 6), torch.empty(15, 2)]
        x = torch.randn(5, 6)
        model.run(model.prepare([x], outputs))
    assert torch.equal(outputs[0], torch.cat([x, x[:1]]))
    assert torch.equal(outputs[1], x.reshape(-1, 2))


# -------------------------------------------------------------------------------------------------- operators of others


@torch.library.custom_op("pt2ts_test::scaled", mutates_args=())
def scaled(x: Tensor, factor: float) -> Tensor:
    return x * factor


@scaled.register_fake
def _(x: Tensor, factor: float) -> Tensor:  # noqa: ARG001 - PyTorch calls it by name
    return torch.empty_like(x)


_LIBRARY = torch.library.Library("pt2ts_test", "FRAGMENT")  # type: ignore[no-untyped-call]
_LIBRARY.define("doubled(Tensor x) -> Tensor")  # type: ignore[no-untyped-call]
_LIBRARY.impl("doubled", lambda x: x * 2, "CompositeImplicitAutograd")  # type: ignore[no-untyped-call]


class Direct(nn.Module):
    """Calls the operator as a function of Python."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = scaled(x, 2.0)
        return y


class ByName(nn.Module):
    """Calls it as an operator."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = torch.ops.pt2ts_test.scaled(x, 2.0)
        return y


class InBranch(nn.Module):
    """Calls it in one branch only."""

    def forward(self, x: Tensor) -> Tensor:
        if x.sum() > 0:
            y: Tensor = torch.ops.pt2ts_test.scaled(x, 2.0)
            return y
        return x * 2


class Composed(nn.Module):
    """Calls one that consists of PyTorch's own."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = torch.ops.pt2ts_test.doubled(x)
        return y


@pytest.mark.parametrize(
    ("module", "file", "operator"),
    [
        (Direct, "m.pt", "scaled"),
        (Direct, "m.pt2", "scaled"),
        (ByName, "m.pt", "scaled"),
        (ByName, "m.pt2", "scaled"),
        (InBranch, "m.pt", "scaled"),
    ],
)
def test_operators_of_python_are_refused(module: Callable[[], nn.Module], file: str, operator: str, tmp_path: Path) -> None:
    """Nothing in a Fortran program could run them; that they run here, where Python is, proves nothing."""
    with pytest.raises(pt2ts.UnexportableError) as caught:
        pt2ts.export(module(), torch.ones(4, 5), tmp_path / file)
    assert f"forward calls the operator 'pt2ts_test::{operator}', which exists in Python only" in str(caught.value)
    assert "hint: write it with PyTorch's own functions" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_operators_that_consist_of_others_are_written_out(tmp_path: Path) -> None:
    pt2ts.export(Composed(), torch.ones(4, 5), tmp_path / "m.pt")
    inputs = [TensorSpec("x", "float32", ("batch", 5))]
    program = export_program(flat_module(Composed()), inputs, [torch.ones(4, 5)], {"batch": Symbol()})
    assert torch.equal(program.module()(torch.ones(3, 5))[0], torch.full((3, 5), 2.0))


class Ignored(nn.Module):
    """Calls a function whose source TorchScript is told to leave alone."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = aside(x) + 1
        return y


def _aside(x: torch.Tensor) -> torch.Tensor:
    return x * 2


_aside.__annotations__ = {"x": torch.Tensor, "return": torch.Tensor}  # TorchScript cannot read those that are strings
aside = torch.jit.ignore(_aside)  # type: ignore[no-untyped-call]


def test_functions_that_torchscript_leaves_alone_are_traced(tmp_path: Path) -> None:
    """What it has compiled until then could not be written."""
    pt2ts.export(Ignored(), torch.ones(4, 5), tmp_path / "m.pt")
    with pytest.raises(pt2ts.UnexportableError, match="it calls a function of Python"):
        pt2ts.export(Ignored(), torch.ones(4, 5), tmp_path / "m.pt", format=pt2ts.TorchScript(method="script"))


# ------------------------------------------------------------------------------------------------ bfloat16 after kelvin

KELVIN = torch.linspace(0, 1, 64 * 8).reshape(64, 8).sort(0).values * 110 + 200


class Recurrent(nn.Module):
    """Of one step."""

    def __init__(self, kind: type[nn.LSTM] | type[nn.GRU]) -> None:
        super().__init__()
        self.inner, self.last = kind(8, 16, batch_first=True), nn.Linear(16, 8)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.last(self.inner(x.unsqueeze(1))[0])
        return y.squeeze(1)


class OwnScale(nn.Module):
    """Scaled by hand, multiplied by hand."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(8, 8))
        self.register_buffer("mean", KELVIN.mean(0))

    def forward(self, x: Tensor) -> Tensor:
        return ((x - self.mean) / 30) @ self.weight


SCHEMES: dict[str, Callable[[Standardize], nn.Module]] = {
    "dense": lambda scale: nn.Sequential(scale, nn.Linear(8, 32), nn.Tanh(), nn.LayerNorm(32), nn.Linear(32, 8), scale.inverse()),
    "bounded": lambda scale: nn.Sequential(scale, nn.Linear(8, 8), scale.inverse(), Clip(200.1, 310.1)),
    "lstm": lambda scale: nn.Sequential(scale, Recurrent(nn.LSTM)),
    "gru": lambda scale: nn.Sequential(scale, Recurrent(nn.GRU)),
    "batch_norm": lambda _: nn.Sequential(nn.BatchNorm1d(8, momentum=None), nn.Linear(8, 8)),
    "by_hand": lambda _: OwnScale(),
    "double": lambda scale: nn.Sequential(scale, nn.Linear(8, 8)).double(),
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_temperatures_keep_their_digits_until_they_are_scaled(scheme: str) -> None:
    """In bfloat16 280 K is 280 or 282 K. What is computed so is what comes after the scaling, and before the way back."""
    torch.manual_seed(0)
    module = SCHEMES[scheme](Standardize.of(KELVIN))
    x = KELVIN.double() if scheme == "double" else KELVIN
    module(x)  # batch normalization measures
    module.eval()
    flat = flat_module(copy.deepcopy(module), "bfloat16")
    program = export_program(flat, [TensorSpec("x", "float32", ("batch", 8))], [x], {"batch": Symbol()})
    with torch.no_grad():
        wanted = module(x)
        rounded = copy.deepcopy(module).bfloat16()(x.bfloat16()).to(wanted.dtype)
        (found,), (compiled,) = flat(x), program.module()(x)
    assert found.dtype == compiled.dtype == wanted.dtype
    assert any(item.dtype == torch.bfloat16 for item in flat.parameters()) or scheme == "by_hand"
    spread = float(wanted.std())
    error = float((compiled - wanted).abs().max())
    assert 0 < error < 0.04 * spread
    assert error < 0.7 * float((rounded - wanted).abs().max())
    assert float((compiled - found).abs().max()) < 0.02 * spread
    assert not re.search("autocast", str(program.graph))


def test_lost_digits_are_told() -> None:
    named, x = [("y", torch.tensor([280.1, 281.3, 279.8]))], torch.tensor([280.0, 282.0, 280.0])
    with pytest.warns(UserWarning, match=r"in bfloat16 output 'y' differs from the module's by up to 0\.7, and it varies by 0\.79"):
        loss = lost_digits(named, [x])["y"]
    assert (loss.largest, loss.rms, loss.spread) == pytest.approx((0.7, 0.4243, 0.794), rel=1e-3)
