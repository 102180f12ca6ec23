"""From a function of tensors to compiled code: record it with symbolic sizes, export, compile."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch._decomp import get_decompositions
from torch._inductor.package import load_package
from torch._subclasses import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv, StatelessSymbolicContext

from .errors import ExportError, UnexportableError
from .explain import explain_run
from .spec import Symbol, TensorSpec
from .training_state import Entry

#: Takes state tensors and inputs, returns results and new values of state tensors.
Function = Callable[..., Sequence[Tensor]]

_ATEN = torch.ops.aten

#: Batch normalization writes into its running means; in pieces that is plain arithmetic and a copy, which can be exported.
_IN_PIECES = (
    _ATEN.native_batch_norm,
    _ATEN.native_batch_norm_backward,
    _ATEN._native_batch_norm_legit,
    _ATEN._batch_norm_with_update,
)


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
        with quiet(), _plain_attention():
            graph = make_fx(function, tracing_mode="real", decomposition_table=get_decompositions(_IN_PIECES))(*fakes)
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
    """Let attention be recorded as it is written; its fast path in evaluation mode is one opaque operation."""
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back what torch's compiler tells its own developers."""
    loggers = [logging.getLogger(name) for name in ("torch._inductor", "torch._dynamo", "torch.export", "torch._export")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def compile_entry(
    entry: Entry,
    tensors: Sequence[Tensor],
    specs: Sequence[TensorSpec],
    symbols: Mapping[str, Symbol],
    options: Mapping[str, Any],
) -> list[str]:
    """Compile a traced function; the files that make up a variant.

    Parameters
    ----------
    entry
        The function with its state.
    tensors
        Examples of the inputs.
    specs
        What the inputs look like.
    symbols
        Bounds of the sizes that vary.
    options
        Of PyTorch's compiler.
    """
    dims = {name: torch.export.Dim(name, min=max(bounds.min, 1), max=bounds.max) for name, bounds in symbols.items()}
    shapes = tuple({at: dims[size] for at, size in enumerate(spec.shape) if isinstance(size, str)} for spec in specs)
    try:
        with quiet(), torch.no_grad():
            program = torch.export.export(entry, tuple(tensors), dynamic_shapes=(shapes,))
            module = program.module(check_guards=False)
            files = torch._inductor.aot_compile(module, tuple(tensors), options=dict(options))
    except Exception as error:  # torch reports what it cannot compile in many ways
        why = explain_run(error)
        reason = str(error).strip().split("\n")[0] or why.reason
        hint = "a size that cannot vary is declared by a number: targets=['y[64,1]'], or dynamic_batch=False"
        raise UnexportableError(f"the training step cannot be compiled: {reason}", hint, why.where, why.code) from error
    return [str(file) for file in files]


def run_package(path: Path, name: str, state: Mapping[str, Tensor]) -> Callable[..., Any]:
    """Return one variant of a package as a function that works on the tensors of ``state`` themselves."""
    with quiet():
        # Not aoti_load_package, which knows packages of one model only.
        loaded: Any = load_package(str(path), name)
    known = set(loaded.get_constant_fqns())
    loaded.load_constants({key: value for key, value in state.items() if key in known}, check_full_update=True, user_managed=True)

    def run(*tensors: Tensor) -> Any:
        return loaded(*tensors)

    return run


def scratch() -> tempfile.TemporaryDirectory[str]:
    """Return a folder of our own for intermediate files, private and removed at the end."""
    return tempfile.TemporaryDirectory(prefix="pt2ts-")
