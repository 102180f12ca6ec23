"""ONNX files: converted, compared with the reference evaluator of ONNX, exported with the names of the graph."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import pt2ts
from pt2ts.container import reading
from pt2ts.runtime.runner import PackageRunner
from pt2ts.sources import onnx as onnx_model
from pt2ts.sources.load import load_module
from pt2ts.verification.golden import verify

from ..cli.test_cli import pt2ts_command

Array = np.ndarray[Any, Any]

#: The operators of torchvision of which its Python code speaks while it is imported.
_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


@pytest.fixture(scope="session")
def onnx() -> Iterator[Any]:
    """Return the package.

    The torchvision of the general index is built for another build of PyTorch than the one for CPUs, and then its operators are
    absent. No test here uses one: it is enough that their names exist while torchvision is imported. Where the two packages
    belong together nothing is defined.
    """
    module = importlib.import_module("onnx")
    maker: Any = torch.library.Library
    library = maker("torchvision", "FRAGMENT")
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        for schema in _SCHEMAS.values():
            library.define(schema)
    yield module
    del library


class Graphs:
    """Writes ONNX files with weights that are always the same."""

    def __init__(self, onnx: Any, folder: Path) -> None:
        self.onnx = onnx
        self.helper = onnx.helper
        self.folder = folder
        self.source = np.random.default_rng(0)

    def weight(self, name: str, *shape: int) -> Any:
        return self.constant(name, self.source.normal(size=shape).astype("float32") / 2)

    def constant(self, name: str, values: Any) -> Any:
        return self.onnx.numpy_helper.from_array(np.asarray(values), name)

    def value(self, name: str, *shape: int | str | None, dtype: str = "FLOAT") -> Any:
        return self.helper.make_tensor_value_info(name, getattr(self.onnx.TensorProto, dtype), shape)

    def node(self, kind: str, inputs: str, outputs: str, **attributes: Any) -> Any:
        return self.helper.make_node(kind, inputs.split(), outputs.split(), **attributes)

    def save(
        self, nodes: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], weights: Sequence[Any] = (), opset: int = 17
    ) -> Path:
        graph = self.helper.make_graph(nodes, "net", inputs, outputs, weights)
        path = self.folder / "net.onnx"
        opsets = [self.helper.make_opsetid("", opset)]
        self.onnx.save(self.helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
        return path

    def mlp(self, opset: int = 17) -> Path:
        """Two layers, one of them with its weights not transposed and scaled; names as PyTorch gives them."""
        return self.save(
            [
                self.node("Gemm", "column w1 b1", "h", transB=1, name="/first/Gemm"),
                self.node("Tanh", "h", "t", name="/act/Tanh"),
                self.node("MatMul", "t w2", "m"),
                self.node("Add", "m b2", "tendency.1"),
            ],
            [self.value("column", "rows", 5)],
            [self.value("tendency.1", "rows", 3)],
            [self.weight("w1", 8, 5), self.weight("b1", 8), self.weight("w2", 8, 3), self.weight("b2", 3)],
            opset,
        )

    def cnn(self) -> Path:
        """Convolution, pooling, a reshape with its target in a tensor, and a slice."""
        return self.save(
            [
                self.node("Conv", "input w b", "c", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
                self.node("Relu", "c", "r"),
                self.node("MaxPool", "r", "p", kernel_shape=[2, 2], strides=[2, 2]),
                self.node("Reshape", "p target", "f"),
                self.node("Gemm", "f w2 b2", "g"),
                self.node("Slice", "g from to axis", "last"),
                self.node("Sigmoid", "last", "share"),
            ],
            [self.value("input", None, 2, 8, 6)],
            [self.value("share", None, 2), self.value("g", None, 5)],
            [
                self.weight("w", 4, 2, 3, 3), self.weight("b", 4), self.weight("w2", 48, 5), self.weight("b2", 5),
                self.constant("target", [0, -1]), self.constant("from", [3]), self.constant("to", [5]), self.constant("axis", [1]),
            ],
        )  # fmt: skip

    def reference(self, path: Path, *inputs: Array) -> list[Array]:
        """Return what ONNX itself says."""
        model = self.onnx.load(path)
        evaluator = importlib.import_module("onnx.reference").ReferenceEvaluator(model)
        names = [value.name for value in model.graph.input]
        return list(evaluator.run(None, dict(zip(names, inputs, strict=True))))


@pytest.fixture
def graphs(onnx: Any, tmp_path: Path) -> Graphs:
    return Graphs(onnx, tmp_path)


def agrees(have: Any, want: Sequence[Array]) -> bool:
    given = have if isinstance(have, (tuple, list)) else (have,)
    pairs = zip(given, want, strict=True)
    return all(np.allclose(one.detach().numpy(), other, rtol=1e-5, atol=1e-5) for one, other in pairs)


def numbers(*shape: int) -> Array:
    return np.random.default_rng(1).normal(size=shape).astype("float32")


@pytest.mark.parametrize("opset", [13, 17, 22])
def test_the_command_needs_no_declarations(graphs: Graphs, tmp_path: Path, opset: int) -> None:
    """Names, dtypes and sizes are those of the graph, and its symbolic first dimension is the batch."""
    path = graphs.mlp(opset)
    done = pt2ts_command("export", path, "-o", tmp_path / "m.pt")
    assert (done.code, done.err) == (0, "")
    spec = pt2ts.read_spec(tmp_path / "m.pt")
    assert [(item.name, item.dtype, item.shape) for item in spec.inputs] == [("column", "float32", ("batch", 5))]
    assert [(item.name, item.dtype, item.shape) for item in spec.outputs] == [("tendency_1", "float32", ("batch", 3))]
    script = reading.load_script(tmp_path / "m.pt")
    for rows in (1, 7):
        x = numbers(rows, 5)
        assert agrees(script(torch.from_numpy(x)), graphs.reference(path, x))
    assert all(item.passed for item in verify(tmp_path / "m.pt"))


def test_convolutions_from_python(graphs: Graphs, tmp_path: Path) -> None:
    """Several outputs, in the order of the graph, of which one is used further on."""
    path = graphs.cnn()
    spec = pt2ts.export(load_module(str(path), {}), None, tmp_path / "m.pt")
    assert [(item.name, item.shape) for item in spec.inputs] == [("input", ("batch", 2, 8, 6))]
    assert [(item.name, item.shape) for item in spec.outputs] == [("share", ("batch", 2)), ("g", ("batch", 5))]
    script = reading.load_script(tmp_path / "m.pt")
    for images in (1, 3):
        x = numbers(images, 2, 8, 6)
        assert agrees(script(torch.from_numpy(x)), graphs.reference(path, x))


@pytest.mark.long
def test_a_package(graphs: Graphs, tmp_path: Path) -> None:
    path = graphs.cnn()
    pt2ts.export(load_module(str(path), {}), None, tmp_path / "m.pt2", batch=(), threads=1)
    runner, x = PackageRunner(tmp_path / "m.pt2"), numbers(6, 2, 8, 6)
    assert agrees(runner.call(runner.spec.variants[0])(torch.from_numpy(x)), graphs.reference(path, x))


def test_declarations_and_examples_of_the_user(graphs: Graphs, tmp_path: Path) -> None:
    """They go before what the graph says."""
    module = load_module(str(graphs.mlp()), {})
    x = torch.from_numpy(numbers(6, 5))
    spec = pt2ts.export(module, x, tmp_path / "m.pt", inputs=["wind[n,5] m/s"], outputs=["drag"])
    assert (spec.inputs[0].name, spec.inputs[0].shape, spec.outputs[0].name) == ("wind", ("n", 5), "drag")
    fixed = pt2ts.export(module, x, tmp_path / "m.pt", dynamic_batch=False)
    assert (fixed.inputs[0].name, fixed.inputs[0].shape) == ("column", (6, 5))
    double = pt2ts.export(module, None, tmp_path / "m.pt", dtype="float64")
    assert (double.inputs[0].dtype, double.outputs[0].dtype) == ("float64", "float64")


def test_one_output_of_a_node_with_several(graphs: Graphs, tmp_path: Path) -> None:
    path = graphs.save(
        [graphs.node("Split", "x", "a b", axis=1)],
        [graphs.value("x", "n", 4)],
        [graphs.value("b", "n", 2), graphs.value("a", "n", 2)],
    )
    pt2ts.export(load_module(str(path), {}), None, tmp_path / "m.pt")
    x = numbers(3, 4)
    assert agrees(reading.load_script(tmp_path / "m.pt")(torch.from_numpy(x)), graphs.reference(path, x))


def test_sizes_that_the_graph_computes(graphs: Graphs, tmp_path: Path) -> None:
    """As a batch is flattened in files that PyTorch wrote: the size comes from the input, through tensors."""
    path = graphs.save(
        [
            graphs.node("Shape", "x", "shape"),
            graphs.node("Constant", "", "first", value=graphs.constant("", 0)),
            graphs.node("Gather", "shape first", "rows"),
            graphs.node("Unsqueeze", "rows front", "one"),
            graphs.node("Mul", "one two", "many"),
            graphs.node("Concat", "many rest", "target", axis=0),
            graphs.node("Reshape", "x target", "y"),
        ],
        [graphs.value("x", "n", 4, 2)],
        [graphs.value("y", None, 4)],
        [graphs.constant("front", [0]), graphs.constant("two", [2]), graphs.constant("rest", [4])],
    )
    pt2ts.export(load_module(str(path), {}), None, tmp_path / "m.pt")
    x = numbers(3, 4, 2)
    assert agrees(reading.load_script(tmp_path / "m.pt")(torch.from_numpy(x)), graphs.reference(path, x))


def test_a_batch_that_the_graph_freezes(graphs: Graphs, tmp_path: Path) -> None:
    """Sizes that stay in tensors are numbers in a trace; the check on other sizes finds them."""
    path = graphs.save(
        [graphs.node("Shape", "x", "s"), graphs.node("ConstantOfShape", "s", "z"), graphs.node("Add", "x z", "y")],
        [graphs.value("x", "n", 4)],
        [graphs.value("y", "n", 4)],
    )
    module = load_module(str(path), {})
    with pytest.raises(pt2ts.ExportError, match="batch"):
        pt2ts.export(module, None, tmp_path / "m.pt")
    assert not (tmp_path / "m.pt").exists()


def refused(graphs: Graphs, path: Path) -> str:
    """Return what the command says, which writes nothing."""
    done = pt2ts_command("export", path, "-o", graphs.folder / "m.pt")
    assert (done.code, done.out) == (1, "")
    assert "Traceback" not in done.err
    assert not (graphs.folder / "m.pt").exists()
    return done.err


def test_operators_that_the_converter_lacks(graphs: Graphs) -> None:
    path = graphs.save([graphs.node("Hardmax", "x", "y")], [graphs.value("x", "n", 4)], [graphs.value("y", "n", 4)])
    said = refused(graphs, path)
    assert "onnx2torch does not support the operator Hardmax (version 13)" in said
    assert "export the module that the file was made from" in said


def test_sizes_that_depend_on_values(graphs: Graphs) -> None:
    path = graphs.save(
        [graphs.node("Reshape", "x target", "y")],
        [graphs.value("x", "n", 4), graphs.value("target", 2, dtype="INT64")],
        [graphs.value("y", None, None)],
    )
    assert "the sizes that the operator Reshape gives depend on values of the input" in refused(graphs, path)


def test_a_conversion_that_computes_something_else(graphs: Graphs, monkeypatch: pytest.MonkeyPatch) -> None:
    path = graphs.mlp()
    converter = importlib.import_module("onnx2torch")
    right = converter.convert

    def wrong(model: Any) -> Any:
        made = right(model)
        made.first_Gemm.bias.data += 0.1
        return made

    monkeypatch.setattr(converter, "convert", wrong)
    assert "does not compute the output 'tendency_1' of ONNX's reference" in refused(graphs, path)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def put_text(path: Path) -> None:
    path.write_text("nothing of the kind")


@pytest.mark.parametrize("harm", [cut, put_text])
def test_damaged_files(graphs: Graphs, harm: Callable[[Path], None]) -> None:
    path = graphs.mlp()
    harm(path)
    assert "net.onnx is damaged, or no ONNX file" in refused(graphs, path)


def test_an_invalid_graph(graphs: Graphs) -> None:
    path = graphs.save([graphs.node("Relu", "nowhere", "y")], [graphs.value("x", "n", 4)], [graphs.value("y", "n", 4)])
    assert "net.onnx is no valid ONNX model" in refused(graphs, path)


def test_an_operator_set_of_the_future(graphs: Graphs) -> None:
    said = refused(graphs, graphs.mlp(opset=999))
    assert "net.onnx is too new for onnx" in said
    assert "opset 999" in said


@pytest.mark.parametrize("absent", ["onnx", "onnx2torch", "torchvision"])
def test_packages_that_are_not_installed(graphs: Graphs, monkeypatch: pytest.MonkeyPatch, absent: str) -> None:
    path = graphs.mlp()
    monkeypatch.setitem(sys.modules, absent, None)
    said = refused(graphs, path)
    assert f"{absent} is not installed here" in said
    assert "pip install 'ftorch[onnx]'" in said


def test_a_torchvision_for_another_build_of_pytorch(graphs: Graphs, monkeypatch: pytest.MonkeyPatch) -> None:
    path = graphs.mlp()

    def load(name: str) -> Any:
        if name == "torchvision":
            raise RuntimeError("operator torchvision::nms does not exist")
        return importlib.import_module(name)

    monkeypatch.setattr(onnx_model, "importlib", SimpleNamespace(import_module=load))
    said = refused(graphs, path)
    assert "the torchvision here does not belong to this PyTorch" in said
    assert "install torch and torchvision from one index" in said
