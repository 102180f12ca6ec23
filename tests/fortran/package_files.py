"""Compiled packages for the tests, made by hand: AOTInductor's code, a kernel in C, the contract, and what may be wrong with them.

The code is compiled once and kept in ``build/tests``; the packages are put together from it by Python's own zip module.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock

import pt2ts
from pt2ts.pytorch import inductor

from ..support import BUILD, digest_of
from . import model_files
from .model_files import Linear

Members = dict[str, bytes]
SPEC = "extra/ftorch_spec.json"
WEIGHTS = "extra/ftorch_weights.bin"
GOLDEN = "extra/ftorch_golden.pt"
FALLBACK = "extra/ftorch_fallback.pt"
ISA = {"machine": "x86_64", "flags": ["avx2", "fma"]}
#: A function of compiled code that PyTorch can do without: code of older versions has not all of these.
OPTIONAL = b"AOTInductorModelUpdateConstantsFromBlob"
#: Flags that no processor has: code for the future.
FUTURE_ISA = {"machine": "x86_64", "flags": ["avx2", "quantum"]}

#: What a contract may say of the kernel for any size that is not so.
KERNEL_LIES: dict[str, dict[str, Any]] = {
    "workspace": {"workspace": 32},
    "packed": {"packed": 64},
    "fixed": {"samples": None, "sizes": {"batch": [1, 1]}},
    "range": {"samples": None},
    "grain": {"grain": -1},
    "nobody": {"samples": "level"},
}

KERNEL = r"""
#include <stdint.h>
#include <string.h>
/* y = W x + b of five inputs and three outputs; packed: W by columns, then b. Computes in its workspace first. */
int32_t ftorch_kernel_abi(void) { return ABI; }
void ftorch_kernel_needs(int64_t *needs) { needs[0] = 64, needs[1] = 128, needs[2] = ANY_SIZE; }
void ftorch_kernel_pack(const void *const *weights, void *packed) {
  const float *w = weights[0];
  float *p = packed;
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 5; ++j) p[3 * j + i] = w[5 * i + j];
  memcpy(p + 15, weights[1], 3 * sizeof(float));
}
struct array {
  char *data;
  const int64_t *byte_strides;
  int64_t dtype; /* 6: float32, 7: float64 */
};
static char *place(const struct array *a, int64_t n, int i) { return a->data + n * a->byte_strides[0] + i * a->byte_strides[1]; }
void ftorch_kernel_run(const struct array *x, const struct array *y, const void *packed, void *workspace, int64_t first,
                       int64_t last) {
  const float *p = packed;
  float *sum = workspace;
  for (int64_t n = first; n < last; ++n) {
    for (int i = 0; i < 3; ++i) sum[i] = p[15 + i];
    for (int j = 0; j < 5; ++j)
      for (int i = 0; i < 3; ++i)
        sum[i] += p[3 * j + i] * (x->dtype == 6 ? *(float *)place(x, n, j) : (float)*(double *)place(x, n, j));
    for (int i = 0; i < 3; ++i)
      if (y->dtype == 6)
        *(float *)place(y, n, i) = sum[i];
      else
        *(double *)place(y, n, i) = sum[i];
  }
}
"""


class Columns(torch.nn.Module):
    """Two outputs of two inputs in double precision, for arrays whose first index runs fastest; a buffer scales one."""

    scale: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.tensor([[1.0, 2.0, 4.0]], dtype=torch.float64))
        self.offset = torch.nn.Parameter(torch.arange(3.0, dtype=torch.float64))
        self.twin = self.offset
        self.register_buffer("num_batches_tracked", torch.tensor(7))

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return a * self.scale + b, (a - b) + self.offset


def _kept(name: str, source: str, make: Callable[[Path], None]) -> Path:
    """Path of a file that `make` writes unless a former run did."""
    key = digest_of(f"{name}{source}".encode(), Path(__file__).read_bytes(), Path(model_files.__file__).read_bytes())
    folder = BUILD / "packages"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{key}"
    with FileLock(folder / "lock"):
        if not path.exists():
            part = path.with_suffix(".part")
            make(part)
            part.rename(path)
    return path


def compiled(
    name: str, module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], shapes: Any, options: Mapping[str, Any] | None = None
) -> Members:
    """Members of one AOTInductor variant, in the folder of its name."""
    settings = {
        "aot_inductor.package": True,
        "aot_inductor.package_constants_in_so": False,
        "always_keep_tensor_constants": True,
        "cpp.march": "x86-64-v3",
        "cpp.simdlen": 256,
        **(options or {}),
    }

    def make(path: Path) -> None:
        program = torch.export.export(module.eval(), inputs, dynamic_shapes=shapes)
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path, "w") as archive:
            for file in inductor.aot_compile(program.module(), inputs, settings, Path(folder)):
                if file.suffix != ".cpp":
                    archive.write(file, file.name)

    with zipfile.ZipFile(_kept(name, f"{type(module).__name__}{settings}{inputs[0].stride()}", make)) as archive:
        return {f"data/aotinductor/{name}/{item}": archive.read(item) for item in archive.namelist()}


def kernel(abi: int = 2, any_size: bool = False) -> bytes:
    """Return the shared library of the kernel."""

    def make(path: Path) -> None:
        line = ["gcc", "-O2", "-shared", "-fPIC", f"-DABI={abi}", f"-DANY_SIZE={int(any_size)}", "-x", "c", "-", "-o", str(path)]
        subprocess.run(line, input=KERNEL, text=True, check=True)

    return _kept(f"kernel{abi}{any_size}", KERNEL, make).read_bytes()


def packed_weights(module: torch.nn.Module) -> tuple[list[dict[str, Any]], bytes]:
    """Entries of the contract and the content of the weights' member."""
    parameters = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    entries: list[dict[str, Any]] = []
    offsets: dict[int, int] = {}
    blob = bytearray()
    for name, tensor in module.state_dict(keep_vars=True).items():
        address = tensor.data_ptr()
        if address not in offsets:
            blob += bytes(-len(blob) % 64)
            offsets[address] = len(blob)
            blob += tensor.detach().contiguous().numpy().tobytes()
        entries.append(
            {
                "name": name,
                "dtype": str(tensor.dtype).removeprefix("torch."),
                "shape": list(tensor.shape),
                "offset": offsets[address],
                "parameter": name in parameters,
            }
        )
    return entries, bytes(blob)


def digest(members: Mapping[str, bytes]) -> str:
    """Return the digest over all members but the contract."""
    total = hashlib.sha256()
    for name in sorted(members, key=str.encode):
        if name != SPEC:
            for part in (name.encode(), members[name]):
                total.update(struct.pack("<Q", len(part)) + part)
    return total.hexdigest()


def write(path: Path, members: Mapping[str, bytes], spec: Mapping[str, Any] | None, compress: bool = False) -> None:
    """Write a package; the contract, with the digest unless it has one, comes last."""
    text = None if spec is None else json.dumps({"digest": digest(members), **spec}).encode()
    write_with_contract(path, members, text, compress)


def write_with_contract(path: Path, members: Mapping[str, bytes], text: bytes | None, compress: bool = False) -> None:
    """Write a package with the text of a contract, whatever it may be."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(f"{path.stem}/{name}", content)
        if text is not None:
            archive.writestr(f"{path.stem}/{SPEC}", text)


def contract_bytes(path: Path) -> bytes:
    """Return the text of a package's contract."""
    with zipfile.ZipFile(path) as archive:
        return archive.read(f"{path.stem}/{SPEC}")


def read(path: Path) -> tuple[Members, dict[str, Any]]:
    """Return the members of a package, and its contract without the digest."""
    with zipfile.ZipFile(path) as archive:
        members = {name.split("/", 1)[1]: archive.read(name) for name in archive.namelist()}
    spec = json.loads(members.pop(SPEC, b"{}"))
    spec.pop("digest", None)
    return members, spec


def variant(name: str, kind: str, weights: str = "shared", **more: Any) -> dict[str, Any]:
    """Entry of the contract for one variant."""
    isa = None if kind == "torchscript" else ISA
    return {"name": name, "kind": kind, "sizes": {}, "isa": isa, "weights": weights, "threads": 0, **more}


def write_all(folder: Path, models: Path) -> None:
    """Write every package, good and bad; `models` has the TorchScript file of the same network."""
    _good(folder, models)
    members, spec = read(folder / "linear.pt2")
    _bad_contracts(folder, members, spec)
    _bad_archives(folder, members, spec)


def _good(folder: Path, models: Path) -> None:
    batch = torch.export.Dim("batch", min=2, max=1024)
    linear, x = Linear(), torch.arange(10.0).reshape(2, 5)
    aoti = compiled("model", linear, (x,), {"x": {0: batch}})
    fallback = (models / "linear.pt").read_bytes()
    with zipfile.ZipFile(io.BytesIO(fallback)) as archive:
        golden = archive.read(next(name for name in archive.namelist() if name.endswith(GOLDEN)))
    entries, blob = packed_weights(linear)
    spec = json.loads(pt2ts.read_spec(models / "linear.pt").to_json()) | {"kind": "inference", "weights": entries}
    b1 = variant("b1", "kernel", sizes={"batch": [1, 1]}, workspace=64, packed=128)
    dynamic = variant("model", "aoti", sizes={"batch": [2, 1024]})
    script = variant("fallback", "torchscript", "own")
    code = {"extra/ftorch_kernel_b1.so": kernel(), **aoti}
    common = {WEIGHTS: blob, GOLDEN: golden}
    write(folder / "linear.pt2", {**code, **common, FALLBACK: fallback}, {**spec, "variants": [b1, dynamic, script]})
    write(folder / "compiled.pt2", {**code, **common}, {**spec, "variants": [b1, dynamic]})
    write(folder / "aoti.pt2", {**aoti, **common}, {**spec, "variants": [variant("model", "aoti")]})
    older = {name: data.replace(OPTIONAL, OPTIONAL[:-1] + b"_") for name, data in aoti.items()}
    assert older != aoti
    write(folder / "older_code.pt2", {**older, **common}, {**spec, "variants": [variant("model", "aoti")]})
    any_size = variant("any", "kernel", workspace=64, packed=128, samples="batch")
    any_kernel = {"extra/ftorch_kernel_any.so": kernel(any_size=True), **common}
    write(folder / "kernel.pt2", any_kernel, {**spec, "variants": [any_size]})
    for name, wrong in KERNEL_LIES.items():
        write(folder / f"kernel_{name}.pt2", any_kernel, {**spec, "variants": [{**any_size, **wrong}]})
    only_script = {FALLBACK: fallback, **common}
    write(folder / "script.pt2", only_script, {**spec, "variants": [script]})
    future = [{**b1, "isa": FUTURE_ISA}, {**dynamic, "isa": FUTURE_ISA}]
    write(folder / "future.pt2", {**code, **common}, {**spec, "variants": future})
    write(folder / "future_fallback.pt2", {**code, **common, FALLBACK: fallback}, {**spec, "variants": [*future, script]})
    other = {"machine": "riscv64", "flags": []}
    write(folder / "machine.pt2", {**aoti, **common}, {**spec, "variants": [variant("model", "aoti", isa=other)]})

    inside = compiled("inside", linear, (x,), {"x": {0: batch}}, {"aot_inductor.package_constants_in_so": True})
    own = variant("inside", "aoti", "own")
    write(folder / "own.pt2", {**inside, **common}, {**spec, "variants": [own]})
    write(folder / "own_fallback.pt2", {**inside, **common, FALLBACK: fallback}, {**spec, "variants": [own, script]})
    write(folder / "plain.pt2", inside, None)
    write(folder / "two_plain.pt2", {**inside, **aoti}, None)

    write_columns(folder, spec)


def write_columns(folder: Path, common: Mapping[str, Any]) -> Path:
    """Write the package of `Columns`; ``common`` is the contract of another model."""
    batch = torch.export.Dim("batch", min=2, max=1024)
    columns = Columns()
    a = torch.arange(6.0, dtype=torch.float64).reshape(3, 2).t()
    code = compiled("columns", columns, (a, a * 10), {"a": {0: batch}, "b": {0: batch}})
    entries, blob = packed_weights(columns)
    port = {"dtype": "float64", "shape": ["batch", 3], "units": None, "range": None, "description": ""}
    spec = {
        **common,
        "kind": "inference",
        "name": "columns",
        "inputs": [{"name": name, "layout": "fortran", **port} for name in "ab"],
        "outputs": [{"name": name, "layout": "torch", **port} for name in ("sum", "difference")],
        "weights": entries,
        "golden": False,
    }
    path = folder / "columns.pt2"
    write(path, {**code, WEIGHTS: blob}, {**spec, "variants": [variant("columns", "aoti")]})
    return path


def _bad_contracts(folder: Path, members: Members, spec: dict[str, Any]) -> None:
    def changed(file: str, **change: Any) -> None:
        write(folder / f"{file}.pt2", members, {**spec, **change})

    def of_variant(file: str, **change: Any) -> None:
        changed(file, variants=[{**spec["variants"][0], **change}, *spec["variants"][1:]])

    major, minor = (int(number) for number in torch.__version__.split(".")[:2])
    changed("newer_torch", torch=f"{major}.{minor + 1}.0+cpu")
    changed("older_torch", torch=f"{major}.{minor - 1}.0")
    changed("training", kind="training", variants=[v for v in spec["variants"] if v["name"] != "model"])
    changed("odd_kind", kind="art")
    changed("wrong_digest", digest="0" * 64)
    changed("no_variants", variants=[])
    changed("weight_outside", weights=[{**spec["weights"][0], "offset": 64000}])
    changed("weight_shape", weights=[{**spec["weights"][0], "shape": [1 << 40, 1 << 40]}])
    changed("weight_between", weights=[{**spec["weights"][0], "offset": 4}])
    of_variant("unknown_kind", kind="quantum")
    of_variant("unknown_symbol", sizes={"level": [1, 1]})
    of_variant("no_kernel", name="b7")
    of_variant("path_name", name="../b1")
    odd = [{**spec["inputs"][0], "layout": "spiral"}]
    changed("odd_layout", inputs=odd)
    for name in ("digest", "kind", "weights", "variants", "torch"):
        write(folder / f"without_{name}.pt2", members, {**{k: v for k, v in spec.items() if k != name}, **_no(name)})
    other = {**members, "extra/ftorch_kernel_b1.so": kernel(abi=3)}
    write(folder / "kernel_abi.pt2", other, spec)
    write(folder / "kernel_text.pt2", {**members, "extra/ftorch_kernel_b1.so": b"no library\n" * 20}, spec)
    sizes = {"sizes": {"batch": [1, 64]}}
    write(folder / "few_sizes.pt2", members, {**spec, "variants": [{**spec["variants"][1], **sizes}]})


def _no(name: str) -> dict[str, Any]:
    """Keep `write` from adding the digest that is to be missing."""
    return {"digest": None} if name == "digest" else {}


def _bad_archives(folder: Path, members: Members, spec: dict[str, Any]) -> None:
    good = (folder / "linear.pt2").read_bytes()
    (folder / "truncated.pt2").write_bytes(good[: len(good) // 2])
    flipped = bytearray(good)
    flipped[len(good) // 3] ^= 4
    (folder / "flipped.pt2").write_bytes(flipped)
    write(folder / "compressed.pt2", members, spec, compress=True)
    write(folder / "outside.pt2", {**members, "../../evil": b"x"}, spec)
    stripped = {name: content for name, content in members.items() if not name.startswith("data/")}
    write(folder / "no_code.pt2", stripped, spec)
    with zipfile.ZipFile(folder / "twice.pt2", "w") as archive:
        for _ in range(2):
            archive.writestr("twice/data/aotinductor/model/a.so", b"x")
    # Each reader has its own idea of where to look.
    write(folder / "two_contracts.pt2", members, spec)
    with zipfile.ZipFile(folder / "two_contracts.pt2", "a") as archive:
        archive.writestr(f"other/{SPEC}", json.dumps({**spec, "name": "another", "digest": digest(members)}))
    # The contract says one digest, the members have another, and every checksum is right.
    write(folder / "exchanged.pt2", {**members, WEIGHTS: bytes(len(members[WEIGHTS]))}, {**spec, "digest": digest(members)})
