"""Calling the Fortran interface from Python: the model runs through ``use ftorch``, as in a Fortran program.

The extension ``ftorch._bridge`` is Fortran (``src/bridge``) wrapped by f90wrap. Values cross as 32-bit words and text as
character codes, since the wrapper knows neither 8-bit kinds nor strings beside ``stat`` and ``errmsg``.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from types import ModuleType, TracebackType
from typing import Any

import numpy as np
import torch

from ..container.filetype import StrPath
from ..contract.dtypes import DTYPES, name_of
from ..errors import VerifyError

_MODULE = "ftorch._bridge"
_PREFIX = "f90wrap_ftorch_bridge__bridge_"
_WORD = 4
_NAMES = list(DTYPES)  # in the order of the library's codes 0, 1, 2...
_MAX_RANK = 15


class FortranModel:
    """A model loaded by the Fortran library. There is one at a time: its handles are module variables in Fortran.

    Parameters
    ----------
    path
        A model file.

    Raises
    ------
    VerifyError
        With the library's own message, here and from every method.
    """

    def __init__(self, path: StrPath) -> None:
        self._call("load", path=np.frombuffer(str(path).encode(), dtype=np.uint8).astype(np.int32))

    def forward(self, inputs: Sequence[torch.Tensor], outputs: int) -> list[torch.Tensor]:
        """Run the model on ``inputs`` and return its ``outputs`` results."""
        self._call("begin", n_inputs=len(inputs), n_outputs=outputs)
        for number, tensor in enumerate(inputs, 1):
            self._call(
                "set_input",
                number=number,
                dtype=_NAMES.index(name_of(tensor)),
                extents=np.array(tensor.shape, dtype=np.int64),
                words=_to_words(tensor),
            )
        self._call("forward")
        return [self._output(number) for number in range(1, outputs + 1)]

    def _output(self, number: int) -> torch.Tensor:
        facts = np.zeros(2 + _MAX_RANK, dtype=np.int64)  # dtype, rank, extents
        self._call("describe_output", number=number, facts=facts)
        dtype, shape = DTYPES[_NAMES[int(facts[0])]], facts[2 : 2 + int(facts[1])].tolist()
        result = torch.empty(shape, dtype=dtype)
        words = _to_words(result)
        self._call("get_output", number=number, words=words)
        data = result.reshape(-1).view(torch.uint8)  # the same memory, as bytes
        data.copy_(torch.from_numpy(words.view(np.uint8)[: data.numel()]))
        return result

    def self_test(self) -> float:
        """Replay the golden sample inside the library; return the largest difference."""
        difference = np.zeros(1)
        self._call("self_test", difference=difference)
        return float(difference[0])

    def close(self) -> None:
        """Release the model and every tensor."""
        self._call("close")

    def __enter__(self) -> FortranModel:
        """Return itself; the ``with`` block closes it."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Release everything, also after an error."""
        self.close()

    @staticmethod
    def _call(name: str, **arguments: Any) -> None:
        try:
            getattr(extension(), _PREFIX + name)(**arguments)
        except RuntimeError as error:
            raise VerifyError(str(error).strip()) from error


def live_handles() -> int:
    """Return how many tensors and models the library keeps."""
    count = np.zeros(1, dtype=np.int64)
    getattr(extension(), _PREFIX + "live_handles")(count=count)
    return int(count[0])


def extension() -> ModuleType:
    """Return the compiled module, or say how to get it."""
    try:
        return importlib.import_module(_MODULE)
    except ImportError as error:
        raise VerifyError(
            f"the Fortran bridge cannot be loaded ({error})",
            "it is part of the installed package: pip install . (or cmake -DFTORCH_BRIDGE=ON)",
        ) from error


def _to_words(tensor: torch.Tensor) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Return a copy of the values in row-major order, padded to whole words."""
    data = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    padded = np.zeros(-(-data.size // _WORD) * _WORD, dtype=np.uint8)
    padded[: data.size] = data
    return padded.view(np.int32)
