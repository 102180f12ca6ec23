"""Keras 3 models on the torch backend: exported like modules, with names of their own for the weights."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import pt2ts
from pt2ts.capture.layers import describe
from pt2ts.capture.trials import Trial
from pt2ts.container import reading
from pt2ts.contract.network import Layer
from pt2ts.inspection.inspect import inspect
from pt2ts.runtime.runner import PackageRunner
from pt2ts.sources import keras as keras_model

from ...support import replay
from ..cli.test_cli import pt2ts_command

INPUT = ("--input", "column[batch,5] float32 K -- temperature")


@pytest.fixture(scope="session")
def keras() -> Any:
    os.environ["KERAS_BACKEND"] = "torch"
    return importlib.import_module("keras")


@pytest.fixture(scope="session")
def column(keras: Any) -> Any:
    """A model that has learnt something: its batch normalization has seen data."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((5,)), layers.Dense(8, activation="tanh"), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(3)]
    )
    model.compile(optimizer="adam", loss="mse")
    x = np.random.default_rng(0).normal(2.0, 3.0, (64, 5)).astype("float32")
    model.fit(x, x[:, :3], epochs=2, verbose=0)
    return model


@pytest.fixture(scope="session")
def saved(column: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keras") / "column.keras"
    column.save(path)
    return path


def results(model: Any, inputs: Any) -> torch.Tensor:
    """Return what Keras itself says."""
    return torch.from_numpy(model.predict(inputs, verbose=0))


def test_a_saved_model_on_the_command_line(column: Any, saved: Path, tmp_path: Path) -> None:
    done = pt2ts_command("export", saved, *INPUT, "-o", tmp_path / "m.pt")
    assert (done.code, done.err) == (0, "")
    x = torch.randn(7, 5)
    assert torch.allclose(reading.load_script(tmp_path / "m.pt")(x), results(column, x), atol=1e-6)
    report = inspect(tmp_path / "m.pt")
    assert report.network.layers == (
        Layer("dense", "Dense", 48, ("batch", 8)),
        Layer("batch_normalization", "BatchNormalization", 16, ("batch", 8)),
        Layer("dropout", "Dropout", 0, ("batch", 8)),
        Layer("dense_1", "Dense", 27, ("batch", 3)),
    )
    assert (report.parameters, report.buffers, report.network.flops) == (91, 16, 2 * (5 * 8 + 8 * 3))
    assert all(item.passed for item in replay(tmp_path / "m.pt"))


@pytest.mark.long
def test_a_package(column: Any, tmp_path: Path) -> None:
    """Compiled, with weights that can be replaced: the check at the end of the export does that."""
    before = [value.copy() for value in column.get_weights()]
    spec = pt2ts.export(column, torch.randn(4, 5), tmp_path / "m.pt2", format=pt2ts.Package(threads=1, batch=()))
    assert {item.name: item.parameter for item in spec.weights} == {
        **{f"{layer}.{name}": True for layer in ("dense", "dense_1") for name in ("kernel", "bias")},
        **{
            f"batch_normalization.{name}": name in ("gamma", "beta") for name in ("gamma", "beta", "moving_mean", "moving_variance")
        },
    }
    runner, x = PackageRunner(tmp_path / "m.pt2"), torch.randn(9, 5)
    assert torch.allclose(runner.call(runner.spec.variants[0])(x)[0], results(column, x), atol=1e-6)
    assert all((one == other).all() for one, other in zip(before, column.get_weights(), strict=True))


def image_and_column(keras: Any, take: Callable[[Any, Any], Any]) -> Any:
    """Return a network of convolutions with two inputs, in the structure that ``take`` makes, and two outputs."""
    layers = keras.layers
    image, column = keras.Input((8, 6, 2), name="image"), keras.Input((3,), name="column")
    x = layers.Flatten()(layers.MaxPooling2D()(layers.Conv2D(4, 3, activation="relu")(image)))
    y = layers.Dense(2)(layers.Concatenate()([x, column]))
    return keras.Model(take(image, column), [y, layers.Dense(1)(y)])


@pytest.mark.parametrize("take", [lambda a, b: [a, b], lambda a, b: {"image": a, "column": b}], ids=["list", "dictionary"])
def test_several_inputs_and_outputs(keras: Any, take: Callable[[Any, Any], Any], tmp_path: Path) -> None:
    model = image_and_column(keras, take)
    inputs = [torch.randn(5, 8, 6, 2), torch.randn(5, 3)]
    pt2ts.export(model, [x[:4] for x in inputs], tmp_path / "m.pt")
    have = reading.load_script(tmp_path / "m.pt")(*inputs)
    for one, other in zip(have, model.predict(take(*inputs), verbose=0), strict=True):
        assert np.allclose(one.detach().numpy(), other, atol=1e-6)


def test_recurrent_layers(keras: Any, tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((6, 5)), keras.layers.LSTM(7), keras.layers.Dense(2)])
    pt2ts.export(model, torch.randn(4, 6, 5), tmp_path / "m.pt")
    x = torch.randn(3, 6, 5)
    assert torch.allclose(reading.load_script(tmp_path / "m.pt")(x), results(model, x), atol=1e-6)
    assert inspect(tmp_path / "m.pt").network.layers[0] == Layer("lstm.lstm_cell", "LSTM", 4 * 7 * (5 + 7 + 1), ("batch", 7))


def layers_of(model: Any, *shape: int) -> tuple[Layer, ...]:
    """Describe a model of one input, and see that nothing of that is left in it."""
    before = [dict(vars(layer)) for layer in model._flatten_layers()]
    trials = [Trial({"batch": size}, [torch.randn(size, *shape)], []) for size in (4, 7)]
    found = describe(keras_model.KerasNetwork(model).eval(), trials, "batch").layers
    assert ["call" in vars(layer) for layer in model._flatten_layers()] == ["call" in one for one in before]
    return found


def test_shapes_of_layers_inside_layers(keras: Any) -> None:
    """Of recurrent layers it is what they return, not what their cells do; a model in a model has a name in front."""
    layers = keras.layers
    encoder = keras.Sequential([keras.Input((6, 5)), layers.Dense(3, name="narrow"), layers.Activation("relu")], name="encoder")
    column = keras.Input((6, 5))
    both_ways = layers.Bidirectional(layers.GRU(2, return_sequences=True), name="both_ways")(encoder(column))
    attention = layers.MultiHeadAttention(2, 3, name="attention")(both_ways, both_ways)
    found = {layer.name: layer for layer in layers_of(keras.Model(column, layers.Flatten(name="flat")(attention)), 6, 5)}
    assert found["encoder.narrow"] == Layer("encoder.narrow", "Dense", 18, ("batch", 6, 3))
    for way in ("forward", "backward"):
        name = f"both_ways.{way}_gru.gru_cell"
        assert found[name] == Layer(name, "GRU", 3 * 2 * (3 + 2 + 2), ("batch", 6, 2))
    assert found["attention.query"].shape == ("batch", 6, 2, 3)
    assert found["attention.attention_output"].shape == ("batch", 6, 4)
    assert found["flat"] == Layer("flat", "Flatten", 0, ("batch", 24))


def test_layers_of_a_model_made_of_another(keras: Any) -> None:
    """They keep the path that they got there, and are shown once."""
    layers = keras.layers
    first = keras.Sequential([keras.Input((5,)), layers.Dense(4, name="kept"), layers.Dense(2)], name="first")
    model = keras.Model(first.inputs, layers.Dense(3, name="new")(first.layers[0].output))
    assert layers_of(model, 5) == (Layer("first.kept", "Dense", 24, ("batch", 4)), Layer("new", "Dense", 15, ("batch", 3)))


def test_layers_of_a_model_of_ones_own(keras: Any) -> None:
    """Lists of layers, a weight of the model itself, and two layers of the same name: of these the shape is not known."""

    class Own(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(name="own")
            self.several = [keras.layers.Dense(3, name="one"), keras.layers.ReLU(name="cut")]
            self.same = [keras.layers.Dense(4, name="twin"), keras.layers.Dense(2, name="twin")]
            self.scale = self.add_weight(shape=(2,), name="scale", initializer="ones")

        def call(self, x: Any) -> Any:
            for layer in (*self.several, *self.same):
                x = layer(x)
            return x * self.scale

    model = Own()
    model(torch.ones(2, 5))
    assert layers_of(model, 5) == (
        Layer("", "Own", 2, ("batch", 2)),
        Layer("one", "Dense", 18, ("batch", 3)),
        Layer("cut", "ReLU", 0, ("batch", 3)),
        Layer("twin", "Dense", 16 + 10, None),
    )


def test_decisions_by_values_are_refused(keras: Any, tmp_path: Path) -> None:
    """A trace would freeze them."""

    class Decides(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return keras.ops.cond(keras.ops.sum(x) > 0, lambda: 2 * x, lambda: -x)

    model = keras.Sequential([keras.Input((3,)), Decides()])
    with pytest.raises(pt2ts.UnexportableError, match="a trace would freeze a decision") as caught:
        pt2ts.export(model, torch.randn(4, 3), tmp_path / "m.pt")
    assert "keras.ops.where" in caught.value.hint
    assert not list(tmp_path.iterdir())


def test_a_model_without_weights_yet(keras: Any, tmp_path: Path) -> None:
    with pytest.raises(pt2ts.UnexportableError, match="has no weights yet"):
        pt2ts.export(keras.Sequential([keras.layers.Dense(2)]), torch.randn(4, 3), tmp_path / "m.pt")


@pytest.mark.usefixtures("keras")
def test_a_damaged_file(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "m.keras").write_bytes(saved.read_bytes()[:-100])
    done = pt2ts_command("export", tmp_path / "m.keras", *INPUT, "-o", tmp_path / "m.pt")
    assert (done.code, done.out) == (1, "")
    assert "m.keras cannot be loaded by Keras" in done.err
    assert "Traceback" not in done.err


def test_code_in_a_file_needs_trust(keras: Any, tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((5,)), keras.layers.Lambda(lambda x: 2 * x)])
    model.save(tmp_path / "m.keras")
    words = ("export", tmp_path / "m.keras", *INPUT, "-o", tmp_path / "m.pt")
    refused = pt2ts_command(*words)
    assert refused.code == 1
    assert "--trust-pickle" in refused.err
    assert pt2ts_command(*words, "--trust-pickle").code == 0


def test_without_keras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.keras").touch()
    monkeypatch.setitem(sys.modules, "keras", None)
    done = pt2ts_command("export", tmp_path / "m.keras", *INPUT, "-o", tmp_path / "m.pt")
    assert done.code == 1
    assert "Keras is not installed here" in done.err
    assert "pip install 'ftorch[keras]'" in done.err


def test_another_backend(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was chosen before Keras was imported, or Keras has it already."""
    words = ("export", saved, *INPUT, "-o", tmp_path / "m.pt")
    with monkeypatch.context() as before:
        before.delitem(sys.modules, "keras", raising=False)
        before.setenv("KERAS_BACKEND", "jax")
        done = pt2ts_command(*words)
        assert done.code == 1
        assert "KERAS_BACKEND is 'jax'" in done.err
        assert "set KERAS_BACKEND=torch" in done.err
    other = SimpleNamespace(backend=SimpleNamespace(backend=lambda: "jax"))
    monkeypatch.setitem(sys.modules, "keras", other)
    done = pt2ts_command(*words)
    assert done.code == 1
    assert "Keras computes on the backend 'jax'" in done.err
    # A model of another backend is no module of PyTorch.
    model = type("Model", (), {"__module__": "keras.src.models.model"})()
    with pytest.raises(pt2ts.UnexportableError, match="computes on the backend 'jax'"):
        pt2ts.export(model, torch.randn(4, 3), tmp_path / "m.pt")
    assert keras_model.as_module(5) == 5
    assert not list(tmp_path.iterdir())
