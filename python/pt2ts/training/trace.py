"""Recording a function of tensors: what it does becomes a graph, in which the sizes that may vary are left open."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch._subclasses import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv, StatelessSymbolicContext
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..contract.spec import TensorSpec
from ..errors import ExportError, UnexportableError
from ..explain import explain_run
from ..pytorch.quiet import quiet
from .pieces import table

#: Takes state tensors and inputs, returns results and new values of state tensors.
Function = Callable[..., Sequence[Tensor]]


def trace(
    function: Function, state: Mapping[str, Tensor], reads: Sequence[str], tensors: Sequence[Tensor], specs: Sequence[TensorSpec]
) -> torch.fx.GraphModule:
    """Record what a function does, with sizes that are symbols in ``specs`` left open.

    Raises
    ------
    UnexportableError
        When something in it depends on values, or draws random numbers that would not be ours.
    """
    # Without duck shapes: a batch of 16 examples is not the width of a layer of 16.
    mode = FakeTensorMode(shape_env=ShapeEnv(duck_shape=False), allow_non_fake_inputs=True)

    def fake(value: Tensor, shape: Sequence[int | str]) -> Tensor:
        kinds = [DimDynamic.DYNAMIC if isinstance(size, str) else DimDynamic.STATIC for size in shape]
        made: Tensor = mode.from_tensor(value.detach(), symbolic_context=StatelessSymbolicContext(dynamic_sizes=kinds))
        return made

    fakes = [fake(state[name], state[name].shape) for name in reads]
    fakes += [fake(tensor, spec.shape) for tensor, spec in zip(tensors, specs, strict=True)]
    try:
        # Inside of the mode, tensors that are made on the way (a range of numbers) have symbolic sizes too.
        with quiet(), _plain_attention(), mode:
            graph = make_fx(function, tracing_mode="real", decomposition_table=table())(*fakes)
    except ExportError:
        raise
    except Exception as error:  # torch reports what it cannot record in many ways
        why = explain_run(error)
        hint = "forward and loss may use torch functions on tensors only, and no branch, loop or print that depends on values"
        raise UnexportableError(f"the training step cannot be recorded: {why.reason}", hint, why.where, why.code) from error
    _refuse_random(graph)
    return graph


def _refuse_random(graph: torch.fx.GraphModule) -> None:
    for node in graph.graph.nodes:
        if isinstance(node.target, torch._ops.OpOverload) and torch.Tag.nondeterministic_seeded in node.target.tags:
            raise UnexportableError(
                f"the network draws random numbers by {node.target}, which a compiled step could not repeat",
                "nn.Dropout and its variants for channels can be compiled; give other random numbers as an input",
            )


@contextmanager
def _plain_attention() -> Iterator[None]:
    """Let attention be recorded as it is written.

    Its fast paths are opaque operations; one of them counts as random even without dropout.
    """
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)
