"""Networks of the literature go through as they are, in both formats, with the numbers of eager PyTorch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import pt2ts
from pt2ts.runtime.library import LibraryModel

from .published import NETWORKS, Convection

#: Those that a package of is compiled every day: they become kernels, which takes the least time.
DAILY = ("convection", "cloud cover")


def export(name: str, path: Path, **options: object) -> tuple[nn.Module, pt2ts.Spec]:
    """Write a network of random weights, which has seen a batch where it normalizes; the check of the export compares it."""
    torch.manual_seed(0)
    make, inputs, symbols = NETWORKS[name]
    net = make()
    return net, pt2ts.export(net, None, path, inputs=inputs, symbols=symbols, **options)  # type: ignore[arg-type]


def faults(path: Path, net: nn.Module) -> list[str]:
    """Return what ``verify`` finds wrong."""
    return [f"{found.check} {found.case}: {found.fault}" for found in pt2ts.verify(path, against=net) if not found.passed]


@pytest.mark.parametrize("name", NETWORKS)
def test_torchscript(name: str, tmp_path: Path) -> None:
    net, _ = export(name, tmp_path / "m.pt")
    assert faults(tmp_path / "m.pt", net) == []


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in DAILY else [pytest.mark.long])
        for name in NETWORKS
        if name != "radiation of any depth"
    ],
)
def test_packages(name: str, tmp_path: Path) -> None:
    net, _ = export(name, tmp_path / "m.pt2", format=pt2ts.Package(batch=(), threads=1))
    assert faults(tmp_path / "m.pt2", net) == []


def test_a_recurrent_layer_of_any_length_is_refused_with_two_ways_out(tmp_path: Path) -> None:
    # PyTorch 2.11 stumbles earlier, over a shape of its own making: one way out is left.
    ways = "" if torch.__version__.startswith("2.11.") else "declare how many there are by a number.*"
    with pytest.raises(pt2ts.UnexportableError, match=f"{ways}or write a TorchScript file"):
        export("radiation of any depth", tmp_path / "m.pt2", format=pt2ts.Package(batch=()))


@pytest.mark.parametrize("form", ["pt", "pt2"])
def test_eleven_decades_are_right_in_each(form: str, tmp_path: Path) -> None:
    """Each output on its own scale, against float64: the smallest are no noise of the largest."""
    net, _ = export(
        "convection", tmp_path / f"m.{form}", **({"format": pt2ts.Package(batch=(), threads=1)} if form == "pt2" else {})
    )
    assert isinstance(net, Convection)
    x, found = torch.randn(64, 61), torch.empty(64, 148)
    with LibraryModel(tmp_path / f"m.{form}") as model:
        model.run(model.prepare([x], [found]))
    with torch.no_grad():
        plain = net(x).double()
        exact = net.double()(x.double())
    scale = exact.abs().amax(0)
    assert float(scale.max() / scale.min()) > 1e10
    # PyTorch's own distance from exact numbers is the measure; another order of additions may double it.
    assert float(((found.double() - exact).abs() / scale).max()) < 2 * float(((plain - exact).abs() / scale).max())
