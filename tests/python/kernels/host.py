"""A kernel as the library uses it: loaded from a file, weights packed, run on plain addresses."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pt2ts.contract.dtypes import DTYPES
from pt2ts.kernels import Kernel, build_kernel, explain_kernel
from pt2ts.toolchain.isa import find_isa

ISA = find_isa("native")
ALIGNMENT = 64


def program_of(module: nn.Module, inputs: Sequence[Tensor], static: bool = False) -> torch.export.ExportedProgram:
    """Export with the first dimension of every input named batch."""
    batch = torch.export.Dim("batch")
    shapes = None if static else tuple({0: batch} for _ in inputs)
    return torch.export.export(module.eval(), tuple(inputs), dynamic_shapes=shapes)


def weights_of(program: torch.export.ExportedProgram) -> list[tuple[str, Tensor]]:
    return [(name, value.detach().contiguous()) for name, value in program.state_dict.items()]


def memory(size: int) -> NDArray[np.uint8]:
    """Return aligned memory, full of NaN so that nothing that was not written goes unnoticed."""
    whole = np.full(size + ALIGNMENT, 255, np.uint8)
    start = -whole.ctypes.data % ALIGNMENT
    return whole[start : start + size]


def addresses(tensors: Sequence[Tensor]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * max(1, len(tensors)))(*[t.data_ptr() for t in tensors])


class Array(ctypes.Structure):
    """An array as kernels know it."""

    _fields_ = [("data", ctypes.c_void_p), ("strides", ctypes.POINTER(ctypes.c_int64)), ("dtype", ctypes.c_int64)]


def arrays(tensors: Sequence[Tensor]) -> ctypes.Array[Array]:
    described = []
    for tensor in tensors:
        size = tensor.element_size()
        strides = (ctypes.c_int64 * max(1, tensor.dim()))(*[stride * size for stride in tensor.stride()])
        described.append(Array(tensor.data_ptr(), strides, list(DTYPES.values()).index(tensor.dtype)))
    return (Array * max(1, len(tensors)))(*described)


class Host:
    """A loaded kernel with its weights."""

    def __init__(self, kernel: Kernel, weights: Sequence[tuple[str, Tensor]], any_size: bool = False) -> None:
        self.kernel = kernel
        self.any_size = any_size
        self.names = [name for name, _ in weights]
        with tempfile.NamedTemporaryFile(suffix=".so") as file:
            Path(file.name).write_bytes(kernel.library)
            self.library = ctypes.CDLL(file.name)
        assert self.library.ftorch_kernel_abi() == 2
        self.packed = memory(kernel.packed)
        self.pack([value for _, value in weights])

    def pack(self, weights: Sequence[Tensor]) -> None:
        self.weights = list(weights)
        self.library.ftorch_kernel_pack(addresses(self.weights), ctypes.c_void_p(self.packed.ctypes.data))

    def run(self, inputs: Sequence[Tensor], like: Sequence[Tensor]) -> list[Tensor]:
        """Run on addresses; the results have the shapes of ``like``, and nothing behind them is written."""
        guard = 16
        memories = [torch.full((t.numel() + guard,), 77.0, dtype=t.dtype) for t in like]
        outputs = [m[:-guard].reshape(t.shape) for m, t in zip(memories, like, strict=True)]
        self.run_into(inputs, outputs)
        assert all((m[-guard:] == torch.tensor(77.0, dtype=m.dtype)).all() for m in memories)
        return outputs

    def run_into(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor], samples: tuple[int, int] | None = None) -> None:
        """Run some samples, or all, into arrays of any strides."""
        workspace = memory(self.kernel.workspace + ALIGNMENT)
        first, last = samples or (0, inputs[0].shape[0] if self.any_size else 1)
        self.library.ftorch_kernel_run(
            arrays(inputs),
            arrays(outputs),
            ctypes.c_void_p(self.packed.ctypes.data),
            ctypes.c_void_p(workspace.ctypes.data),
            ctypes.c_int64(first),
            ctypes.c_int64(last),
        )
        assert (workspace[self.kernel.workspace :] == 255).all()


def host_of(
    module: nn.Module, inputs: Sequence[Tensor], sizes: Mapping[str, int | None], layouts: Sequence[str] = (), static: bool = False
) -> Host:
    """Export, compile and load."""
    program = program_of(module, inputs, static)
    weights = weights_of(program)
    kernel = build_kernel(program, weights, sizes, ISA, layouts)
    assert kernel is not None, explain_kernel(program, weights, sizes, ISA, layouts)
    return Host(kernel, weights, None in sizes.values())


def eager(module: nn.Module, inputs: Sequence[Tensor]) -> list[Tensor]:
    with torch.no_grad():
        result = module(*inputs)
    return list(result) if isinstance(result, tuple) else [result]


def assert_agree(got: Sequence[Tensor], expected: Sequence[Tensor]) -> None:
    """Within 1e-5 (float32) or 1e-12 (float64) of the largest value; NaN and infinities exactly."""
    for mine, theirs in zip(got, expected, strict=True):
        tolerance = 1e-5 if theirs.dtype == torch.float32 else 1e-12
        assert torch.equal(mine.isnan(), theirs.isnan())
        finite = theirs.isfinite()
        assert torch.equal(mine[~finite & ~theirs.isnan()], theirs[~finite & ~theirs.isnan()])
        scale = theirs[finite].abs().max() if finite.any() else 1.0
        assert ((mine - theirs)[finite].abs() <= tolerance * scale).all()
