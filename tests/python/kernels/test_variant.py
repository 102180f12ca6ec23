"""Kernels in packages: called by addresses, as the documentation of the format says."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import pt2ts
from pt2ts.compile import kernel_variants as build
from pt2ts.container.package import WEIGHTS, pack_weights, save
from pt2ts.contract.layout import with_layout
from pt2ts.contract.spec import Spec, Symbol, TensorSpec
from pt2ts.kernels import Kernel
from pt2ts.runtime.runner import PackageRunner
from pt2ts.toolchain.isa import Isa

#: y[b, i] = w[i] * x[b, i] + v[0] for x in Fortran order; it looks at everything that the interface hands over.
SOURCE = """
#include <stdint.h>
int32_t ftorch_kernel_abi(void) { return ABI; }
void ftorch_kernel_pack(const void *const *weights, void *packed) {
  const float *w = weights[0], *v = weights[1];
  float *p = packed;
  for (int i = 0; i < 3; ++i) p[i] = w[i];
  p[3] = v[0];
}
struct array {
  char *data;
  const int64_t *byte_strides;
  int64_t dtype;
};
static float *place(const struct array *a, int64_t b, int64_t i) {
  return (float *)(a->data + b * a->byte_strides[0] + i * a->byte_strides[1]);
}
void ftorch_kernel_run(const struct array *inputs, const struct array *outputs, const void *packed, void *workspace, int64_t first,
                       int64_t last) {
  const float *p = packed;
  float *t = workspace;
  for (int64_t b = first; b < last; ++b)
    for (int i = 0; i < 3; ++i) {
      t[0] = p[i] * *place(inputs, b, i) + (inputs->dtype == 6 ? p[3] : 1e9f);
      *place(outputs, b, i) = t[0];
    }
}
"""

ISA = Isa("any", "x86-64", None, ())


def library(folder: Path, abi: int = 2) -> bytes:
    """Compile the kernel."""
    source, made = folder / "k.c", folder / f"k{abi}.so"
    source.write_text(SOURCE)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", f"-DABI={abi}", "-o", made, source], check=True)
    return made.read_bytes()


def write(path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> dict[str, torch.Tensor]:
    """Write a package whose only variant is the kernel, through what export uses; return the weights."""
    weights = {"w": torch.tensor([1.0, 2.0, 3.0]), "v": torch.tensor([0.5])}
    seen: list[Any] = []

    def start(*arguments: Any, **_: Any) -> Callable[[], Kernel]:
        seen.append(arguments)
        return lambda: Kernel(content, workspace=4, packed=16, grain=8)

    monkeypatch.setattr(build, "start_kernel", start)
    program: Any = object()
    started = build.start_kernel_variant("any", program, list(weights.items()), {"batch": None}, ISA, ["fortran"], threads=0)
    built = build.finished(started)
    assert built is not None
    assert seen == [(program, list(weights.items()), {"batch": None}, ISA, ["fortran"])]
    blob, table = pack_weights(list(weights.items()), frozenset(weights))
    x = TensorSpec("x", "float32", ("batch", 3), layout="fortran")
    symbols = {"batch": Symbol()}
    spec = Spec("2.13.0", "test", "m", (x,), (replace(x, name="y", layout="torch"),), symbols, kind="inference")
    with path.open("wb") as file:
        save(file, {WEIGHTS: blob, **built.members}, replace(spec, weights=table, variants=(built.variant,)))
    return weights


def test_a_kernel_gets_what_the_format_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.pt2"
    weights = write(path, monkeypatch, library(tmp_path))
    x = torch.randn(4, 3)
    for changed in ({}, {"w": torch.tensor([4.0, 5.0, 6.0])}):
        runner = PackageRunner(path, changed)
        (variant,) = runner.spec.variants
        assert (variant.kind, variant.sizes, variant.workspace, variant.packed) == ("kernel", {}, 4, 16)
        assert (variant.samples, variant.grain, variant.threads) == ("batch", 8, 0)
        used = weights | changed
        (y,) = runner.call(variant)(x)
        assert torch.allclose(y, x * used["w"] + used["v"])
        runner.prepared(variant, [with_layout(x, "torch")])()
    assert pt2ts.inspect(path).variants()[0][1] == "compiled kernel"


def test_a_kernel_of_another_interface(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.pt2"
    for content, words in ((library(tmp_path, abi=3), "another interface"), (b"nothing", "cannot be loaded")):
        write(path, monkeypatch, content)
        runner = PackageRunner(path)
        with pytest.raises(pt2ts.LoadError, match=words):
            runner.load(runner.spec.variants[0])


def test_where_there_is_no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    program: Any = object()
    monkeypatch.setattr(build, "start_kernel", lambda *_, **__: None)
    assert build.start_kernel_variant("b1", program, [], {}, ISA, []) is None
    monkeypatch.setattr(build, "start_kernel", lambda *_, **__: lambda: None)
    assert build.finished(build.start_kernel_variant("b1", program, [], {}, ISA, [])) is None
