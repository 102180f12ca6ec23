"""From a module to a program of torch.export: flat inputs and outputs, sizes that may vary, strides as the caller has them."""

from __future__ import annotations

import io
import itertools
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from typing import Any

import torch
from torch.export import Dim, ExportedProgram

from . import torchscript
from .errors import LoadError, UnexportableError
from .examples import Sizes, resize
from .explain_export import explain_export
from .spec import Symbol, TensorSpec
from .structure import flatten

#: torch.export takes a size of 1 in an example for a fixed one.
_SMALLEST_EXAMPLE = 2


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what PyTorch's compiler says about itself away from the user; errors are raised all the same."""
    logger = logging.getLogger("torch")
    level = logger.level
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=UserWarning, module=r"torch\b.*")
        logger.setLevel(logging.CRITICAL)
        try:
            with redirect_stderr(io.StringIO()):  # it prints graphs there
                yield
        finally:
            logger.setLevel(level)


def with_layout(tensor: torch.Tensor, layout: str) -> torch.Tensor:
    """Return the same values in the memory order of ``layout``; a copy where they lie otherwise."""
    if layout == "torch" or tensor.dim() < 2:  # noqa: PLR2004 - the order of one dimension is no question
        return tensor.contiguous()
    order = list(reversed(range(tensor.dim())))
    return tensor.permute(order).contiguous().permute(order)


def flat_module(module: torch.nn.Module, precision: str | None = None) -> torch.nn.Module:
    """Make ``module`` return a tuple of tensors, in the order of the contract, and compute in ``precision``.

    It is changed in place, so that its weights keep their names.
    """
    if isinstance(module, torchscript.ScriptModule):
        raise UnexportableError(
            "the module is TorchScript already, which PyTorch's compiler cannot read",
            "export the Python module that it was made from; or write a TorchScript file",
        )
    original: Callable[..., Any] = module.forward
    narrow = torch.bfloat16 if precision == "bfloat16" else None
    if narrow is not None:
        module.to(narrow)

    def forward(*inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        if narrow is None:
            return tuple(tensor for _, tensor in flatten(original(*inputs)))
        given = [tensor.to(narrow) if tensor.is_floating_point() else tensor for tensor in inputs]
        results = [tensor for _, tensor in flatten(original(*given))]
        return tuple(tensor.float() if tensor.dtype is narrow else tensor for tensor in results)

    module.forward = forward
    return module


def example_for(
    inputs: Sequence[TensorSpec], examples: Sequence[torch.Tensor], sizes: Sizes, symbols: Mapping[str, Symbol], fixed: Sizes
) -> list[torch.Tensor]:
    """Return examples whose free sizes are all different and at least 2, in the memory order of each input."""
    taken = {size for spec in inputs for size in spec.shape if isinstance(size, int)}
    chosen: Sizes = {}
    for name, size in sizes.items():
        bounds = symbols[name]
        candidates = itertools.count(max(_SMALLEST_EXAMPLE, bounds.min, min(size, bounds.max or size)))
        free = next(number for number in candidates if number not in taken)
        chosen[name] = fixed.get(name, free if bounds.admits(free) else bounds.max or free)
        taken.add(chosen[name])
    return [with_layout(tensor, spec.layout) for spec, tensor in zip(inputs, resize(inputs, examples, chosen), strict=True)]


def export_program(
    module: torch.nn.Module,
    inputs: Sequence[TensorSpec],
    examples: Sequence[torch.Tensor],
    symbols: Mapping[str, Symbol],
    *,
    flat: bool = False,
) -> ExportedProgram:
    """Return the program of a flat module.

    Parameters
    ----------
    module
        Made by `flat_module`, or the module of another program.
    inputs
        Their specs.
    examples
        Made by `example_for`.
    symbols
        Bounds of those symbols whose size may vary; the others get the size of the examples.
    flat
        Whether ``forward`` names its arguments one by one (the module of a program) or takes them as ``*inputs``.

    Raises
    ------
    UnexportableError
        With the reason in plain words and the line of the user's code.
    """
    free = {name: bounds for name, bounds in symbols.items() if bounds.min != bounds.max}
    dims = {name: Dim(name, min=bounds.min, max=bounds.max) for name, bounds in free.items()}
    shapes = tuple({at: dims[s] for at, s in enumerate(spec.shape) if isinstance(s, str) and s in dims} for spec in inputs)
    try:
        with quiet(), torch.no_grad():
            return torch.export.export(module, tuple(examples), dynamic_shapes=shapes if flat else (shapes,), strict=False)
    except Exception as error:  # torch.export raises many kinds, and so does the user's code under it
        why = explain_export(error)
        raise UnexportableError(f"forward cannot be compiled: {why.reason}", why.hint, why.where, why.code) from error


def to_bytes(program: ExportedProgram) -> bytes:
    """Return a program as the bytes of a file of torch.export."""
    buffer = io.BytesIO()
    with quiet():
        torch.export.save(program, buffer)
    return buffer.getvalue()


def from_bytes(data: bytes) -> ExportedProgram:
    """Read a program."""
    try:
        with quiet():
            return torch.export.load(io.BytesIO(data))
    except Exception as error:  # torch reports damage and other versions in many ways
        raise LoadError(
            f"the program in the package cannot be read by PyTorch {torch.__version__} ({type(error).__name__})",
            "export the module again by this version",
        ) from error


def weights_of(program: ExportedProgram) -> list[tuple[str, torch.Tensor]]:
    """Return weights, buffers and constants by their names."""
    tensors = dict(program.state_dict) | {k: v for k, v in program.constants.items() if isinstance(v, torch.Tensor)}
    return [(name, tensor.detach()) for name, tensor in tensors.items()]
