"""The golden sample: inputs and outputs that travel with the model, so that any installation can test itself."""

from __future__ import annotations

import io
from typing import NamedTuple

import torch

from ..errors import SpecError


class Golden(NamedTuple):
    """Inputs and outputs in the order of the spec."""

    inputs: list[torch.Tensor]
    outputs: list[torch.Tensor]

    def size(self) -> int:
        """Return the number of bytes of all tensors."""
        return sum(tensor.numel() * tensor.element_size() for tensor in (*self.inputs, *self.outputs))


def to_bytes(golden: Golden) -> bytes:
    """Return the content of the extra file: a dictionary of plain tensors, readable by libtorch's ``pickle_load``."""
    buffer = io.BytesIO()
    # clone() drops what a view would drag along: torch.save stores whole storages.
    torch.save({"inputs": [t.clone() for t in golden.inputs], "outputs": [t.clone() for t in golden.outputs]}, buffer)
    return buffer.getvalue()


def from_bytes(data: bytes) -> Golden:
    """Read the extra file of a golden sample."""
    try:
        content = torch.load(io.BytesIO(data), weights_only=True)
        return Golden(list(content["inputs"]), list(content["outputs"]))
    except Exception as error:  # torch reports damage as RuntimeError, UnpicklingError, KeyError, EOFError...
        raise SpecError(f"the golden sample cannot be read ({type(error).__name__})") from error
