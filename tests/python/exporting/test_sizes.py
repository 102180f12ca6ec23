"""Sizes that are multiples, indices whose range follows a size, masks, random numbers from a seed: in contracts and in calls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import pt2ts
from pt2ts import Symbol
from pt2ts.capture.program import export_program, flat_module
from pt2ts.contract.batch import batch_symbol
from pt2ts.contract.samples import make_from_specs, resize
from pt2ts.contract.spec import TensorSpec
from pt2ts.nn import Noise, Pad
from pt2ts.pytorch.symbols import ones_like_others
from pt2ts.runtime.library import LibraryModel


class UNet(nn.Module):
    """Halves its field twice."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(2, width, 3, padding=1), nn.Conv2d(width, 2 * width, 3, padding=1)
        self.deep = nn.Conv2d(2 * width, 2 * width, 3, padding=1)
        self.back, self.out = (
            nn.ConvTranspose2d(2 * width, 2 * width, 2, stride=2),
            nn.ConvTranspose2d(2 * width, width, 2, stride=2),
        )
        self.last = nn.Conv2d(2 * width, 1, 1)

    def forward(self, field: Tensor) -> Tensor:
        fine = torch.relu(self.first(field))
        half = torch.relu(self.second(nn.functional.max_pool2d(fine, 2)))
        deep = torch.relu(self.deep(nn.functional.max_pool2d(half, 2)))
        y = torch.relu(self.out(torch.relu(self.back(deep)) + half))
        z: Tensor = self.last(torch.cat([fine, y], 1))
        return z


class Graph(nn.Module):
    """Messages along edges; indices are counted from 1."""

    def __init__(self) -> None:
        super().__init__()
        self.message, self.update = nn.Sequential(nn.Linear(8, 8), nn.SiLU(), nn.Linear(8, 4)), nn.Linear(8, 4)

    def forward(self, state: Tensor, edges: Tensor) -> Tensor:
        source, target = edges[0] - 1, edges[1] - 1
        message = self.message(torch.cat([state[source], state[target]], 1))
        gathered = torch.zeros_like(state).index_add(0, target, message)
        new: Tensor = self.update(torch.cat([state, gathered], 1))
        return new


class OceanMean(nn.Module):
    """Over the points that a mask has."""

    def forward(self, column: Tensor, ocean: Tensor) -> Tensor:
        return column[ocean].sum(0) / ocean.sum().clamp(min=1)


class OceanOnly(nn.Module):
    """Computes those points and leaves the others alone."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 2))

    def forward(self, column: Tensor, ocean: Tensor) -> Tensor:
        y = torch.zeros(column.shape[0], 2, dtype=column.dtype)
        y[ocean] = self.net(column[ocean])
        return y


class Where(nn.Module):
    """As many results as there are points."""

    def forward(self, column: Tensor) -> Tensor:
        return torch.nonzero(column > 0)


class Stochastic(nn.Module):
    """Two layers with noise of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.net, self.first, self.second = nn.Linear(5, 5), Noise(), Noise("uniform", 1)

    def forward(self, column: Tensor, seed: Tensor) -> Tensor:
        y: Tensor = self.net(column + self.first(column, seed)) + self.second(column, seed)
        return y


FIELD = {"inputs": ["field[batch,2,ny,nx] float32"]}
EDGES = {"inputs": ["state[nodes,4] float32", "edges[2,links] int64 1..nodes"], "symbols": {"links": (0, None)}}

#: Network, example, and what is declared.
NETWORKS: dict[str, tuple[Callable[[], nn.Module], Any, dict[str, Any]]] = {
    "multiples": (UNet, None, {**FIELD, "symbols": {"ny": (4, None, 4), "nx": Symbol(4, 64, 4)}}),
    "padded": (lambda: Pad(UNet(), 4, ("edge", "periodic")), None, FIELD),
    "graph": (Graph, None, EDGES),
    "ocean mean": (OceanMean, None, {"inputs": ["column[batch,5] float32", "ocean[batch] bool"]}),
    "ocean only": (OceanOnly, None, {"inputs": ["column[batch,5] float32", "ocean[batch] bool"]}),
    "where": (Where, None, {"inputs": ["column[batch,5] float32"]}),
    "stochastic": (Stochastic, None, {"inputs": ["column[batch,5] float32", "seed[batch] int64 0..1000000"]}),
    "one seed": (Stochastic, None, {"inputs": ["column[batch,5] float32", "seed[] int64 0..1000000"]}),
}


def make(name: str, path: Path, **options: Any) -> tuple[nn.Module, pt2ts.Spec]:
    """Write a network; return it and its contract."""
    torch.manual_seed(0)
    build, example, declared = NETWORKS[name]
    net = build()
    return net, pt2ts.export(net, example, path, **declared, **options)


@pytest.mark.parametrize("name", NETWORKS)
def test_torchscript(name: str, tmp_path: Path) -> None:
    net, _ = make(name, tmp_path / "m.pt")
    # One seed for all: numbers of a sample follow from its place.
    skip = ["batch"] if name == "one seed" else []
    assert [found.fault for found in pt2ts.verify(tmp_path / "m.pt", against=net, skip=skip) if not found.passed] == []


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in ("padded", "graph") else [pytest.mark.long]) for name in NETWORKS]
)
def test_packages(name: str, tmp_path: Path) -> None:
    net, _ = make(name, tmp_path / "m.pt2", format=pt2ts.Package(batch=(), threads=1))
    skip = ["batch"] if name == "one seed" else []
    assert [found.fault for found in pt2ts.verify(tmp_path / "m.pt2", against=net, skip=skip) if not found.passed] == []
    if name == "graph":
        refuses_edges(tmp_path / "m.pt2")


def refusal(model: LibraryModel, *tensors: Tensor, shape: tuple[int, ...]) -> str:
    """Return what the library says to a call."""
    outputs = [torch.empty(shape)]
    with pytest.raises(pt2ts.VerifyError) as caught:
        model.run(model.prepare(list(tensors), outputs))
    return str(caught.value)


def admits(model: LibraryModel, *tensors: Tensor, shape: tuple[int, ...]) -> None:
    """Assert that the library computes a call."""
    outputs = [torch.full(shape, torch.nan)]
    model.run(model.prepare(list(tensors), outputs))
    assert not outputs[0].isnan().any()


def refuses_edges(path: Path) -> None:
    """Assert that a graph's edges are compared with its nodes in each call."""
    with LibraryModel(path) as model:
        for nodes in (3, 7):
            state = torch.randn(nodes, 4)
            for wrong in (0, nodes + 1):
                words = refusal(model, state, torch.tensor([[1, 2], [wrong, 1]]), shape=(nodes, 4))
                assert f"input 2 'edges': element (2, 1) is {wrong}, expected 1 to {nodes} (1 to nodes)" in words
            for edges in (torch.tensor([[1, nodes], [nodes, 1]]), torch.empty(2, 0, dtype=torch.int64)):
                admits(model, state, edges, shape=(nodes, 4))


def test_indices_are_compared_with_the_size_of_the_call(tmp_path: Path) -> None:
    _, spec = make("graph", tmp_path / "m.pt")
    refuses_edges(tmp_path / "m.pt")
    assert batch_symbol(spec.inputs, spec.symbols) is None, "what indices count is no batch"
    assert pt2ts.read_spec(tmp_path / "m.pt") == spec
    assert "range 1 to nodes" in pt2ts.fortran_module(tmp_path / "m.pt")


def test_sizes_are_multiples_in_each_call(tmp_path: Path) -> None:
    _, spec = make("multiples", tmp_path / "m.pt")
    assert (
        pt2ts.read_spec(tmp_path / "m.pt").symbols
        == spec.symbols
        == {"batch": Symbol(), "ny": Symbol(4, None, 4), "nx": Symbol(4, 64, 4)}
    )
    with LibraryModel(tmp_path / "m.pt") as model:
        admits(model, torch.randn(1, 2, 8, 64), shape=(1, 1, 8, 64))
        words = refusal(model, torch.randn(1, 2, 6, 8), shape=(1, 1, 6, 8))
        assert (
            "got float32 [1, 2, 6, 8]; ny may be 4 or more, a multiple of 4; a network inside pt2ts.nn.Pad takes any size" in words
        )
        assert "nx may be 4 to 64, a multiple of 4" in refusal(model, torch.randn(1, 2, 8, 68), shape=(1, 1, 8, 68))
        assert "--symbol ny=0.." in refusal(model, torch.randn(1, 2, 0, 8), shape=(1, 1, 0, 8))
    assert "ny is 4 or more, a multiple of 4" in pt2ts.fortran_module(tmp_path / "m.pt")


def test_bounds_are_rounded_to_multiples() -> None:
    assert Symbol(1, 10, 4) == Symbol(4, 8, 4)
    assert [Symbol(1, 10, 4).nearest(size) for size in (0, 4, 5, 9, 100)] == [4, 4, 8, 8, 8]
    assert [size for size in range(20) if Symbol(0, 10, 4).admits(size)] == [0, 4, 8]
    assert Symbol.from_dict(Symbol(4, None, 4).to_dict()) == Symbol(4, None, 4)
    assert Symbol().to_dict() == {"min": 1, "max": None}


def test_indices_are_folded_where_there_are_fewer_nodes(tmp_path: Path) -> None:
    _, spec = make("graph", tmp_path / "m.pt")
    inputs = make_from_specs(spec.inputs, spec.symbols)
    assert (int(inputs[1].min()), int(inputs[1].max())) == (1, 4), "both ends of the range are among them"
    edges = resize(spec.inputs, inputs, {"nodes": 2, "links": 9})[1]
    assert set(edges.flatten().tolist()) == {1, 2}
    assert resize(spec.inputs, inputs, {"nodes": 0, "links": 0})[1].shape == (2, 0)


FIELDS = ["field[1,2,ny,nx]"]


@pytest.mark.parametrize(
    ("module", "example", "inputs", "symbols", "words"),
    [
        (UNet(), torch.randn(1, 2, 6, 8), FIELDS, {"ny": (1, None, 4)}, "ny=6, and 4 or more, a multiple of 4"),
        (UNet(), torch.randn(1, 2, 6, 8), FIELDS, {"ny": (1, None, 4)}, "pt2ts.nn.Pad, which takes any"),
        (UNet(), torch.randn(1, 2, 8, 8), FIELDS, {"ny": (5, 7, 4)}, "the bounds of 'ny' are empty"),
        (UNet(), torch.randn(1, 2, 8, 8), FIELDS, {"ny": (1, 8, 0)}, "multiples of 0"),
        (Graph(), None, ["s[n,4] float32", "e[2,m] int64 1..k"], {}, "the range of 'e' ends at 'k', which is no size of an"),
        (Graph(), None, ["s[n,4] float32 0..n", "e[2,m] int64 1..n"], {}, "ends at 'n', and it is float32"),
        (
            Graph(),
            (torch.randn(3, 4), torch.tensor([[1, 0], [2, 1]])),
            ["s[n,4]", "e[2,m] int64 1..n"],
            {},
            "input 'e' goes from 0 to 2 in the example, and 1..n is declared",
        ),
    ],
)
def test_declarations_are_refused(
    module: nn.Module, example: Any, inputs: list[str], symbols: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(pt2ts.DeclarationError) as caught:
        pt2ts.export(module, example, tmp_path / "m.pt", inputs=inputs, symbols=symbols)
    assert words in str(caught.value)
    assert not list(tmp_path.iterdir())


class Coordinates(nn.Module):
    """As many coordinates as there are columns."""

    def forward(self, field: Tensor) -> Tensor:
        return field + torch.linspace(-1, 3, field.shape[1]) + torch.linspace(0.5, 0.25, steps=field.shape[1], dtype=torch.float64)


def test_a_row_of_numbers_as_long_as_an_input() -> None:
    """PyTorch's own linspace would make the length of the example a constant."""
    inputs, symbols = [TensorSpec("field", "float32", ("batch", "nx"))], {"batch": Symbol(), "nx": Symbol()}
    with ones_like_others():
        program = export_program(flat_module(Coordinates()), inputs, [torch.zeros(4, 5)], symbols)
    for size in (1, 2, 3, 8, 101):
        field = torch.zeros(3, size)
        torch.testing.assert_close(program.module(check_guards=False)(field)[0], Coordinates()(field), rtol=1e-6, atol=1e-6)


def test_numbers_that_no_seed_decides_are_refused_with_the_way_out(tmp_path: Path) -> None:
    class Draws(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + torch.randn_like(x)

    with pytest.raises(pt2ts.ExportError, match=r"follow from a seed that is one \(pt2ts\.nn\.Noise\)"):
        pt2ts.export(Draws(), torch.ones(2, 3), tmp_path / "m.pt")
