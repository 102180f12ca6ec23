"""ONNX files as PyTorch modules: onnx2torch converts them, and the reference evaluator of ONNX says whether it did so rightly."""

from __future__ import annotations

import importlib
import keyword
import operator
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..contract.declare import Declaration
from ..contract.dtypes import DTYPES, name_of
from ..contract.samples import BATCH, make
from ..errors import LoadError, UnexportableError
from ..explain import Explanation
from .onnx_graph import arguments, name_nodes, value_dependent
from .onnx_sizes import fold

SUFFIX = ".onnx"

#: Why a converted module is traced. A graph has one path, so that a trace can freeze sizes at most.
WHY_TRACED = Explanation("an ONNX graph is traced", "export the module that the ONNX file was made from", "", "")

_ORIGINAL = "export the module that the file was made from, if you have it; its weights may come from anywhere"

#: The last version of the operators for which the converter has all the common ones.
_OPSET = 20

#: How far the converted module may be from the reference, in parts of the largest result.
_TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-4}

_CONTRACT = "ftorch_onnx"


@dataclass(frozen=True)
class Contract:
    """What an ONNX graph says about its inputs and outputs."""

    inputs: tuple[Declaration, ...]
    outputs: tuple[Declaration, ...]


def contract_of(module: Any) -> Contract | None:
    """Return what the graph says that a module was made from; None for modules of other origin."""
    meta = getattr(module, "meta", None) if isinstance(module, torch.fx.GraphModule) else None
    found = meta.get(_CONTRACT) if isinstance(meta, dict) else None
    return found if isinstance(found, Contract) else None


def declared_inputs(module: Any, dtype: str | None, *, open_shapes: bool) -> list[Declaration] | None:
    """Return the inputs that an ONNX graph declares.

    Parameters
    ----------
    module
        Any module.
    dtype
        What all floating-point inputs are converted to, or None.
    open_shapes
        Leave the shapes to the example.
    """
    contract = contract_of(module)
    if contract is None:
        return None
    made = []
    for item in contract.inputs:
        wanted = dtype if dtype in ("float32", "float64") and DTYPES[str(item.dtype)].is_floating_point else item.dtype
        made.append(replace(item, dtype=wanted, shape=None if open_shapes else item.shape))
    return made


def declared_outputs(module: Any) -> list[Declaration] | None:
    """Return the outputs that an ONNX graph declares: their names."""
    contract = contract_of(module)
    return None if contract is None else list(contract.outputs)


def load_onnx(file: Path) -> torch.nn.Module:
    """Return the network in an ONNX file.

    Raises
    ------
    LoadError
        The file is damaged or too new, or what reads it is not installed.
    UnexportableError
        The converter lacks an operator, or does not compute what the graph says.
    """
    onnx = _import("onnx", file)
    model = _read(onnx, file)
    converter = _import("onnx2torch", file)
    _refuse_value_dependent(model, file)
    name_nodes(model.graph)
    contract = Contract(tuple(_inputs(onnx, model.graph, file)), tuple(Declaration(name) for name in _output_names(model.graph)))
    module, graph = _converted(converter, model, file)
    _finish(module, graph, _ranks(onnx, model), contract)
    _compare(importlib.import_module("onnx.reference"), model, module, contract, file)
    return module


def _import(name: str, file: Path) -> Any:
    try:
        if name == "onnx2torch":
            _import_torchvision(file)
        return importlib.import_module(name)
    except ImportError as error:
        missing = f"{file} is an ONNX file, and {error.name or name} is not installed here"
        raise LoadError(missing, "pip install 'ftorch[onnx]'") from error


def _import_torchvision(file: Path) -> None:
    """Import what onnx2torch imports. A build for another PyTorch fails in many ways, but not by being absent."""
    try:
        importlib.import_module("torchvision")
    except ModuleNotFoundError:
        raise
    except Exception as error:
        raise LoadError(
            f"{file} is converted by onnx2torch, which imports torchvision, and the torchvision here does not belong to this "
            f"PyTorch {torch.__version__} ({str(error).splitlines()[0]})",
            "install torch and torchvision from one index; PyTorch's own has both for CPUs",
        ) from error


def _read(onnx: Any, file: Path) -> Any:
    try:
        model = onnx.load(str(file))
    except Exception as error:  # protobuf and missing files beside this one
        raise LoadError(f"{file} is damaged, or no ONNX file ({_first_line(error)})", "copy or write it again") from error
    newest = onnx.defs.onnx_opset_version()
    opset = max((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), default=0)
    if opset > newest or model.ir_version > onnx.IR_VERSION:
        raise LoadError(
            f"{file} is too new for onnx {onnx.__version__}: opset {opset}, IR version {model.ir_version}, and this one knows "
            f"opset {newest}, IR version {onnx.IR_VERSION}",
            "pip install --upgrade onnx, or write the file for an older opset",
        )
    try:
        onnx.checker.check_model(str(file))  # by its name: larger models than 2 GB cannot be checked otherwise
    except Exception as error:  # the checker's own error is none of Python's
        raise LoadError(f"{file} is no valid ONNX model: {_first_line(error)}", "write it again") from error
    return model


def _refuse_value_dependent(model: Any, file: Path) -> None:
    node = value_dependent(model.graph)
    if node is not None:
        raise UnexportableError(
            f"in {file} the sizes that the operator {node.op_type} gives depend on values of the input: a trace would freeze them",
            _ORIGINAL,
        )


def _inputs(onnx: Any, graph: Any, file: Path) -> Iterator[Declaration]:
    """Yield the inputs; a first dimension without a fixed size is the batch."""
    values = arguments(graph)
    firsts = [value.type.tensor_type.shape.dim[0].dim_param for value in values if value.type.tensor_type.shape.dim]
    batch = next((name for name in firsts if name), "")
    for value, name in zip(values, _unique([value.name for value in values]), strict=True):
        tensor = value.type.tensor_type
        try:
            dtype = name_of(torch.from_numpy(np.empty(0, onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type))))
        except (KeyError, TypeError) as error:
            raise UnexportableError(f"the input '{value.name}' of {file} is no tensor that PyTorch has", _ORIGINAL) from error
        if not tensor.HasField("shape"):
            yield Declaration(name, None, dtype)
            continue
        shape: list[int | str] = []
        for place, size in enumerate(tensor.shape.dim):
            if size.HasField("dim_value") and size.dim_value > 0:
                shape.append(size.dim_value)
            elif (size.dim_param == batch and batch) or (place == 0 and not size.dim_param):
                shape.append(BATCH)
            else:
                shape.append(_identifier(size.dim_param) if size.dim_param else f"{name}_{place + 1}")
        yield Declaration(name, tuple(shape), dtype)


def _output_names(graph: Any) -> list[str]:
    return _unique([value.name for value in graph.output])


def _unique(names: list[str]) -> list[str]:
    """Return names that can stand in a contract and are arguments of a function."""
    made: list[str] = []
    for name in names:
        new = _identifier(name)
        while new in made:
            new += "_"
        made.append(new)
    return made


def _identifier(name: str) -> str:
    """Return a name that is an identifier; those that the code of a converted module uses itself get an underscore."""
    new = re.sub(r"\W", "_", name, flags=re.ASCII).strip("_") or "x"
    new = f"x{new}" if new[0].isdigit() else new
    return f"{new}_" if new in {"self", "getattr", "torch", "operator"} or keyword.iskeyword(new) else new


def _converted(converter: Any, model: Any, file: Path) -> tuple[torch.fx.GraphModule, Any]:
    """Return the module and the graph that it was made of."""
    try:
        try:
            made, used = converter.convert(model), model
        except NotImplementedError:
            # New versions of an operator mostly allow more dtypes; the graph can do without.
            if max(item.version for item in model.opset_import if item.domain in ("", "ai.onnx")) <= _OPSET:
                raise
            used = _lowered(model)
            made = converter.convert(used)
    except NotImplementedError as error:
        raise UnexportableError(f"{file} cannot be converted: {_lacking(error)}", _ORIGINAL) from error
    except Exception as error:  # the converter runs into what it does not know in many ways
        raise UnexportableError(
            f"{file} cannot be converted by onnx2torch: {type(error).__name__}: {_first_line(error)}", _ORIGINAL
        ) from error
    assert isinstance(made, torch.fx.GraphModule)  # noqa: S101 - that is what it makes
    return made.eval(), used.graph


def _lowered(model: Any) -> Any:
    try:
        lowered = importlib.import_module("onnx.version_converter").convert_version(model, _OPSET)
    except Exception as error:  # it reports in many ways what has no older version
        raise NotImplementedError(f"no form of it for opset {_OPSET}, the last of the converter: {_first_line(error)}") from error
    name_nodes(lowered.graph)
    return lowered


def _lacking(error: Exception) -> str:
    text = _first_line(error)
    found = re.search(r"domain='(.*?)', operation_type='(.*?)', version=(\d+)", text)
    if found is None:
        return text
    domain = f" of {found[1]}" if found[1] else ""
    return f"onnx2torch does not support the operator {found[2]}{domain} (version {found[3]})"


def _finish(module: torch.fx.GraphModule, graph: Any, ranks: Mapping[str, int], contract: Contract) -> None:
    """Give a converted module the names and the outputs of the graph.

    The converter returns every output of a node of which one is wanted, and those of one node in that node's order.
    """
    inputs = iter(contract.inputs)
    nodes: dict[str, torch.fx.Node] = {}
    for node in module.graph.nodes:
        if node.op == "placeholder":
            node.target = next(inputs).name
        elif node.op == "call_module":
            nodes[str(node.target)] = node
    fold(module, graph, ranks, nodes)
    makers = {value: (node, place) for node in graph.node for place, value in enumerate(node.output)}
    (end,) = (node for node in module.graph.nodes if node.op == "output")
    results = []
    with module.graph.inserting_before(end):
        for value in graph.output:
            maker, place = makers[value.name]
            made = nodes[maker.name]
            results.append(module.graph.call_function(operator.getitem, (made, place)) if len(maker.output) > 1 else made)
    end.args = (results[0] if len(results) == 1 else tuple(results),)
    module.graph.eliminate_dead_code()
    module.delete_all_unused_submodules()
    if hasattr(module, "initializers"):
        used = {str(node.target).rpartition(".")[2] for node in module.graph.nodes if node.op == "get_attr"}
        holder = torch.nn.Module()  # the converter's own one is a network that cannot be run
        for name, value in module.get_submodule("initializers").named_buffers():
            if name in used:
                holder.register_buffer(name, value)
        module.add_module("initializers", holder)
    module.graph.lint()
    module.recompile()
    module.meta[_CONTRACT] = contract


def _ranks(onnx: Any, model: Any) -> dict[str, int]:
    """Return how many dimensions the values of a graph have, as far as ONNX can tell."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    values = [value for part in (graph.input, graph.value_info, graph.output) for value in part]
    return {value.name: len(value.type.tensor_type.shape.dim) for value in values if value.type.tensor_type.HasField("shape")}


def _compare(reference: Any, model: Any, module: torch.nn.Module, contract: Contract, file: Path) -> None:
    """Compare with the reference evaluator, on made-up inputs: that a conversion raises nothing does not make it right."""
    if any(item.shape is None for item in contract.inputs):
        return
    inputs = make(contract.inputs, {})
    names = [value.name for value in arguments(model.graph)]
    try:
        want = reference.ReferenceEvaluator(model).run(None, dict(zip(names, (x.numpy() for x in inputs), strict=True)))
    except Exception as error:  # noqa: BLE001 - it is numpy code for every operator
        warnings.warn(f"{file} could not be compared with ONNX's reference ({_first_line(error)})", stacklevel=3)
        return
    try:
        with torch.no_grad():
            made = module(*inputs)
    except Exception as error:
        raise UnexportableError(f"{file} was converted to a module that fails: {_first_line(error)}", _ORIGINAL) from error
    have = made if isinstance(made, tuple) else (made,)
    for item, one, other in zip(contract.outputs, have, want, strict=True):
        if not _agree(one, torch.from_numpy(np.array(other))):
            raise UnexportableError(
                f"onnx2torch's module for {file} does not compute the output '{item.name}' of ONNX's reference", _ORIGINAL
            )


def _agree(one: torch.Tensor, other: torch.Tensor) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if not one.is_floating_point():
        return bool(torch.equal(one, other))
    scale = float(other.double().nan_to_num(0, 0, 0).abs().max()) if other.numel() else 0.0
    tolerance = _TOLERANCE.get(one.dtype, 1e-2)
    return bool(torch.allclose(one.double(), other.double(), rtol=tolerance, atol=tolerance * scale, equal_nan=True))


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
