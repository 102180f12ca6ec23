"""A module written out as PyTorch's plain operations: what ``torch.func`` or autograd compute inside forward is spelled out in it.

Neither TorchScript nor torch.export reads jacrev, vmap or grad. Recorded as they run, they are ordinary operations.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from torch import Tensor, nn

from ..contract.spec import TensorSpec
from ..pytorch import tracing
from ..pytorch.quiet import quiet
from .free_counts import FreeCounts
from .module_copy import replace_forward

_aten = torch.ops.aten
#: Derivatives that take sizes, and that Python has no function for, in which these would be recorded for TorchScript.
_IN_PARTS = (_aten.slice_backward, _aten.select_backward, _aten.diagonal_backward, _aten.unfold_backward)

#: The part of the module that holds the operations.
_PART = "written_out"


def written_out(module: nn.Module, inputs: Sequence[TensorSpec], examples: Sequence[Tensor], free: Collection[str]) -> nn.Module:
    """Return a flat module with another forward that computes the same, for any size of the symbols in ``free``.

    It is changed in place; its weights keep their names.
    """
    names = [name for name, _ in (*module.named_parameters(), *module.named_buffers())]
    mode = tracing.fake_mode()
    fakes = [tracing.fake(mode, tensor, [False] * tensor.dim()) for tensor in _values(module, names)]
    for spec, example in zip(inputs, examples, strict=True):
        fakes.append(tracing.fake(mode, example, [size in free for size in spec.shape]))

    def compute(*tensors: Tensor) -> tuple[Tensor, ...]:
        weights = dict(zip(names, tensors, strict=False))
        with torch.no_grad():
            results: tuple[Tensor, ...] = torch.func.functional_call(module, weights, tensors[len(names) :])
        return results

    with quiet(), mode, FreeCounts():
        graph = tracing.record(compute, fakes, tracing.decompositions(_IN_PARTS))
    module.add_module(_PART, graph)

    def forward(self: nn.Module, *tensors: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.get_submodule(_PART)(*_values(self, names), *tensors))

    replace_forward(module, forward, "forward_not_written_out")
    return module


def _values(module: nn.Module, names: Sequence[str]) -> list[Tensor]:
    tables = dict(module.named_parameters()) | dict(module.named_buffers())
    return [tables[name].detach() for name in names]
