"""The C interface of the library, called by ctypes: for memory in any order, and for measurements without Python in between.

The Fortran interface makes these same calls. What a Fortran program sees (its own procedures, messages with its names) is in
`pt2ts.runtime.bridge`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import torch

from ..container.filetype import StrPath
from ..contract.dtypes import DTYPES, name_of
from ..errors import VerifyError
from ..toolchain.devices import CODES
from .measure import Call

_MAX_RANK = 15
_NAMES = list(DTYPES)  # in the order of the library's codes 0, 1, 2...
_CPU = 0
_INDEX_ORDER = 0

#: A call with everything prepared: its entry and its arguments.
Prepared = tuple[Callable[..., int], tuple[Any, ...]]


class _Handle(ctypes.Structure):
    _fields_ = (("id", ctypes.c_uint64),)


class _Array(ctypes.Structure):
    """``ctorch_array``."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("shape", ctypes.c_int64 * _MAX_RANK),
        ("byte_strides", ctypes.c_int64 * _MAX_RANK),
        ("rank", ctypes.c_int32),
        ("dtype", ctypes.c_int32),
        ("element_bytes", ctypes.c_int32),
        ("order", ctypes.c_int32),
        ("order_count", ctypes.c_int32),
        ("order_dims", ctypes.c_int32 * _MAX_RANK),
    )


class LibraryModel:
    """A model loaded by the library; results are written into tensors that the caller has, in the host's memory.

    Parameters
    ----------
    path
        A model file.
    device
        PyTorch's name of the kind of device that it is loaded for.

    Raises
    ------
    VerifyError
        With the library's own message, here and from every method.
    """

    def __init__(self, path: StrPath, device: str = "cpu") -> None:
        self._library, self._device = _library(), CODES[device]
        self._model = _Handle()
        self._tensors: list[Any] = []
        text = str(path).encode()
        self._check(
            self._library.ctorch_model_load(
                text, ctypes.c_int64(len(text)), self._device, -1, 0, 0, 0, None, ctypes.c_int64(0), 1, ctypes.byref(self._model)
            )
        )

    def prepare(self, inputs: Sequence[torch.Tensor], outputs: Sequence[torch.Tensor], *, convert: bool = False) -> Prepared:
        """Return the call for these tensors; their memory is read and written where it lies, with its strides.

        With ``convert`` dtypes are converted on the way in and out.
        """
        self._release_tensors()
        given, results = self._handles(inputs), self._handles(outputs)
        arguments = (ctypes.byref(self._model), given, len(inputs), results, len(outputs), 0, int(convert), None, ctypes.c_int64(0))
        return self._library.ctorch_model_forward, arguments

    def prepare_infer(self, x: torch.Tensor, y: torch.Tensor) -> Prepared:
        """Return the shorter way that ``model%infer`` takes from one array to another."""
        arguments = (ctypes.byref(self._model), ctypes.byref(_array(x)), ctypes.byref(_array(y)), 0)
        return self._library.ctorch_model_infer, arguments

    def _prepare_infer_arrays(self, inputs: Sequence[torch.Tensor], outputs: Sequence[torch.Tensor]) -> Prepared:
        given, results = ((_Array * len(tensors))(*map(_array, tensors)) for tensors in (inputs, outputs))
        arguments = (ctypes.byref(self._model), given, len(inputs), results, len(outputs), 0)
        return self._library.ctorch_model_infer_arrays, arguments

    def calls(self, inputs: Sequence[torch.Tensor], outputs: Sequence[torch.Tensor]) -> tuple[Call, Call]:
        """Return what a Fortran program calls, to be measured, and one of a function that does nothing: what ctypes costs."""
        if len(inputs) == len(outputs) == 1:
            prepared = self.prepare_infer(inputs[0], outputs[0])
        elif self._device != _CPU:  # tensors would have to be there
            prepared = self._prepare_infer_arrays(inputs, outputs)
        else:
            prepared = self.prepare(inputs, outputs)
        self.run(prepared)
        entry, arguments = prepared
        nothing: Any = ctypes.CDLL(None).labs
        return (lambda: entry(*arguments)), (lambda: nothing(*arguments))

    def run(self, prepared: Prepared) -> None:
        """Carry out a prepared call."""
        call, arguments = prepared
        self._check(call(*arguments))

    def close(self) -> None:
        """Release the model and the tensors of its calls."""
        self._release_tensors()
        self._library.ctorch_model_delete(ctypes.byref(self._model))

    def __enter__(self) -> LibraryModel:
        """Return itself; the ``with`` block closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Release everything, also after an error."""
        self.close()

    def _handles(self, tensors: Sequence[torch.Tensor]) -> Any:
        made = (_Handle * max(1, len(tensors)))()
        self._tensors.append(made)
        for handle, tensor in zip(made, tensors, strict=False):
            rank = tensor.dim()
            self._check(
                self._library.ctorch_tensor_from_blob(
                    ctypes.c_void_p(tensor.data_ptr() or 1),  # an empty tensor has no address
                    rank,
                    (ctypes.c_int64 * max(1, rank))(*tensor.shape),
                    (ctypes.c_int64 * max(1, rank))(*tensor.stride()),
                    _NAMES.index(name_of(tensor)),
                    _CPU,
                    -1,
                    0,
                    0,
                    ctypes.byref(handle),
                )
            )
        return made

    def _release_tensors(self) -> None:
        for handles in self._tensors:
            for handle in handles:
                self._library.ctorch_tensor_delete(ctypes.byref(handle))
        self._tensors.clear()

    def _check(self, status: int) -> None:
        if status != 0:
            raise VerifyError(_text(self._library.ctorch_last_error) or f"the library reports status {status}")


def threads() -> int:
    """Return how many threads an operation of the library may use."""
    count = ctypes.c_int32()
    _library().ctorch_runtime_get_threads(ctypes.byref(count))
    return count.value


def version() -> str:
    """Return the version of the library."""
    return _text(_library().ctorch_runtime_version)


def _library() -> ctypes.CDLL:
    from ftorch.layout import Installation

    path = Installation().c_library
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise VerifyError(f"the library cannot be loaded ({error})", "pip install . builds and installs it") from error


def _array(tensor: torch.Tensor) -> _Array:
    size = tensor.element_size()
    made = _Array(data=tensor.data_ptr(), rank=tensor.dim(), dtype=_NAMES.index(name_of(tensor)), element_bytes=size)
    made.order = _INDEX_ORDER
    for dim, (extent, stride) in enumerate(zip(tensor.shape, tensor.stride(), strict=True)):
        made.shape[dim], made.byte_strides[dim] = extent, stride * size
    return made


def _text(entry: Any) -> str:
    text, length = ctypes.c_char_p(), ctypes.c_int64()
    if entry(ctypes.byref(text), ctypes.byref(length)) != 0:
        return ""
    return (text.value or b"")[: length.value].decode(errors="replace")
