"""The golden sample: inputs and outputs that travel with the model, so that any installation can test itself."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import NamedTuple

import torch

from .check import Trial, run
from .errors import SpecError
from .examples import Sizes, resize
from .spec import Symbol, TensorSpec

#: A sample above this size is made smaller by cutting its batch...
_WANTED_BYTES = 1 << 20
#: ...and above this one it is left out: the file is a model and not a data set.
_LARGEST_BYTES = 64 << 20


class Golden(NamedTuple):
    """Inputs and outputs in the order of the spec."""

    inputs: list[torch.Tensor]
    outputs: list[torch.Tensor]

    def size(self) -> int:
        """Return the number of bytes of all tensors."""
        return sum(tensor.numel() * tensor.element_size() for tensor in (*self.inputs, *self.outputs))


def sample(module: torch.nn.Module, inputs: Sequence[TensorSpec], trial: Trial, symbols: dict[str, Symbol]) -> Golden | None:
    """Return the example inputs with the module's outputs, cut to a bounded size; None when that is impossible.

    Parameters
    ----------
    module
        The module in evaluation mode: the golden numbers are its own and not those of the exported file.
    inputs
        Specs of the inputs.
    trial
        The run on the example inputs.
    symbols
        Bounds of the symbols.
    """
    golden = Golden(trial.inputs, [tensor for _, tensor in trial.outputs])
    sizes = trial.sizes
    while golden.size() > _WANTED_BYTES:
        smaller = _halve_batch(inputs, sizes, symbols)
        if smaller == sizes:
            break
        sizes = smaller
        cut = resize(inputs, trial.inputs, sizes)
        golden = Golden(cut, [tensor for _, tensor in run(module, cut)])
    if golden.size() > _LARGEST_BYTES:
        return None
    return Golden([t.contiguous() for t in golden.inputs], [t.contiguous() for t in golden.outputs])


def _halve_batch(inputs: Sequence[TensorSpec], sizes: Sizes, symbols: dict[str, Symbol]) -> Sizes:
    """Halve the symbols that stand first in a shape; other dimensions have a meaning that must not be cut."""
    first = {spec.shape[0] for spec in inputs if spec.shape}
    return {name: max(symbols[name].min, size // 2) if name in first else size for name, size in sizes.items()}


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
