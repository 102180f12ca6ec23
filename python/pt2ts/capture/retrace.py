"""TorchScript from a program of torch.export, for any size that the program admits."""

from __future__ import annotations

import copy
import io
from typing import Any

import torch
from torch.fx import GraphModule, Node

from ..pytorch import torchscript
from ..pytorch.operators import is_operator
from ..pytorch.quiet import quiet
from .forms import Forms


def script_of(forms: Forms) -> bytes | None:
    """Return the model as a TorchScript file made from its program, or None where that cannot be recorded.

    Whether it is right at other sizes than those of the examples has to be tried.
    """
    buffer = io.BytesIO()
    try:
        with quiet():
            module = copy.deepcopy(forms.module)
            for part in module.modules():
                if isinstance(part, GraphModule):
                    _trace_sizes(part)
            torchscript.save(torchscript.trace(module, forms.arguments({})), buffer)
    except Exception:  # noqa: BLE001 - torch raises many kinds; TorchScript is one candidate of several
        return None
    return buffer.getvalue()


def _trace_sizes(module: GraphModule) -> None:
    """Write operations on sizes in Python's form, in which tracing records them; in the program's form it cannot."""
    for node in list(module.graph.nodes):
        if node.op != "call_function" or not is_operator(node.target):
            continue
        if node.target is torch.ops.aten.sym_size.int:
            _replace(node, "call_method", "size")
        elif any(_is_size(used) for used in node.all_input_nodes):
            name = node.target._schema.name.removeprefix("aten::").removeprefix("_unsafe_")
            if isinstance(node.args[0] if node.args else None, Node) and hasattr(torch.Tensor, name):
                _replace(node, "call_method", name)
            elif hasattr(torch, name):
                _replace(node, "call_function", getattr(torch, name))
    module.recompile()


def _replace(node: Node, kind: str, target: Any) -> None:
    with node.graph.inserting_before(node):
        other = node.graph.create_node(kind, target, node.args, node.kwargs)
    other.meta = node.meta
    node.replace_all_uses_with(other)
    node.graph.erase_node(node)


def _is_size(node: Node) -> bool:
    return isinstance(node.meta.get("val"), torch.SymInt)
