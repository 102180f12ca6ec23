"""The C interface on tensors of Python, so that calls of any dtype and any strides reach the library as a host program's do."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import TracebackType

import torch

from ftorch.layout import Installation
from pt2ts.dtypes import DTYPES

_CODES = {dtype: code for code, dtype in enumerate(DTYPES.values())}
_CPU, _NO_INDEX = 0, -1

Handle = ctypes.c_void_p


class Refused(Exception):  # noqa: N818
    """The library refused a call; status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(str(Installation().library_dir / "libctorch.so"))


def _call(name: str, *arguments: object) -> None:
    library = _library()
    status = getattr(library, name)(*arguments)
    if status:
        text, length = ctypes.c_char_p(), ctypes.c_int64()
        library.ctorch_last_error(ctypes.byref(text), ctypes.byref(length))
        raise Refused(status, (text.value or b"")[: length.value].decode())


def _numbers(values: Sequence[int]) -> ctypes.Array[ctypes.c_int64]:
    return (ctypes.c_int64 * max(1, len(values)))(*values)


def _wrap(tensor: torch.Tensor, handle: Handle) -> None:
    _call(
        "ctorch_tensor_from_blob",
        ctypes.c_void_p(tensor.data_ptr()),
        tensor.dim(),
        _numbers(tensor.shape),
        _numbers(tensor.stride()),
        _CODES[tensor.dtype],
        _CPU,
        _NO_INDEX,
        0,
        0,
        ctypes.byref(handle),
    )


class CModel:
    """A model file loaded by the library."""

    def __init__(self, path: Path) -> None:
        name = str(path).encode()
        self._handle = Handle()
        _call(
            "ctorch_model_load", name, ctypes.c_int64(len(name)), _CPU, _NO_INDEX, 0, 0, 0, None, ctypes.c_int64(0),
            ctypes.byref(self._handle),
        )  # fmt: skip

    def forward(self, inputs: Sequence[torch.Tensor], outputs: Sequence[torch.Tensor], *, convert: bool) -> None:
        """Run the model on the memory of the inputs; the results go into the memory of the outputs.

        Raises
        ------
        Refused
            When the library refuses the call.
        """
        given = [(Handle * max(1, len(tensors)))() for tensors in (inputs, outputs)]
        handles = [[Handle() for _ in tensors] for tensors in (inputs, outputs)]
        try:
            for array, own, tensors in zip(given, handles, (inputs, outputs), strict=True):
                for place, (handle, tensor) in enumerate(zip(own, tensors, strict=True)):
                    _wrap(tensor, handle)
                    array[place] = handle.value
            _call(
                "ctorch_model_forward", ctypes.byref(self._handle), given[0], len(inputs), given[1], len(outputs), 0, int(convert),
                None, ctypes.c_int64(0),
            )  # fmt: skip
        finally:
            for handle in (handle for own in handles for handle in own):
                _call("ctorch_tensor_delete", ctypes.byref(handle))

    def refusal(self, inputs: Sequence[torch.Tensor], outputs: Sequence[torch.Tensor], *, convert: bool) -> Refused | None:
        """Run the model as `forward` does; return the error instead of raising it."""
        try:
            self.forward(inputs, outputs, convert=convert)
        except Refused as error:
            return error
        return None

    def __enter__(self) -> CModel:
        """Return itself; the ``with`` block releases it."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Release the model."""
        _call("ctorch_model_delete", ctypes.byref(self._handle))
