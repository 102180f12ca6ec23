"""What the page about kernels says of packages is what an export makes: which variants of which network are kernels."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

import pt2ts
from benchmarks.compiled.networks import COMPILED
from pt2ts.toolchain.isa import default_isa, find_isa, wider_isas

from ...support import ROOT, shared_folder, sources_of_pt2ts

#: Rows of the page: name of the network, and a mark for each variant that is a kernel.
_TABLE = re.compile(r"<!-- packages: begin -->\n(.*?)<!-- packages: end -->", re.DOTALL)


def claims() -> dict[str, set[str]]:
    """Return for each network of the page the variants that it says are kernels."""
    match = _TABLE.search((ROOT / "docs" / "kernels.md").read_text())
    assert match is not None
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in match[1].strip().splitlines()]
    names = {network.label: name for name, network in COMPILED.items()}
    variants = [text.split()[0] for text in head[1:]]
    return {names[label]: {name for name, cell in zip(variants, cells, strict=True) if cell == "kernel"} for label, *cells in rows}


CLAIMS = claims()


def test_the_page_has_the_networks() -> None:
    assert set(CLAIMS) == set(COMPILED)


def test_large_weights_are_not_held_twice(tmp_path: Path) -> None:
    """A kernel has a copy of its weights in an order of its own; of 6.8 MB none is made, neither for one sample nor for many."""
    net = torch.nn.Linear(1300, 1300).eval()
    spec = pt2ts.export(net, torch.randn(2, 1300), tmp_path / "m.pt2", format=pt2ts.Package(batch=[1, 32]))
    assert {item.kind for item in spec.variants} == {"aoti"}
    assert {"more than the caches of a core hold" in item.no_kernel for item in spec.variants if item.no_kernel} == {True}


@pytest.mark.parametrize("name", [n if n == "mlp_small" else pytest.param(n, marks=pytest.mark.long) for n in CLAIMS])
def test_an_export_has_the_kernels_of_the_page(name: str) -> None:
    network = COMPILED[name]

    def make(folder: Path) -> None:
        dtype = str(network.dtype).removeprefix("torch.")
        ports = [f"x{n}[batch,{','.join(map(str, shape))}] {dtype}" for n, shape in enumerate(network.inputs, 1)]
        pt2ts.export(network.module(), network.samples(8), folder / "model.pt2", inputs=ports, format="pt2")

    folder = shared_folder(f"kernels-{name}", [*sources_of_pt2ts(), name.encode()], make)
    spec = pt2ts.read_spec(folder / "model.pt2")
    kernels = {item.name for item in spec.variants if item.kind == "kernel"}
    suffixes = ["", *(isa.suffix for isa in wider_isas(find_isa(default_isa())))]  # a processor with AVX-512 has two of each
    assert kernels == {variant + suffix for variant in CLAIMS[name] for suffix in suffixes}, spec.variants
