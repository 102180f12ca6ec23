"""Compiled training for devices: refused where there is none, moved there whole, and compared like every other step."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import pt2ts
from pt2ts.compile.device import compile_for_device, moved
from pt2ts.container.package import read_training_spec
from pt2ts.contract.training import is_form_of
from pt2ts.training import export as training
from pt2ts.training.comparison import check_training

from ...fortran.package_files import read, write
from ..compile.test_device import ABSENT

X, Y = torch.randn(4, 3), torch.randn(4, 2)


class Small(nn.Module):
    """With all that has a device: weights, buffers, dropout, a tensor in the code."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.norm, self.drop, self.last = nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.1), nn.Linear(4, 2)
        self.mean = torch.tensor([0.5, -0.5, 0.25])  # no buffer, as people write it

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.last(self.drop(torch.tanh(self.norm(self.first(x - self.mean)))))
        return y


def export(path: Path, device: str | None) -> pt2ts.contract.training.TrainingSpec:
    return training.export_training(
        Small(), "mse", "adam", X, Y, path, dynamic_batch=False, schedule="cosine schedule_steps=20 warmup_steps=3", device=device
    )


@pytest.mark.parametrize("kind", [*ABSENT, "tpu"])
def test_a_device_that_is_not_there(tmp_path: Path, kind: str) -> None:
    with pytest.raises(pt2ts.DeclarationError, match=f"device is '{kind}'"):
        export(tmp_path / "train.pt2", kind)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_code_for_a_device_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the CPU, which is a device like any other for it."""
    programs, checked = [], []
    compile_there, check = compile_for_device, check_training

    def note_program(name: str, program: torch.export.ExportedProgram, *given: object, **named: object) -> object:
        programs.append(program)
        return compile_there(name, program, *given, **named)  # type: ignore[arg-type]

    def check_alone(path: Path, *given: object, device: str = "", **named: object) -> None:
        """Leave nothing but the code for the device: the library would take the other."""
        if not device:
            return check(path, *given, **named)  # type: ignore[arg-type]
        checked.append(device)
        members, spec = read(path)
        write(path.with_name("alone.pt2"), members, {**spec, "variants": [v for v in spec["variants"] if v.get("device")]})
        return check(path.with_name("alone.pt2"), *given, device=device, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(training, "find_device", lambda _: torch.device("cpu"))
    monkeypatch.setattr(training, "compile_for_device", note_program)
    monkeypatch.setattr(training, "check_training", check_alone)
    spec = export(tmp_path / "train.pt2", "cuda")
    assert checked == ["cpu"]
    there = [item for item in spec.variants if item.device]
    assert [item.name for item in there] == ["step_cpu", "evaluate_cpu", "model_cpu"]
    assert all(any(is_form_of(item.name, function) for item in there) for function in ("step", "evaluate", "model"))
    assert read_training_spec(tmp_path / "train.pt2").variants == spec.variants
    for program in programs:
        away = moved(program, torch.device("meta"))
        tensors = [*away.state_dict.values(), *away.constants.values()]
        assert {item.device.type for item in tensors if isinstance(item, Tensor)} == {"meta"}
        made = [node.kwargs["device"] for node in away.graph.nodes if "device" in node.kwargs]
        assert all(torch.device(device).type == "meta" for device in made)
