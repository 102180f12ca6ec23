"""Kernels made for a processor of another architecture, run under an emulator: the same text serves all of them."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pt2ts.contract.dtypes import DTYPES
from pt2ts.kernels import build_kernel, explain_kernel
from pt2ts.toolchain.isa import Isa

from . import networks
from .host import assert_agree, eager, program_of, weights_of
from .test_kernels import BATCH, NETWORKS, draw

HERE = Path(__file__).resolve().parent
ARM = Isa("native", "armv8-a", None, ("asimd", "fp"), "aarch64")
TARGET = "aarch64-linux-gnu"


def numbers(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}q", *values)


def bytes_of(tensor: Tensor) -> bytes:
    content = tensor.contiguous().numpy().tobytes()
    return numbers(len(content)) + content


def array_of(tensor: Tensor) -> bytes:
    strides = [stride * tensor.element_size() for stride in tensor.stride()]
    return numbers(list(DTYPES.values()).index(tensor.dtype), tensor.dim(), *strides) + bytes_of(tensor)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("foreign") / "foreign_host"
    subprocess.run([f"{TARGET}-gcc", "-std=c11", "-Wall", HERE / "foreign_host.c", "-o", program, "-ldl"], check=True)
    return program


@pytest.mark.long
@pytest.mark.parametrize("name", NETWORKS)
def test_arm(name: str, host: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", f"{TARGET}-g++")
    factory, shapes, dtype, batch = NETWORKS[name]
    torch.manual_seed(4)
    module = networks.shaken(factory())
    program = program_of(module, draw(shapes, BATCH, dtype))
    weights = weights_of(program)
    kernel = build_kernel(program, weights, {"batch": batch}, ARM)
    assert kernel is not None, explain_kernel(program, weights, {"batch": batch}, ARM)
    inputs = draw(shapes, batch or 37, dtype)
    expected = eager(module, inputs)
    outputs = [torch.full(tensor.shape, 77, dtype=tensor.dtype) for tensor in expected]
    (tmp_path / "kernel.so").write_bytes(kernel.library)
    call: Sequence[bytes] = [
        numbers(kernel.workspace, kernel.packed, 0, 1 if batch else 37, len(weights), len(inputs), len(outputs)),
        *(bytes_of(value) for _, value in weights),
        *map(array_of, [*inputs, *outputs]),
    ]
    (tmp_path / "call").write_bytes(b"".join(call))
    done = subprocess.run(
        [f"qemu-{ARM.machine}", "-L", f"/usr/{TARGET}", host, tmp_path / "kernel.so", tmp_path / "call"],
        capture_output=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    got, start = [], 0
    for tensor in expected:
        size = tensor.numel() * tensor.element_size()
        got.append(torch.frombuffer(bytearray(done.stdout[start : start + size]), dtype=tensor.dtype).reshape(tensor.shape))
        start += size
    assert_agree(got, expected)
