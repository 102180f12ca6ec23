"""Recording a function of tensors: what it does becomes a graph, in which the sizes that may vary are left open."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from ..contract.spec import TensorSpec
from ..errors import Pt2tsError, UnexportableError
from ..explain import explain_run
from ..pytorch import tracing
from ..pytorch.operators import is_operator
from ..pytorch.plain import plain_attention
from ..pytorch.quiet import quiet
from .pieces import Pieces

#: Takes state tensors and inputs, returns results and new values of state tensors.
Function = Callable[..., Sequence[Tensor]]


def trace(
    function: Function,
    state: Mapping[str, Tensor],
    reads: Sequence[str],
    tensors: Sequence[Tensor],
    specs: Sequence[TensorSpec],
    pieces: Pieces,
) -> torch.fx.GraphModule:
    """Record what a function does, with sizes that are symbols in ``specs`` left open.

    Raises
    ------
    UnexportableError
        When something in it depends on values, or draws random numbers that would not be ours.
    """
    mode = tracing.fake_mode()

    def fake(value: Tensor, shape: Sequence[int | str]) -> Tensor:
        return tracing.fake(mode, value, [isinstance(size, str) for size in shape])

    fakes = [fake(state[name], state[name].shape) for name in reads]
    fakes += [fake(tensor, spec.shape) for tensor, spec in zip(tensors, specs, strict=True)]
    try:
        # Inside of the mode, tensors that are made on the way (a range of numbers) have symbolic sizes too.
        with quiet(), plain_attention(), mode:
            graph = tracing.record(function, fakes, pieces.table())
    except Pt2tsError:
        raise
    except Exception as error:  # torch reports what it cannot record in many ways
        why = explain_run(error)
        hint = "forward and loss may use torch functions on tensors only, and no branch, loop or print that depends on values"
        raise UnexportableError(f"the training step cannot be recorded: {why.reason}", hint, why.where, why.code) from error
    _refuse_random(graph)
    return graph


def _refuse_random(graph: torch.fx.GraphModule) -> None:
    for node in graph.graph.nodes:
        if is_operator(node.target) and torch.Tag.nondeterministic_seeded in node.target.tags:
            raise UnexportableError(
                f"the network draws random numbers by {node.target}, which a compiled step could not repeat",
                "nn.Dropout and its variants for channels can be compiled, in no checkpoint; give other random numbers as an input",
            )
