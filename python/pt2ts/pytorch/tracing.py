"""Recording a function of tensors as a graph, with sizes left open."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch

from .private import private


def fake_mode() -> AbstractContextManager[Any]:
    """Return a mode in which tensors have sizes and no values.

    Without duck shapes: a batch of 16 examples is not the width of a layer of 16.
    """
    environment = private("torch.fx.experimental.symbolic_shapes.ShapeEnv")(duck_shape=False)
    mode: AbstractContextManager[Any] = private("torch._subclasses.FakeTensorMode")(
        shape_env=environment, allow_non_fake_inputs=True
    )
    return mode


def fake(mode: Any, value: torch.Tensor, free: Sequence[bool]) -> torch.Tensor:
    """Return a tensor of a mode like ``value``, some of whose dimensions are free."""
    kind, context = (
        private(f"torch.fx.experimental.symbolic_shapes.{name}") for name in ("DimDynamic", "StatelessSymbolicContext")
    )
    kinds = [kind.DYNAMIC if dimension else kind.STATIC for dimension in free]
    made: torch.Tensor = mode.from_tensor(value.detach(), symbolic_context=context(dynamic_sizes=kinds))
    return made


def record(function: Callable[..., Any], tensors: Sequence[torch.Tensor], pieces: Mapping[Any, Any]) -> torch.fx.GraphModule:
    """Return the graph of a function; operations that are keys of ``pieces`` are recorded as what these do."""
    make_fx = private("torch.fx.experimental.proxy_tensor.make_fx")
    graph: torch.fx.GraphModule = make_fx(function, tracing_mode="real", decomposition_table=dict(pieces))(*tensors)
    return graph


def decompositions(operators: Iterable[Any]) -> dict[Any, Any]:
    """Return PyTorch's own ways to write operators as several others."""
    return dict(private("torch._decomp.get_decompositions")(tuple(operators)))
