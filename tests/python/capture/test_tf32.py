"""TensorFloat-32 as a choice of the contract: what it costs is emulated, written down and shown, and nothing else changes."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import pt2ts
from pt2ts.capture.tf32 import EMULATED, rounded
from pt2ts.inspection.inspect import inspect
from pt2ts.pytorch.plain import plain_products
from pt2ts.pytorch.products import allowed_in_tf32, with_factors


def test_rounding_keeps_ten_bits() -> None:
    step = 2.0**-10
    given = [1.0, 1.0 + step, 1.0 + 0.5 * step, 1.0 + 1.5 * step, 1.0 + 0.51 * step, -1.0 - 0.51 * step, 2.0 - 0.25 * step, 0.0]
    wanted = [1.0, 1.0 + step, 1.0, 1.0 + 2 * step, 1.0 + step, -1.0 - step, 2.0, 0.0]
    assert rounded(torch.tensor(given)).tolist() == wanted
    strange = torch.tensor([float("inf"), float("-inf"), float("nan"), 3.4e38])
    assert rounded(strange)[:2].tolist() == [float("inf"), float("-inf")]
    assert bool(rounded(strange)[2].isnan())


class Everything(nn.Module):
    """All layers that multiply."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.image, self.column = nn.Conv1d(1, 4, 3, padding=1), nn.LSTM(4, 4, batch_first=True)
        self.attention, self.last = nn.MultiheadAttention(4, 2, batch_first=True), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.image(x.unsqueeze(1)).transpose(1, 2)
        y, _ = self.column(y)
        y, _ = self.attention(y, y, y)
        z: torch.Tensor = self.last(y).matmul(torch.ones(2, 2))
        return z


def test_the_factors_of_every_layer_are_seen() -> None:
    sizes = []

    def note(tensor: torch.Tensor) -> torch.Tensor:
        sizes.append(tuple(tensor.shape))
        return tensor

    module, x = Everything().eval(), torch.randn(3, 6)
    plain = module(x)
    with torch.no_grad(), plain_products(), with_factors(note):
        seen = module(x)
    assert torch.allclose(plain, seen, atol=1e-6)
    for wanted in ((4, 1, 3), (4, 16), (4, 12), (4, 4), (4, 2), (2, 2)):  # of each layer, and of the product
        assert wanted in sizes, sizes


def test_the_contract_says_what_it_costs(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module, x = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2)), torch.randn(16, 64)
    for name in ("m.pt", "m.pt2"):
        form = pt2ts.Package(batch=()) if name.endswith("2") else pt2ts.TorchScript()
        spec = pt2ts.export(module, x, tmp_path / name, inputs=["x[batch,64]"], outputs=["y"], precision="tf32", format=form)
        assert (spec.products, spec.precision, spec.loss_measured) == ("tf32", None, EMULATED)
        assert 1e-5 < spec.loss["y"].rms < 1e-3  # of the size of 2^-11, and not that of float32
        assert pt2ts.read_spec(tmp_path / name).to_dict() == spec.to_dict()
        rows = dict(inspect(tmp_path / name).facts())
        assert (rows["products on devices"], rows["what that costs"]) == ("in TF32", EMULATED)
        assert re.search(r"by .* on average, .*% of how much it varies", rows["'y' differs"])
    # On the CPU nothing changes: the strict comparison of the export has passed, and this one does.
    assert [item for item in pt2ts.verify(tmp_path / "m.pt2", module) if item.fault] == []
    assert (spec.precision_on("cpu"), spec.precision_on("cuda")) == (None, "tf32")
    assert pt2ts.export(module, x, tmp_path / "plain.pt").to_dict().keys().isdisjoint({"products", "loss", "loss_measured"})


def test_what_costs_much_is_told(tmp_path: Path) -> None:
    """Kelvin as they are: of 280 K ten bits know the nearest quarter."""
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, -1.0]]))
    x = 280 + torch.rand(32, 2)
    with pytest.warns(UserWarning, match=r"in TF32 output 'y' differs .* or leave precision out"):
        pt2ts.export(layer, x, tmp_path / "m.pt", outputs=["y"], precision="tf32")


@pytest.mark.parametrize(
    ("module", "options", "words"),
    [
        (nn.Linear(5, 2), {"precision": "fp8"}, "precision is 'fp8'"),
        (nn.Linear(5, 2), {"precision": "tf32", "dtype": "float64"}, "precision is 'tf32', and dtype 'float64'"),
        (nn.Linear(5, 2), {"precision": "tf32", "dtype": "bfloat16"}, "precision is 'tf32', and dtype 'bfloat16'"),
        (nn.Tanh(), {"precision": "tf32"}, "the network has no product of float32 matrices"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, module: nn.Module, options: dict[str, Any], words: str) -> None:
    with pytest.raises(pt2ts.DeclarationError, match=re.escape(words)):
        pt2ts.export(module, torch.randn(4, 5), tmp_path / "m.pt2", **options)
    assert list(tmp_path.iterdir()) == []


def test_settings_of_python_come_back() -> None:
    switches = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [switch.allow_tf32 for switch in switches]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with allowed_in_tf32(not before[0]):
            assert [switch.allow_tf32 for switch in switches] == [not before[0]] * 2
    assert [switch.allow_tf32 for switch in switches] == before
