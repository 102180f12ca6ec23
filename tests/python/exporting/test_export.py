"""``pt2ts.export``: what the written file does, and what its contract says."""

from __future__ import annotations

import logging
import math
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

import pt2ts
from pt2ts import Symbol
from pt2ts.pytorch import torchscript
from pt2ts.report import Check

from .. import user_modules as modules


def reload(path: Path) -> Any:
    """Load a file without a look at its contract."""
    return torchscript.load(path)


def shapes(specs: tuple[pt2ts.TensorSpec, ...]) -> list[tuple[Any, ...]]:
    """Return name, dtype and shape of each."""
    return [(item.name, item.dtype, *item.shape) for item in specs]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.pt"


def test_file_does_what_the_module_does(path: Path) -> None:
    net = modules.Column()
    pt2ts.export(net, torch.randn(4, 5), path)
    x = torch.randn(33, 5)
    assert torch.allclose(reload(path)(x), net.eval()(x), atol=1e-6)


def test_eval_is_forced_and_the_callers_module_stays_as_it_was(path: Path) -> None:
    net = modules.Column().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    pt2ts.export(net, torch.randn(4, 5), path)
    assert net.training
    assert net.net[1].training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not reload(path).training


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64, torch.complex128])
def test_floating_dtypes(path: Path, dtype: torch.dtype) -> None:
    net = torch.nn.Linear(3, 2, dtype=dtype)
    spec = pt2ts.export(net, torch.ones(4, 3, dtype=dtype), path)
    name = str(dtype).removeprefix("torch.")
    assert (spec.inputs[0].dtype, spec.outputs[0].dtype) == (name, name)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool])
def test_integer_dtypes(path: Path, dtype: torch.dtype) -> None:
    spec = pt2ts.export(modules.Alias(), torch.ones(4, 3).to(dtype), path)
    assert spec.inputs[0].dtype == str(dtype).removeprefix("torch.")


def test_several_inputs_and_outputs(path: Path) -> None:
    example = (torch.randn(6, 4), torch.arange(6), torch.tensor(2.0))
    spec = pt2ts.export(modules.Gather(), example, path)
    assert shapes(spec.inputs) == [("field", "float32", "batch", 4), ("month", "int64", "batch"), ("scale", "float32")]
    assert shapes(spec.outputs) == [("output1", "float32", "batch", 4), ("output2", "int64", "batch")]


def test_logical_and_integer_outputs(path: Path) -> None:
    spec = pt2ts.export(modules.Thresholds(), torch.randn(4, 3), path)
    assert [item.dtype for item in spec.outputs] == ["bool", "int32"]


def test_dictionary_goes_by_sorted_key(path: Path) -> None:
    spec = pt2ts.export(modules.Named(), torch.randn(2, 3), path)
    assert shapes(spec.outputs) == [("heat", "float32", "batch"), ("wind", "float32", "batch", 3)]
    golden = pt2ts.read_golden(path)
    assert golden is not None
    assert torch.equal(golden.outputs[1], golden.inputs[0] * 2)


@pytest.mark.parametrize(
    ("module", "names"),
    [
        (modules.Nested(), ["output1", "output2.1", "output2.2"]),
        (modules.Fields(), ["mean", "spread"]),
        (modules.Numbers(), ["output1", "output2"]),
    ],
)
def test_names_of_nested_outputs(path: Path, module: torch.nn.Module, names: list[str]) -> None:
    assert [item.name for item in pt2ts.export(module, torch.randn(3, 4), path).outputs] == names


@pytest.mark.parametrize(
    ("module", "outputs", "written"),
    [
        (modules.Water(), ["snow s", "rain r", "cloud c"], [("cloud", "c", 3), ("rain", "r", 2), ("snow", "s", 1)]),
        (modules.Water(), ["a", "b", "c"], [("a", None, 3), ("b", None, 2), ("c", None, 1)]),
        (
            modules.Deep(),
            ["soil.snow s", "air.rain r", "air.ice"],
            [("air.ice", None, 3), ("air.rain", "r", 2), ("soil.snow", "s", 1)],
        ),
        (modules.Deep(), ["snow s", "rain r", "ice i"], [("ice", "i", 3), ("rain", "r", 2), ("snow", "s", 1)]),
        (modules.Deep(), None, [("air.ice", None, 3), ("air.rain", None, 2), ("soil.snow", None, 1)]),
        (modules.Keyed(), None, [("10", None, 10), ("2", None, 2)]),
    ],
)
def test_results_keep_the_names_they_have(path: Path, module: Any, outputs: Any, written: list[tuple[Any, ...]]) -> None:
    pt2ts.export(module, torch.zeros(2, 3), path, outputs=outputs)
    spec, golden = pt2ts.read_spec(path), pt2ts.read_golden(path)
    assert golden is not None
    pairs = zip(spec.outputs, golden.outputs, strict=True)
    assert [(item.name, item.units, tensor[0, 0]) for item, tensor in pairs] == written
    assert all(found.passed for found in pt2ts.verify(path))


def test_fields_are_declared_by_name_too(path: Path) -> None:
    spec = pt2ts.export(modules.Fields(), torch.randn(3, 4), path, outputs=["spread 1", "mean K"])
    assert [(item.name, item.units) for item in spec.outputs] == [("mean", "K"), ("spread", "1")]


def test_optional_argument_may_be_left_out_or_given(path: Path) -> None:
    x = torch.randn(2, 3)
    assert len(pt2ts.export(modules.MaybeSecond(), (x, None), path).inputs) == 1
    assert len(pt2ts.export(modules.MaybeSecond(), (x, x), path).inputs) == 2
    assert torch.equal(reload(path)(x, x), 4 * x)


def test_output_that_is_the_input(path: Path) -> None:
    pt2ts.export(modules.Alias(), torch.randn(2, 3), path)
    golden = pt2ts.read_golden(path)
    assert golden is not None
    assert torch.equal(golden.inputs[0], golden.outputs[0])


def test_scripting_keeps_a_loop(path: Path) -> None:
    pt2ts.export(modules.Loop(), torch.randn(2, 3), path)
    assert reload(path)(torch.full((2, 3), 64.0)).max() == 1.0


def test_tracing_is_the_second_choice(path: Path) -> None:
    pt2ts.export(modules.Keywords(), torch.randn(2, 3), path)
    x = torch.randn(9, 3)
    assert torch.allclose(reload(path)(x), torch.tanh(x) * 2)


@pytest.mark.parametrize("method", ["auto", "trace"])
def test_a_tensor_taken_apart_is_traced(path: Path, method: Any, recwarn: pytest.WarningsRecorder) -> None:
    net = modules.Attention()
    pt2ts.export(net, torch.randn(2, 6, 4), path, inputs=["column[batch,level,4]"], format=pt2ts.TorchScript(method=method))
    assert not recwarn.list
    for size in ((1, 1, 4), (5, 3, 4)):
        x = torch.randn(size)
        assert torch.allclose(reload(path)(x), net(x), atol=1e-6)


def test_callbacks_in_their_former_place(path: Path) -> None:
    checks: list[Check] = []
    export: Any = pt2ts.export
    with pytest.warns(DeprecationWarning, match="note: the logger 'pt2ts' tells"):
        export(modules.Column(), torch.randn(4, 5), path, note=checks.append)
    assert {check.form for check in checks} == {"script"}


def test_what_is_told_goes_to_the_logger(path: Path) -> None:
    records: list[logging.LogRecord] = []
    handler, logger = logging.Handler(), logging.getLogger("pt2ts")
    handler.emit = records.append  # type: ignore[method-assign, assignment]
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        pt2ts.export(modules.Column(), torch.randn(4, 5), path)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    assert any(record.getMessage().startswith("script, batch=") for record in records)


def test_explicit_trace(path: Path) -> None:
    pt2ts.export(modules.Column(), torch.randn(4, 5), path, format=pt2ts.TorchScript(method="trace"))
    assert reload(path)(torch.randn(7, 5)).shape == (7, 3)


def test_a_file_can_be_exported_again(path: Path, tmp_path: Path) -> None:
    with path.open("wb") as file:
        torchscript.save(torchscript.script(modules.Column()), file)
    spec = pt2ts.export(reload(path), torch.randn(4, 5), tmp_path / "second.pt")
    assert shapes(spec.inputs) == [("column", "float32", "batch", 5)]


def test_parameters_can_still_be_trained(path: Path) -> None:
    pt2ts.export(modules.Column(), torch.randn(4, 5), path)
    assert all(weight.requires_grad for weight in reload(path).parameters())


# ------------------------------------------------------------------------------------------------------------- contract


def test_full_contract(path: Path) -> None:
    written = pt2ts.export(
        modules.Column(),
        180 + 140 * torch.rand(4, 5),
        path,
        inputs=["column[ncol,5] float32 K 180..320 -- temperature of the column"],
        outputs=["heating K/s"],
        symbols={"ncol": (2, 64)},
        name="convection",
        description="made for a test",
        normalization="host",
    )
    spec = pt2ts.read_spec(path)
    assert spec == written
    assert spec.inputs[0] == pt2ts.TensorSpec(
        "column", "float32", ("ncol", 5), "K", (180.0, 320.0), "temperature of the column", "torch"
    )
    assert spec.outputs[0].units == "K/s"
    assert spec.outputs[0].shape == ("ncol", 3)
    assert spec.symbols == {"ncol": Symbol(2, 64)}
    assert (spec.name, spec.normalization, spec.torch) == ("convection", "host", torch.__version__.split("+")[0])


def test_first_dimension_is_the_batch_unless_told_otherwise(path: Path) -> None:
    x = torch.randn(4, 5)
    assert pt2ts.export(modules.Column(), x, path).inputs[0].shape == ("batch", 5)
    fixed = pt2ts.export(modules.Column(), x, path, dynamic_batch=False)
    assert fixed.inputs[0].shape == (4, 5)
    assert not fixed.symbols


def test_default_name_is_the_file_name(path: Path) -> None:
    assert pt2ts.export(modules.Alias(), torch.randn(2, 3), path).name == "model"


def test_two_symbols_meet_in_the_output(path: Path) -> None:
    spec = pt2ts.export(modules.TwoSizes(), (torch.ones(4, 3), torch.ones(3, 4)), path, inputs=["a[rows,3]", "b[3,columns]"])
    assert spec.outputs[0].shape == ("rows", "columns")


def test_a_size_that_follows_no_symbol_gets_its_own(path: Path) -> None:
    spec = pt2ts.export(modules.Doubles(), torch.ones(4, 3), path)
    assert spec.outputs[0].shape == ("output_dim1", 3)
    assert set(spec.symbols) == {"batch", "output_dim1"}


def test_examples_by_name_and_from_arrays(path: Path) -> None:
    import numpy as np

    spec = pt2ts.export(modules.TwoSizes(), {"b": np.ones((3, 2)), "a": np.ones((2, 3))}, path, dynamic_batch=False)
    assert shapes(spec.inputs) == [("a", "float64", 2, 3), ("b", "float64", 3, 2)]


def test_inputs_made_from_declarations_stay_in_range(path: Path) -> None:
    declared = ["field[batch,4] float32 271..305", "month[batch] int64 0..11", "scale[] float32"]
    pt2ts.export(modules.Gather(), None, path, inputs=declared)
    golden = pt2ts.read_golden(path)
    assert golden is not None
    field, month, scale = golden.inputs
    assert 271 <= field.min() <= field.max() <= 305
    assert (int(month.min()), int(month.max())) == (0, 11)  # an index that is one too large or too small is found
    assert scale.dim() == 0


def test_a_notebook_shows_the_contract_and_not_every_layer(path: Path) -> None:
    spec = pt2ts.export(modules.Column(), torch.randn(4, 5), path)
    assert spec.network is not None
    assert "Layer(" not in repr(spec)
    assert "name='column', dtype='float32', shape=('batch', 5)" in repr(spec)


# --------------------------------------------------------------------------------------------------------- golden sample


def test_golden_sample_is_the_example_with_the_modules_results(path: Path) -> None:
    net, x = modules.Column(), torch.randn(4, 5)
    pt2ts.export(net, x, path)
    golden = pt2ts.read_golden(path)
    assert golden is not None
    assert torch.equal(golden.inputs[0], x)
    assert torch.equal(golden.outputs[0], net.eval()(x).detach())


def test_golden_sample_stays_small(path: Path) -> None:
    pt2ts.export(modules.Alias(), torch.randn(1024, 512), path)
    golden = pt2ts.read_golden(path)
    assert golden is not None
    assert golden.size() <= 1 << 20
    assert golden.inputs[0].shape[1] == 512
    assert path.stat().st_size < 2 << 20


def test_golden_sample_stores_no_more_than_a_view_shows(path: Path) -> None:
    pt2ts.export(modules.Alias(), torch.randn(1000, 1000)[:4, ::100], path)
    assert path.stat().st_size < 100_000


def test_golden_sample_can_be_left_out(path: Path) -> None:
    assert not pt2ts.export(modules.Alias(), torch.randn(2, 3), path, golden=False).golden
    assert pt2ts.read_golden(path) is None


# -------------------------------------------------------------------------------------------------------------- remarks


@pytest.mark.parametrize(
    ("declared", "values", "words"),
    [
        ("x K 180..320", [179.0, math.nan, 300.0], "input 'x' is 179..300 in the example, outside its declared range 180..320 K"),
        ("x 0..1", [0.5, math.inf], "input 'x' is 0.5..inf in the example, outside its declared range 0..1:"),
        ("x", [1.0, math.inf], r"output 'output' contains infinity \(1 of 2 values for the example inputs\), as the"),
    ],
)
def test_numbers_that_look_wrong(path: Path, declared: str, values: list[float], words: str) -> None:
    with pytest.warns(UserWarning, match=words) as caught:
        pt2ts.export(modules.Alias(), torch.tensor([values]), path, inputs=[declared])
    assert all(item.filename == __file__ for item in caught)


def test_whole_numbers_outside_their_range_are_refused(path: Path) -> None:
    """As each call of the file would be."""
    with pytest.raises(pt2ts.DeclarationError, match=r"input 'x' goes from 0 to 12 in the example, and 1\.\.12 is declared"):
        pt2ts.export(modules.Alias(), torch.tensor([[0, 12]], dtype=torch.int32), path, inputs=["x int32 1..12"])


@pytest.mark.parametrize(
    ("values", "words"), [([-1.0], "contains NaN .1 of 1 values for the example inputs.$"), ([0.0], "contains infinity")]
)
def test_results_that_are_no_numbers(path: Path, values: list[float], words: str) -> None:
    with pytest.warns(UserWarning, match=f"output 'height' {words}"):
        pt2ts.export(modules.Logarithm(), torch.tensor([values]), path, outputs=["height m"])


@pytest.mark.parametrize(
    ("declared", "example"),
    [
        ("x 0.1..0.3", torch.tensor([[0.1, math.nan, 0.3]])),
        ("x 0.1..0.3", torch.tensor([[0.1, 0.3]], dtype=torch.bfloat16)),
        ("x 0..1", torch.tensor([[True, False]])),
        ("x 0..1", torch.tensor([[2.0 + 1j]])),
        ("x 0..1", torch.full((1, 2), math.nan)),
    ],
)
def test_numbers_that_are_all_right(path: Path, declared: str, example: torch.Tensor) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="input")
        warnings.filterwarnings("ignore", message="output")
        pt2ts.export(modules.Alias(), example, path, inputs=[declared])


def test_nan_and_infinity_are_values_like_others(path: Path) -> None:
    x = torch.tensor([[math.nan, math.inf, -math.inf]])
    with pytest.warns(UserWarning, match="contains NaN and infinity .3 of 3 values .*, as the example inputs do"):
        pt2ts.export(modules.Alias(), x, path)
    golden = pt2ts.read_golden(path)
    assert golden is not None
    assert torch.equal(golden.outputs[0].isnan(), x.isnan())
