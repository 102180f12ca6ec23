"""Arguments and results that are no plain tensors: dictionaries, dataclasses, lists, keywords; derivatives inside of forward."""

from __future__ import annotations

import copy
from collections import OrderedDict
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.utils import _pytree

import pt2ts
from pt2ts.capture.arguments import Call, arrange, call_of, call_of_names
from pt2ts.contract.structure import flatten
from pt2ts.pytorch import torchscript
from pt2ts.runtime.library import LibraryModel


def x(*shape: int) -> Tensor:
    """Return random numbers, four samples of five unless a shape is given."""
    return torch.randn(*(shape or (4, 5)))


@dataclass
class State:
    """What a column is in, and what it is over."""

    temperature: Tensor
    humidity: Tensor
    surface: str = "land"


class Fluxes(NamedTuple):
    """A pair."""

    heat: Tensor
    water: Tensor


@dataclass
class Tendencies:
    """Results by name, one of them not always there."""

    heating: Tensor
    rain: Tensor
    ice: Tensor | None = None


class Output(OrderedDict[str, Tensor]):
    """A dictionary that is a dataclass too, as libraries of transformers return them."""

    def __init__(self, logits: Tensor, hidden: Tensor | None = None) -> None:
        super().__init__({"logits": logits} | ({} if hidden is None else {"hidden": hidden}))


class Bag:
    """A container of somebody's, registered with PyTorch."""

    def __init__(self, items: list[Tensor]) -> None:
        self.items = items


_pytree.register_pytree_node(Bag, lambda bag: (bag.items, None), lambda items, _: Bag(list(items)))


class Column(nn.Module):
    """Everything at once; a class of its own as a result."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(5, 5)

    def forward(
        self, state: State, more: list[Tensor], *, mask: Tensor, scale: Tensor | None = None, detailed: bool = False
    ) -> Tendencies:
        y = self.net(state.temperature) + (2 if state.surface == "land" else 1) * state.humidity + more[0] - 3 * more[1]
        if scale is not None:
            y = y * scale
        return Tendencies(torch.where(mask, y, 0.0), y.sum(1), y if detailed else None)


class Chooses(nn.Module):
    """A dictionary in, a decision by values, a dictionary out: for TorchScript's compiler."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(5, 5)

    def forward(self, state: dict[str, Tensor], w: Tensor | None = None, v: Tensor | None = None) -> dict[str, Tensor]:
        y = self.net(state["warm"]) + 2 * state["cold"]
        if w is not None:
            y = y * w
        if v is not None:
            y = y - v
        if bool(y.sum() > 0):
            y = y * 10
        return {"y": y}


class Pairs(nn.Module):
    """Named tuples, tuples, a container of somebody's."""

    def forward(self, fluxes: Fluxes, rest: tuple[Tensor, Tensor], bag: Bag) -> Output:
        return Output(fluxes.heat - 2 * fluxes.water + rest[0] - 3 * rest[1], bag.items[0] - 4 * bag.items[1])


def given() -> dict[str, Any]:
    """Return arguments of `Column`."""
    return {"state": State(x(), x(), "sea"), "more": [x(), x()], "mask": x() > 0, "detailed": True}


NAMES = ["state.temperature", "state.humidity", "more.1", "more.2", "mask"]


def test_arguments_of_any_kind_become_inputs_in_a_row(tmp_path: Path) -> None:
    """By the library: the right array in the right place, the switches built in, and what is left out left out."""
    net, example, path = Column(), given(), tmp_path / "m.pt"
    spec = pt2ts.export(net, example, path)
    assert [item.name for item in spec.inputs] == NAMES
    assert [item.name for item in spec.outputs] == ["heating", "rain", "ice"]
    tensors = [example["state"].temperature, example["state"].humidity, *example["more"], example["mask"]]
    with LibraryModel(path) as model:
        outputs = [torch.empty(4, 5), torch.empty(4), torch.empty(4, 5)]
        model.run(model.prepare(tensors, outputs))
    with torch.no_grad():
        wanted = net(**example)
    for name, found in zip(("heating", "rain", "ice"), outputs, strict=True):
        torch.testing.assert_close(found, getattr(wanted, name))
    assert type(net) is Column, "the user's module stays as it is"


def test_decisions_stay_where_arguments_are_dictionaries(tmp_path: Path) -> None:
    """The forward that puts the dictionary together is compiled with the user's own."""
    net, path = Chooses(), tmp_path / "m.pt"
    spec = pt2ts.export(net, {"state": {"warm": x(), "cold": x()}, "v": x()}, path)
    assert [item.name for item in spec.inputs] == ["state.cold", "state.warm", "v"]
    with LibraryModel(path) as model:
        for sign in (1.0, -1.0):
            cold, warm, v = torch.full((3, 5), sign), x(3, 5), x(3, 5)
            found = torch.empty(3, 5)
            model.run(model.prepare([cold, warm, v], [found]))
            with torch.no_grad():
                torch.testing.assert_close(found, net({"warm": warm, "cold": cold}, v=v)["y"])
    assert [item.name for item in pt2ts.export(net, {"warm": x(), "cold": x()}, path).inputs] == ["state.cold", "state.warm"]


def test_declarations_alone_say_what_lies_where(tmp_path: Path) -> None:
    """By dots; a class goes by the annotation. New names keep what is known about the place, for a comparison with the module."""
    path, full = tmp_path / "m.pt", [f"{name}[batch,5] {'bool' if name == 'mask' else 'float32'}" for name in NAMES]
    pt2ts.export(Column(), None, path, inputs=full)
    torch.manual_seed(0)
    net = Column()
    spec = pt2ts.export(
        net, {**given(), "state": State(x(), x())} | {"detailed": False}, path, inputs=["t", "q", "u", "v", "ocean"]
    )
    assert [item.argument for item in pt2ts.read_spec(path).inputs] == [item.argument for item in spec.inputs] == NAMES
    assert all(found.passed for found in pt2ts.verify(path, against=net))


def test_flat_arrays_by_name_are_arguments_too(tmp_path: Path) -> None:
    """As a file of numpy has them."""
    arrays = {name: (x() > 0 if name == "mask" else x()) for name in NAMES}
    assert [item.name for item in pt2ts.export(Column(), arrays, tmp_path / "m.pt").inputs] == NAMES


def test_containers_of_others(tmp_path: Path) -> None:
    net = Pairs()
    fluxes, rest, bag = Fluxes(x(), x()), (x(), x()), Bag([x(), x()])
    spec = pt2ts.export(net, (fluxes, rest, bag), tmp_path / "m.pt")
    assert [item.name for item in spec.inputs] == ["fluxes.heat", "fluxes.water", "rest.1", "rest.2", "bag.1", "bag.2"]
    assert [item.name for item in spec.outputs] == ["hidden", "logits"], "a dictionary goes by sorted key"
    twin = copy.deepcopy(net)
    found, other = arrange(twin, Call((fluxes, rest, bag)))
    assert other
    assert torch.equal(twin(*(tensor for _, tensor in found))["hidden"], bag.items[0] - 4 * bag.items[1])


def test_what_a_result_holds_has_names() -> None:
    one, two = torch.tensor(1.0), torch.tensor(2.0)

    @dataclass
    class Nested:
        first: Any
        rest: list[Any] = field(default_factory=list)

    value = Nested({"b": one, "a": two}, [one, None, Fluxes(one, two)])
    assert [name for name, _ in flatten(value)] == ["first.a", "first.b", "rest.1", "rest.3.heat", "rest.3.water"]
    assert [name for name, _ in flatten((Bag([one, two]), Output(one)))] == ["output1.1", "output1.2", "output2.logits"]
    assert len(fields(Nested)) == 2


def test_a_copy_calls_its_own_forward() -> None:
    """And not that of the module that it was made from: the check in float64 is a copy."""
    net = Chooses()
    found, _ = arrange(net, call_of(net, {"warm": x(), "cold": x()}))
    twin = copy.deepcopy(net).double()
    assert twin(*(tensor.double() for _, tensor in found))["y"].dtype == torch.float64


class Names(nn.Module):
    """Of every kind of argument."""

    def forward(self, a: Any, b: Any = None, *c: Any, d: Any = None, **e: Any) -> Any:
        """Return what came."""
        return [a, b, *c, d, *e.values()]


@pytest.mark.parametrize(
    ("example", "names"),
    [
        ((x(), x()), ["a", "b"]),
        ((x(), None, x()), ["a", "input3"]),
        ({"a": x(), "d": x()}, ["a", "d"]),
        ({"d": [x()], "a": [x(), x()]}, ["a.1", "a.2", "d"]),
        ({"a": x(), "z": x(), "y": x()}, ["a", "z", "y"]),
        ({"a": [1.0, 2.0], "b": 3}, ["a", "b"]),
        (([[1.0, 2.0], [3.0, 4.0]],), ["a"]),
        ({"a": {"u": {"v": x()}}, "b": True}, ["a.u.v"]),
    ],
)
def test_names_of_arguments(example: Any, names: list[str]) -> None:
    net = Names()
    assert [name for name, _ in arrange(net, call_of(net, example))[0]] == names


def test_names_say_where_values_go() -> None:
    call = call_of_names(Names(), ["a.1", "a.2", "d.k", "b"], ["1", "2", "3", "4"])
    assert (call.args, call.kwargs) == ((["1", "2"], "4"), {"d": {"k": "3"}})
    call = call_of_names(Names(), ["other", "d"], ["1", "2"])
    assert (call.args, call.kwargs) == (("1",), {"d": "2"})
    state = call_of_names(Column(), ["state.temperature", "state.humidity"], ["1", "2"]).args[0]
    assert state == State("1", "2")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("module", "example", "words"),
    [
        (Column(), given() | {"state": {"temperature": x()}}, "'dict' object has no attribute 'temperature'"),
        (Column(), given() | {"more": [x(), {1, 2}]}, "example input 4 'more.2' is a set, not a tensor"),
        (Column(), given() | {"depth": x()}, "forward has no argument 'depth'\n  hint: its arguments are state, more, mask, sc"),
        (Column(), {"detailed": True}, "there are no example inputs"),
        (torchscript.script(nn.Linear(5, 5)), {"input": [x(), x()]}, "the module is TorchScript already"),
    ],
)
def test_arguments_are_refused(module: nn.Module, example: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(pt2ts.ExportError) as caught:
        pt2ts.export(module, example, tmp_path / "m.pt")
    assert words in str(caught.value)
    assert "hint:" in str(caught.value)
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------------------------------ derivatives inside


class Jacobian(nn.Module):
    """A heating rate with its derivatives, sample by sample."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3))

    def forward(self, column: Tensor) -> tuple[Tensor, Tensor]:
        return self.net(column), torch.func.vmap(torch.func.jacrev(self.net))(column)


class Force(nn.Module):
    """The gradient of an energy; no force depends on the last bias."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, place: Tensor) -> Tensor:
        with torch.enable_grad():
            here = place.detach().requires_grad_()
            (gradient,) = torch.autograd.grad([self.net(here).sum()], [here])
        return -gradient


class Ensemble(nn.Module):
    """Members side by side: one network with weights of its own for each."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(x(4, 3, 5)), nn.Parameter(x(4, 3))

    def forward(self, column: Tensor) -> Tensor:
        member = torch.func.vmap(nn.functional.linear, in_dims=(None, 0, 0))
        mean: Tensor = member(column, self.weight, self.bias).mean(0)
        return mean


@pytest.mark.parametrize("make", [Jacobian, Force, Ensemble])
def test_derivatives_inside_of_forward(make: type[nn.Module], tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = make()
    if make is not Force and torch.__version__.startswith("2.11."):  # which cannot take vmap apart
        with pytest.raises((pt2ts.UnexportableError, pt2ts.CheckError)):
            pt2ts.export(net, x(), tmp_path / "m.pt")
        assert not list(tmp_path.iterdir())
        return
    pt2ts.export(net, x(), tmp_path / "m.pt")
    assert all(found.passed for found in pt2ts.verify(tmp_path / "m.pt", against=net))


@pytest.mark.parametrize(
    "make", [Force, pytest.param(Jacobian, marks=pytest.mark.long), pytest.param(Column, marks=pytest.mark.long)]
)
def test_packages_of_them(make: type[nn.Module], tmp_path: Path) -> None:
    torch.manual_seed(0)
    net, path = make(), tmp_path / "m.pt2"
    spec = pt2ts.export(net, given() if make is Column else x(), path, format=pt2ts.Package(batch=(), threads=1))
    unused = {item.name for item in spec.weights if not item.used}
    assert unused == ({"net.2.bias"} if make is Force else set())
    if make is not Column:  # whose switches no file knows
        assert all(found.passed for found in pt2ts.verify(path, against=net))


@pytest.mark.long
def test_training_with_arguments_of_any_kind(tmp_path: Path) -> None:
    torch.manual_seed(0)
    spec = pt2ts.export_training(
        Chooses0(), "mse", "sgd", {"warm": x(), "cold": x()}, x(), tmp_path / "t.pt2", learning_rate=0.1
    )  # fmt: skip
    assert [item.name for item in spec.inputs] == ["state.cold", "state.warm"]


class Chooses0(nn.Module):
    """Trainable, with a dictionary as argument."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(5, 5)

    def forward(self, state: dict[str, Tensor]) -> Tensor:
        y: Tensor = self.net(state["warm"]) + 2 * state["cold"]
        return y
