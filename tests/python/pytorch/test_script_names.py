"""Files whose Python names TorchScript cannot read: ``3d_net.py``, ``my-net.py``, classes and functions with accents."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Literal

import pytest
import torch

import pt2ts
from pt2ts.pytorch.script_names import readable

CODE = """
import torch
from torch import nn

def twice(x):
    return 2 * x

class Réseau(nn.Module):
    def __init__(self):
        super().__init__()
        self.part = nn.Linear(3, 3)

    def forward(self, x):
        if x.sum() > 1e6:  # which only a script keeps
            x = x / 2
        return twice(self.part(x))

class Tracé(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(3, 3), nn.Tanh())

    def forward(self, x, *rest):
        return twice(self.inner(x))

class Layers(nn.Module):
    def __init__(self):
        super().__init__()
        self.größe = nn.Linear(3, 3)

    def forward(self, x):
        return self.größe(x)
"""


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("net", "net"),
        ("a.b_2.C", "a.b_2.C"),
        ("3d_net", "_3d_net"),
        ("my-net.v1.2", "my_net.v1._2"),
        ("Réseau", "R_seau"),
        ("<run_path>", "_run_path_"),
    ],
)
def test_names(name: str, read: str) -> None:
    assert readable(name) == read


@pytest.fixture(params=["3d_net", "my-net", "réseaux"])
def source(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A Python module of a name that a file of TorchScript cannot hold."""
    name: str = request.param
    (tmp_path / f"{name}.py").write_text(CODE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name


@pytest.mark.parametrize(("kind", "method"), [("Réseau", "script"), ("Tracé", "trace")])
def test_is_exported(source: str, kind: str, method: Literal["script", "trace"], tmp_path: Path) -> None:
    made = getattr(import_module(source), kind)()
    pt2ts.export(made, torch.ones(4, 3), tmp_path / "net.pt", format=pt2ts.TorchScript(method=method))
    assert pt2ts.verify(tmp_path / "net.pt")
    assert (type(made).__module__, type(made).__name__) == (source, kind)  # as before


def test_layers_with_accents_are_refused(source: str, tmp_path: Path) -> None:
    with pytest.raises(pt2ts.CheckError, match=r"letters a to z only: rename the layers .* a file that ends with \.pt2"):
        pt2ts.export(import_module(source).Layers(), torch.ones(4, 3), tmp_path / "net.pt")
    assert not (tmp_path / "net.pt").exists()
