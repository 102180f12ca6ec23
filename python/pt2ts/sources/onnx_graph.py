"""Graphs of ONNX: their arguments, the names of their nodes, and whether sizes in them depend on values."""

from __future__ import annotations

import re
from typing import Any

import torch

#: Inputs of operators that say what size or which part the result is, or all of them from a number on.
_STRUCTURE = {
    "ConstantOfShape": 0,
    "Expand": 1,
    "OneHot": 1,
    "Pad": 1,
    "Range": 0,
    "Reshape": 1,
    "Resize": 1,
    "Slice": 1,
    "Split": 1,
    "Squeeze": 1,
    "Tile": 1,
    "TopK": 1,
    "Unsqueeze": 1,
    "Upsample": 1,
}
_REDUCTIONS = re.compile(r"Reduce[A-Z]\w*|CumSum|Trilu|EyeLike")

#: Their results have as many elements as values of the input decide.
_COUNTING = {"NonZero", "NonMaxSuppression", "Unique", "Compress"}


def arguments(graph: Any) -> list[Any]:
    """Return the inputs of a graph that are no weights; old files list both."""
    weights = {item.name for item in graph.initializer}
    return [value for value in graph.input if value.name not in weights]


def name_nodes(graph: Any) -> None:
    """Give every node a name of its own that can be part of the name of a weight, close to the one it has."""
    empty = torch.fx.GraphModule(torch.nn.Module(), torch.fx.Graph())
    taken = {"initializers"}
    for node in graph.node:
        name = re.sub(r"\W+", "_", node.name, flags=re.ASCII).strip("_") or node.op_type.lower()
        name = f"{node.op_type.lower()}_{name}" if name[0].isdigit() else name
        unique, count = name, 0
        while unique in taken or hasattr(empty, unique):
            count += 1
            unique = f"{name}_{count}"
        taken.add(unique)
        node.name = unique


def value_dependent(graph: Any) -> Any:
    """Return the first node whose result has a size or a place that values of the inputs decide, or None.

    Sizes of the inputs are no values: what is made of them alone is frozen by a trace only where other sizes show it.
    """
    data = {value.name for value in arguments(graph)}
    for node in graph.node:
        if any(item in data for item in node.input):
            start = 1 if _REDUCTIONS.fullmatch(node.op_type) else _STRUCTURE.get(node.op_type, len(node.input))
            if node.op_type in _COUNTING or any(item in data for item in node.input[start:]):
                return node
            if node.op_type not in ("Shape", "Size"):
                data.update(node.output)
    return None
