"""Layers, weights and work per sample: what `pt2ts inspect` knows of a network, from either format, and what it does not know."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import pt2ts
from pt2ts.capture.layers import describe
from pt2ts.capture.trials import Trial
from pt2ts.container import reading
from pt2ts.container.package import SPEC, read_members, save
from pt2ts.contract.network import Layer, Network
from pt2ts.contract.spec import SPEC_FILE, Spec
from pt2ts.inspection.inspect import inspect
from pt2ts.pytorch import torchscript

from ...support import replay, write_script
from .. import package_modules
from ..cli.test_cli import pt2ts_command


def described(module: nn.Module, *shape: int) -> Network:
    """Describe a module that takes one tensor, its first dimension being the batch."""
    trials = [Trial({"batch": size}, [torch.randn(size, *shape)], []) for size in (4, 7)]
    return describe(module.eval(), trials, "batch")


class Attention(nn.Module):
    """PyTorch's fused attention, without weights."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.scaled_dot_product_attention(x, x, x)


class Shared(nn.Module):
    """A weight that two layers share, a layer that is never called, one that returns something else than a tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(3, 3, bias=False)
        self.two = nn.Linear(3, 3, bias=False)
        self.two.weight = self.one.weight
        self.scale = nn.Parameter(torch.ones(1))
        self.idle = nn.Linear(5, 5)
        self.odd = Odd()

    def forward(self, x: Tensor) -> Tensor:
        assert self.odd(x) == "text"
        y: Tensor = self.two(self.one(x)).reshape(3 * x.shape[0], 1) * self.scale
        return y


class Odd(nn.Module):
    """No tensor comes out of it."""

    def forward(self, _: Tensor) -> str:
        return "text"


class Shy(nn.Module):
    """Fails when it is watched."""

    def forward(self, x: Tensor) -> Tensor:
        if torch._C._len_torch_dispatch_stack():
            raise RuntimeError("watched")
        return x


@pytest.mark.parametrize(
    ("make", "shape", "flops"),
    [
        (lambda: nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3)), (5,), 2 * (5 * 8 + 8 * 3)),
        (lambda: nn.Conv2d(2, 3, 3), (2, 8, 6), 2 * 3 * (6 * 4) * (2 * 9)),
        (lambda: nn.LSTM(5, 7, batch_first=True), (3, 5), 2 * 3 * 4 * 7 * (5 + 7)),
        (lambda: nn.GRU(5, 7, batch_first=True), (3, 5), 2 * 3 * 3 * 7 * (5 + 7)),
        (Attention, (6, 8), 2 * 2 * 6 * 6 * 8),
        # Four products with 8 x 8 weights, the attention of each of the two heads, and the two layers behind it.
        (
            lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
            (6, 8),
            2 * 6 * 4 * 8 * 8 + 2 * 2 * 2 * 6 * 6 * 4 + 2 * 2 * 6 * 8 * 16,
        ),
        (nn.Tanh, (5,), 0),
    ],
    ids=["mlp", "convolution", "lstm", "gru", "attention", "transformer", "tanh"],
)
def test_work_per_sample(make: Callable[[], nn.Module], shape: tuple[int, ...], flops: int) -> None:
    """PyTorch fuses some layers into one operation; their work counts all the same."""
    assert described(make(), *shape).flops == flops


def test_layers_of_a_transformer() -> None:
    """The parts of a layer that PyTorch would run as one operation are seen."""
    found = {layer.name: layer for layer in described(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 6, 8).layers}
    assert found["self_attn"] == Layer("self_attn", "MultiheadAttention", 3 * 8 * 8 + 3 * 8, ("batch", 6, 8))
    assert found["linear1"] == Layer("linear1", "Linear", 8 * 16 + 16, ("batch", 6, 16))
    assert torch.backends.mha.get_fastpath_enabled()


def test_shared_weights_and_idle_layers() -> None:
    module = Shared()
    found = described(module, 3)
    assert found.parameters == sum(weight.numel() for weight in module.parameters()) == 9 + 1 + 30
    assert found.layers == (
        Layer("", "Shared", 1, ("?", 1)),
        Layer("one", "Linear", 9, ("batch", 3)),
        Layer("two", "Linear", 9, ("batch", 3)),
        Layer("idle", "Linear", 30, None),
        Layer("odd", "Odd", 0, None),
    )
    assert not any(part._forward_hooks for part in module.modules())


def test_a_module_that_cannot_be_watched() -> None:
    """It works without; then its work is not known."""
    assert described(Shy(), 3) == Network(0, None, (Layer("", "Shy", 0, None),))


def test_a_batch_of_none_and_no_batch() -> None:
    layer = nn.Linear(3, 2)
    assert describe(layer, [Trial({"batch": 0}, [torch.randn(0, 3)], [])], "batch").flops is None
    fixed = describe(layer, [Trial({}, [torch.randn(4, 3)], [])], None)
    assert (fixed.flops, fixed.layers[0].shape) == (4 * 2 * 3 * 2, (4, 2))


def test_both_formats_show_the_same(column: Path, tmp_path: Path) -> None:
    """The package of the fixture and a TorchScript file of the same network."""
    script = tmp_path / "column.pt"
    pt2ts.export(package_modules.Column(), torch.randn(6, 5), script, inputs=["column[batch,5] float32 K"])
    reports = [inspect(path) for path in (column, script)]
    assert [report.format for report in reports] == ["pt2", "torchscript"]
    for report, path in zip(reports, (column, script), strict=True):
        assert report.layers() == reports[0].layers() != []
        assert report.parameters == report.network.parameters == sum(layer.parameters for layer in report.network.layers)
        assert report.network.flops == reports[0].network.flops
        assert report.network.flops
        shown = pt2ts_command("inspect", path)
        assert f"flops per sample  {report.network.flops:,}" in shown.out
        data = json.loads(pt2ts_command("inspect", "--json", path).out)
        assert data["format"] == report.format
        assert data["flops_per_sample"] == report.network.flops
        assert [Layer.from_dict(item) for item in data["layers"]] == list(report.network.layers)
        rows = [line.split() for line in shown.out.split("\n\n")[-1].splitlines()]
        assert rows[0] == ["layer", "type", "parameters", "output"]
        assert [row[:2] for row in rows[1:]] == [[layer.name or "(itself)", layer.type] for layer in report.network.layers]
        assert all("batch" in (layer.shape or ()) for layer in report.network.layers)


def test_plain_torchscript_shows_its_modules(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    write_script(torchscript.script(net), tmp_path / "plain.pt", {})
    report = inspect(tmp_path / "plain.pt")
    assert report.network == Network(26, None, (Layer("0", "Linear", 16), Layer("1", "Tanh", 0), Layer("2", "Linear", 10)))
    assert "flops" not in pt2ts_command("inspect", tmp_path / "plain.pt").out
    # Exported once more, its work is counted; TorchScript does not tell what its parts return.
    done = pt2ts_command("export", tmp_path / "plain.pt", "--input", "x[batch,3] float32", "-o", tmp_path / "again.pt")
    assert done.code == 0, done.err
    assert inspect(tmp_path / "again.pt").network == replace(report.network, flops=2 * (12 + 8))


def test_a_package_without_record(column: Path, tmp_path: Path) -> None:
    """One of an earlier version: the names of its weights tell the layers that have some."""
    path, members = tmp_path / "old.pt2", read_members(column)
    spec = Spec.from_json(members.pop(SPEC))
    assert spec.network is not None
    with path.open("wb") as file:
        save(file, members, replace(spec, network=None))
    wanted = tuple(Layer(item.name, "", item.parameters) for item in spec.network.layers if item.parameters)
    assert inspect(path).network == Network(spec.network.parameters, None, wanted)
    assert pt2ts_command("inspect", path).code == 0


def test_readers_pass_over_what_they_do_not_know(tmp_path: Path) -> None:
    """The library loads a contract with the record and with things of later versions, and reproduces the sample."""
    path, later = tmp_path / "m.pt", tmp_path / "later.pt"
    pt2ts.export(nn.Linear(3, 2), torch.randn(4, 3), path)
    spec, golden = pt2ts.read_spec(path).to_dict(), reading._read_extra(path, "ftorch_golden.pt")
    assert golden is not None
    extra: dict[str, str | bytes] = {SPEC_FILE: json.dumps({**spec, "later": {"layers": [1]}}), "ftorch_golden.pt": golden}
    write_script(reading.load_script(path), later, extra)
    assert spec["network"]["layers"] == [{"name": "", "type": "Linear", "parameters": 8, "shape": ["batch", 2]}]
    for file in (path, later):
        assert [item.passed for item in replay(file)] == [True]


@pytest.mark.parametrize("record", [{"parameters": 3}, {"parameters": 3, "flops": "many", "layers": []}, 5])
def test_a_damaged_record_is_refused(record: object) -> None:
    spec = Spec("2.13.0", "pt2ts", "m", (), ())
    with pytest.raises(pt2ts.SpecError, match="the spec cannot be read"):
        Spec.from_json(json.dumps({**spec.to_dict(), "network": record}))
