"""The Python side of op_runner.fypp: one process per compiler that computes what it is asked, in Fortran."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import operations
from pt2ts.contract.dtypes import DTYPES

from ..support import BUILD, ROOT, BuildFortran

OPS = operations.load(ROOT / "src/types")
LOSSES = operations.load(ROOT / "src/types", "LOSSES")
TABLE = {op.entry: op for op in [*OPS, *LOSSES]}
CODES = {dtype: code for code, dtype in enumerate(DTYPES.values())}
_TORCH = {code: dtype for dtype, code in CODES.items()}
_NUMPY = {getattr(np, "bool" if d == torch.bool else str(d).removeprefix("torch.")): d for d in CODES if d != torch.bfloat16}
_PLACES = {
    "integer": "whole", "integer=": "whole", "integer?": "whole", "dim": "whole", "dim=": "whole", "dim?": "whole",
    "newdim": "whole", "newdim=": "whole", "dtype?": "whole", "device?": "whole", "text": "text", "text=": "text",
    "flag": "flag", "flag=": "flag",
}  # fmt: skip


#: What op_requests.f90 understands instead of a number of gradients.
CHECK, CHECK_SYMMETRIC = -1, -2


class Refused(Exception):  # noqa: N818
    """The library called its error handler; status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def _tensor(tensor: torch.Tensor) -> bytes:
    memory = torch.empty(0, dtype=tensor.dtype).set_(tensor.untyped_storage())
    raw = memory.view(torch.uint8).numpy().tobytes() if memory.numel() else b""
    rank = tensor.dim()
    head = struct.pack("<3i", CODES[tensor.dtype], tensor.requires_grad, rank)
    places = struct.pack(f"<{2 * rank}q", *tensor.shape, *tensor.stride())
    return head + places + struct.pack("<2q", tensor.storage_offset() * tensor.element_size(), len(raw)) + raw


def _array(array: np.generic | np.ndarray[Any, Any]) -> bytes:
    raw = np.asarray(array).tobytes(order="F")
    head = struct.pack(f"<2i{array.ndim}q", CODES[_NUMPY[array.dtype.type]], array.ndim, *array.shape)
    return head + struct.pack("<q", len(raw)) + raw


def _argument(value: Any, form: str) -> bytes:
    """Write one argument; the first number is its kind in op_requests.f90."""
    match value:
        case None:
            return struct.pack("<i", 0)
        case torch.Tensor():
            return struct.pack("<i", 1) + _tensor(value)
        case np.ndarray():
            return struct.pack("<i", 8) + _array(value)
        case np.generic():
            return struct.pack("<i", 2) + _array(value)
        case torch.dtype():
            return struct.pack("<2i", 3, CODES[value])
        case str():
            return struct.pack("<2i", 6, len(value)) + value.encode()
        case [torch.Tensor(), *_]:
            return struct.pack("<2i", 7, len(value)) + b"".join(map(_tensor, value))
        case list():
            return struct.pack(f"<2i{len(value)}i", 4, len(value), *value)
        case _:
            return struct.pack("<2i", 5 if _PLACES.get(form) == "flag" else 3, value)


class Runner:
    """A running op_runner; it is started again when the library has stopped it."""

    def __init__(self, program: Path) -> None:
        self.program = program
        self.process: subprocess.Popen[bytes] | None = None

    def __call__(
        self,
        entry: str,
        values: Sequence[Any],
        results: int = 1,
        *,
        intrinsic: bool = False,
        weights: Sequence[torch.Tensor] = (),
        check: int = 0,
    ) -> list[torch.Tensor]:
        """Compute an operation, or with weights the gradients of its results' weighted sum.

        ``check`` asks instead how much torch_gradient_check finds them wrong: ``CHECK``, or ``CHECK_SYMMETRIC`` where the operation
        looks at one triangle of its argument.

        Raises
        ------
        Refused
            When the library refuses the arguments.
        """
        if self.process is None:
            self.process = subprocess.Popen(
                [self.program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        assert self.process.stdin is not None
        forms = [argument.form for argument in TABLE[entry].args]
        parts = [_argument(value, form) for value, form in zip(values, forms, strict=True)]
        gradients = sum(t.requires_grad for value in values for t in (value if isinstance(value, list) else [value])
                        if isinstance(t, torch.Tensor)) if weights else 0  # fmt: skip
        if check:
            gradients = check
        if weights:
            parts.append(_argument(list(weights), "tensors"))
        head = entry.encode().ljust(32) + struct.pack("<4i", intrinsic, gradients, results, len(parts))
        self.process.stdin.write(head + b"".join(parts))
        self.process.stdin.flush()
        status, count = self._read("<2i")
        if not status:
            (length,) = self._read("<i")
            message = self._bytes(length).decode()
            self.close(expected=1)
            raise Refused(count, message)
        return [self._result() for _ in range(count)]

    def _bytes(self, count: int) -> bytes:
        assert self.process is not None and self.process.stdout is not None  # noqa: PT018
        data = self.process.stdout.read(count)
        if len(data) < count:
            ended, self.process = self.process.wait(), None
            raise AssertionError(f"the driver ended with {ended}")
        return data

    def _read(self, pattern: str) -> tuple[int, ...]:
        return struct.unpack(pattern, self._bytes(struct.calcsize(pattern)))

    def _result(self) -> torch.Tensor:
        code, rank = self._read("<2i")
        shape = self._read(f"<{rank}q")
        (count,) = self._read("<q")
        dtype = _TORCH[code]
        if not count:
            return torch.empty(shape, dtype=dtype)
        return torch.frombuffer(bytearray(self._bytes(count)), dtype=dtype).reshape(shape)

    def close(self, expected: int = 0) -> None:
        """End the process; it fails when it has left handles behind."""
        if self.process is None:
            return
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(timeout=1800) == expected
        self.process = None


def build(build_fortran: BuildFortran, compiler: str) -> Path:
    """Expand the driver and compile it."""
    here = Path(__file__).parent
    expanded = BUILD / "op_runner.f90"
    BUILD.mkdir(parents=True, exist_ok=True)
    fypp = [str(Path(sys.executable).parent / "fypp"), "-I", str(ROOT / "src/types"), "-M", str(ROOT / "src/bindings")]
    options = ["-m", "operations", "--line-length=132", "--folding-mode=simple"]
    subprocess.run([*fypp, *options, str(here / "op_runner.fypp"), str(expanded)], check=True)
    return build_fortran(here / "op_requests.f90", expanded, compiler=compiler)
