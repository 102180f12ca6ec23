"""From a module to a program of torch.export: flat inputs and outputs, sizes that may vary, strides as the caller has them."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.export import Dim, ExportedProgram

from ..contract.spec import Symbol, TensorSpec
from ..contract.structure import flatten
from ..errors import LoadError, UnexportableError, UnreadableError
from ..pytorch import torchscript
from ..pytorch.operators import is_autocast, is_operator
from ..pytorch.quiet import quiet
from .bfloat16 import narrow
from .explain_export import DEFAULT_HINT, explain_export
from .free_counts import FreeCounts
from .module_copy import replace_forward
from .operators import check_program

#: The name under which the module's own forward can be called.
_INNER = "forward_with_structure"


def _lay_out_weights(module: torch.nn.Module) -> None:
    """Put weights that lie otherwise (transposed, channels last) in the order in which the file has them.

    Compiled code reads a weight with the strides that it had when it was compiled.
    """
    for value in (*module.parameters(), *module.buffers()):
        if value.layout is torch.strided and not value.is_contiguous():
            value.data = value.data.contiguous()


def flat_module(module: torch.nn.Module, precision: str | None = None) -> torch.nn.Module:
    """Make ``module`` return a tuple of tensors, in the order of the contract, and compute in ``precision``.

    It is changed in place, so that its weights keep their names.
    """
    if isinstance(module, torchscript.ScriptModule):
        raise UnexportableError(
            "the module is TorchScript already, which PyTorch's compiler cannot read",
            "export the Python module that it was made from; or write a TorchScript file",
        )
    _lay_out_weights(module)
    if precision == "bfloat16":
        module.forward = narrow(module)
        return module
    replace_forward(module, _flat_results, _INNER)
    return module


def _flat_results(self: torch.nn.Module, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return tuple(tensor for _, tensor in flatten(getattr(self, _INNER)(*inputs)))


def export_program(
    module: torch.nn.Module,
    inputs: Sequence[TensorSpec],
    examples: Sequence[torch.Tensor],
    symbols: Mapping[str, Symbol],
    *,
    flat: bool = False,
    stateful: bool = False,
) -> ExportedProgram:
    """Return the program of a flat module.

    Parameters
    ----------
    module
        Made by `flat_module`, or the module of another program.
    inputs
        Their specs.
    examples
        Inputs in their memory order.
    symbols
        Bounds of those symbols whose size may vary; the others get the size of the examples.
    flat
        Whether ``forward`` names its arguments one by one (the module of a program) or takes them as ``*inputs``.
    stateful
        Whether it may change its buffers; the code that is made of it writes into them.

    Raises
    ------
    UnexportableError
        With the reason in plain words and the line of the user's code.
    """
    free = {name: bounds for name, bounds in symbols.items() if bounds.min != bounds.max}
    dims = {name: _dimension(name, bounds) for name, bounds in free.items()}
    shapes = tuple({at: dims[s] for at, s in enumerate(spec.shape) if isinstance(s, str) and s in dims} for spec in inputs)
    shapes_of_arguments = None if not shapes else shapes if flat else (shapes,)
    try:
        with quiet(), torch.no_grad(), FreeCounts():
            warnings.filterwarnings("error", message=".*was assigned during export")  # what it forgets to carry out
            program = torch.export.export(module, tuple(examples), dynamic_shapes=shapes_of_arguments, strict=False)
            core = program if stateful else program.run_decompositions({})
    except Exception as error:  # torch.export raises many kinds, and so does the user's code under it
        why = explain_export(error, recurrent=any(isinstance(part, torch.nn.RNNBase) for part in module.modules()))
        kind = UnreadableError if why.hint == DEFAULT_HINT else UnexportableError
        raise kind(f"forward cannot be compiled: {why.reason}", why.hint, why.where, why.code) from error
    changed = [] if stateful else list(core.graph_signature.buffers_to_mutate.values())
    if changed:
        raise UnexportableError(
            f"forward cannot be compiled: it changes the buffer '{changed[0]}' of the module",
            "a compiled model remembers nothing between calls: pass what must be remembered in and out as tensors",
        )
    check_program(core)
    # What is inside of autocast would be a program within the program.
    return core if any(is_autocast(node.target) for node in program.graph.nodes) else program


def _dimension(name: str, bounds: Symbol) -> Any:
    """Return the dimension of a symbol: so many times another one where its sizes are multiples."""
    if bounds.multiple == 1:
        return Dim(name, min=bounds.min, max=bounds.max)
    times = bounds.multiple
    return times * Dim(f"{name}_by_{times}", min=bounds.min // times, max=None if bounds.max is None else bounds.max // times)


def to_bytes(program: ExportedProgram) -> bytes:
    """Return a program as the bytes of a file of torch.export; its weights lie elsewhere in the package."""
    buffer = io.BytesIO()
    tables = (program.state_dict, program.constants)
    kept = [dict(table) for table in tables]
    try:
        for table in tables:
            table.update({name: _hollow(value) for name, value in table.items() if isinstance(value, torch.Tensor)})
        with quiet():
            torch.export.save(program, buffer)
    finally:
        for table, values in zip(tables, kept, strict=True):
            table.update(values)
    return buffer.getvalue()


def _hollow(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor of the same kind without values."""
    hollow = tensor.detach().to("meta")
    return torch.nn.Parameter(hollow, tensor.requires_grad) if isinstance(tensor, torch.nn.Parameter) else hollow


def from_bytes(data: bytes, weights: Mapping[str, torch.Tensor]) -> ExportedProgram:
    """Read a program and give it its weights."""
    try:
        with quiet():
            program = torch.export.load(io.BytesIO(data))
        for table in (program.state_dict, program.constants):
            table.update({name: _filled(value, weights[name]) for name, value in table.items() if name in weights})
        return program
    except Exception as error:  # torch reports damage and other versions in many ways
        raise LoadError(
            f"the program in the package cannot be read by PyTorch {torch.__version__} ({type(error).__name__})",
            "export the module again by this version",
        ) from error


def _filled(hollow: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    return torch.nn.Parameter(value, hollow.requires_grad) if isinstance(hollow, torch.nn.Parameter) else value


#: Operations that read the shape of their first argument and not its values.
_SHAPE_ONLY = frozenset((
    "ones_like", "zeros_like", "full_like", "empty_like", "new_ones", "new_zeros", "new_full", "new_empty", "sym_size",
))  # fmt: skip


def used_weights(program: ExportedProgram) -> set[str]:
    """Return the names of the weights, buffers and constants on whose values an answer depends."""
    signature = program.graph_signature
    names = {**signature.inputs_to_parameters, **signature.inputs_to_buffers, **signature.inputs_to_lifted_tensor_constants}
    left, seen = [node for node in program.graph.nodes if node.op == "output"], set()
    while left:
        node = left.pop()
        if node in seen:
            continue
        seen.add(node)
        shape_only = is_operator(node.target) and node.target._opname in _SHAPE_ONLY
        left += [used for used in node.all_input_nodes if not (shape_only and used is node.args[0])]
    # A tensor of two names has one of them in the program.
    found = {names[node.name] for node in seen if node.name in names}
    return found | {name for name, _ in weights_of(program) if name not in names.values()}


def weights_of(program: ExportedProgram) -> list[tuple[str, torch.Tensor]]:
    """Return weights, buffers and constants by their names."""
    tensors = dict(program.state_dict) | {k: v for k, v in program.constants.items() if isinstance(v, torch.Tensor)}
    return [(name, tensor.detach()) for name, tensor in tensors.items()]
