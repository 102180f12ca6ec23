"""The golden sample is made: the example inputs with the module's own outputs, cut to a bounded size."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..contract.golden import Golden
from ..contract.samples import Sizes, resize
from ..contract.spec import Symbol, TensorSpec
from .trials import Trial, run

#: A sample above this size is made smaller by cutting its batch...
_WANTED_BYTES = 1 << 20


#: ...and above this one it is left out: the file is a model and not a data set.
_LARGEST_BYTES = 64 << 20


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
    return {name: symbols[name].nearest(size // 2) if name in first else size for name, size in sizes.items()}
