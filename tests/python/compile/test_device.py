"""Code for devices: refused where there is none, and what is made of a program is its numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import pt2ts
from pt2ts.capture.forms import Forms
from pt2ts.capture.program import flat_module
from pt2ts.compile.device import build_for_device
from pt2ts.contract.spec import Symbol, TensorSpec
from pt2ts.contract.variants import Variant
from pt2ts.errors import CheckError
from pt2ts.pytorch import inductor
from pt2ts.toolchain.isa import find_isa

HERE = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
ABSENT = [kind for kind in ("cuda", "xpu") if HERE is None or HERE.type != kind]
FINDS = r"finds (no device but the CPU|'\w+') on this machine"


def forms() -> Forms:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 3)).eval()
    inputs = [TensorSpec("x", "float32", ("batch", 5))]
    outputs = [TensorSpec("y", "float32", ("batch", 3))]
    return Forms(flat_module(module), False, inputs, [torch.randn(4, 5)], {"batch": 4}, {"batch": Symbol()}, outputs)


def test_the_way_of_a_device_makes_code_that_is_compared() -> None:
    """On the CPU, which is a device like any other for it."""
    built = build_for_device(forms(), forms().module, torch.device("cpu"), find_isa("x86-64-v3"))
    assert (built.variant.name, built.variant.kind, built.variant.weights) == ("cpu", "aoti", "shared")
    assert any(name.startswith("data/aotinductor/cpu/") and name.endswith(".so") for name in built.members)


def test_other_numbers_on_the_device_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    right = inductor.run
    monkeypatch.setattr(inductor, "run", lambda *given: [tensor * 1.01 for tensor in right(*given)])
    with pytest.raises(CheckError, match=r"on cpu, output 1 differs from the module's by .*, more than "):
        build_for_device(forms(), forms().module, torch.device("cpu"), find_isa("x86-64-v3"))


@pytest.mark.parametrize(
    ("kind", "message"),
    [*((kind, rf"device is '{kind}', and PyTorch .* {FINDS}") for kind in ABSENT), ("tpu", "device is 'tpu'")],
)
def test_a_device_that_is_not_there(tmp_path: Path, kind: str, message: str) -> None:
    with pytest.raises(pt2ts.DeclarationError, match=message) as raised:
        pt2ts.export(nn.Linear(5, 3), torch.randn(2, 5), tmp_path / "m.pt2", format=pt2ts.Package(device=kind))
    assert "cuda" in str(raised.value) or "fallback=True" in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_the_contract_names_the_device() -> None:
    variant = Variant("cuda", "aoti", device="cuda", architectures=("sm_90", "compute_90"))
    assert Variant.from_dict(variant.to_dict()) == variant
    assert variant.runs_on_text() == "cuda sm_90 compute_90"
    assert not {"device", "architectures"} & set(Variant("model", "aoti").to_dict())
