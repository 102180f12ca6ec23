"""Sizes in an ONNX graph: computed there by tensors, which a trace freezes and the compiler cannot follow; here by numbers."""

from __future__ import annotations

import importlib
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

#: A number, or the node that computes it.
Size = Any

#: What hands sizes on unchanged, as long as only their order matters.
_SAME = {"Cast", "Identity", "Squeeze", "Unsqueeze"}

#: ONNX's numbers of the dtypes int32 and int64; arithmetic with others rounds in another way.
_INTEGERS = (6, 7)

_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "Add": operator.add,
    "Sub": operator.sub,
    "Mul": operator.mul,
    "Div": operator.floordiv,
}

#: No tensor has more dimensions: longer ones are no sizes.
_LONGEST = 16


def reshape(x: torch.Tensor, sizes: Sequence[Size]) -> torch.Tensor:
    """Return ``x`` in another shape; 0 keeps a size."""
    return x.reshape([x.shape[place] if isinstance(size, int) and size == 0 else size for place, size in enumerate(sizes)])


def expand(x: torch.Tensor, sizes: Sequence[Size]) -> torch.Tensor:
    """Return ``x`` repeated to sizes; 1 keeps a size."""
    new = max(len(sizes) - x.dim(), 0)
    wanted = [1] * (x.dim() - len(sizes)) + list(sizes)
    return x.expand([-1 if place >= new and isinstance(size, int) and size == 1 else size for place, size in enumerate(wanted)])


def cut(
    x: torch.Tensor, starts: Sequence[Size], ends: Sequence[Size], axes: Sequence[int] | None = None, steps: Sequence[int] = ()
) -> torch.Tensor:
    """Return a section of ``x``."""
    parts = [slice(None)] * x.dim()
    for number, axis in enumerate(range(len(starts)) if axes is None else axes):
        parts[axis] = slice(starts[number], ends[number], steps[number] if steps else 1)
    return x[tuple(parts)]


def squeeze(x: torch.Tensor, axes: Sequence[int]) -> torch.Tensor:
    """Return ``x`` without some dimensions of size 1."""
    return x.squeeze(tuple(axes))


def unsqueeze(x: torch.Tensor, axes: Sequence[int]) -> torch.Tensor:
    """Return ``x`` with new dimensions; ``axes`` counts those of the result."""
    rank = x.dim() + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        x = x.unsqueeze(axis)
    return x


def tile(x: torch.Tensor, repeats: Sequence[Size]) -> torch.Tensor:
    """Return ``x`` several times in each dimension."""
    return x.repeat(list(repeats))


_BY_SIZES: dict[str, Callable[..., torch.Tensor]] = {
    "Reshape": reshape,
    "Expand": expand,
    "Slice": cut,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Tile": tile,
}


def fold(module: torch.fx.GraphModule, graph: Any, ranks: Mapping[str, int], nodes: dict[str, torch.fx.Node]) -> None:
    """Let numbers take the place of tensors wherever they are sizes.

    Parameters
    ----------
    module
        Converted from the graph.
    graph
        The graph of ONNX, whose nodes have names.
    ranks
        Numbers of dimensions of the values in it, as far as they are known.
    nodes
        What computes each of them in the module; changed with it.
    """
    known = {item.name: sizes for item in graph.initializer if (sizes := _numbers(item)) is not None}
    for item in graph.node:
        node = nodes[item.name]
        with module.graph.inserting_before(node):
            sizes = _sizes(module.graph, item, node, ranks, known)
            if sizes is not None:
                known[item.output[0]] = sizes
            made = _by_sizes(module, item, node, known)
        if made is not None:
            node.replace_all_uses_with(made)
            nodes[item.name] = made


def _numbers(tensor: Any) -> list[Size] | None:
    """Return the elements of a tensor that can be sizes."""
    values = importlib.import_module("onnx.numpy_helper").to_array(tensor) if len(tensor.dims) < 2 else None
    if values is None or values.dtype.kind != "i" or values.size > _LONGEST:
        return None
    return [int(value) for value in values.reshape(-1)]


def _attributes(item: Any) -> dict[str, Any]:
    read = importlib.import_module("onnx.helper").get_attribute_value
    return {attribute.name: read(attribute) for attribute in item.attribute}


def _sizes(
    graph: torch.fx.Graph, item: Any, node: torch.fx.Node, ranks: Mapping[str, int], known: Mapping[str, list[Size]]
) -> list[Size] | None:
    """Return the sizes that a node computes, or None when it computes something else."""
    kind, given = item.op_type, _attributes(item)
    if kind == "Constant":
        return _numbers(given["value"]) if "value" in given else None
    if kind == "Shape":
        rank = ranks.get(item.input[0])
        if rank is None:
            return None
        return [graph.call_method("size", (node.args[0], place)) for place in range(rank)[given.get("start", 0) : given.get("end")]]
    inputs = [known.get(name) for name in item.input]
    if not inputs or any(one is None for one in inputs):
        return None
    lists = [one for one in inputs if one is not None]
    if kind in _SAME:
        return lists[0] if given.get("to", _INTEGERS[0]) in _INTEGERS else None
    if kind == "Concat":
        return [size for one in lists for size in one]
    if kind == "Gather" and given.get("axis", 0) == 0 and all(isinstance(place, int) for place in lists[1]):
        return [lists[0][place] for place in lists[1]]
    if kind == "Slice" and all(isinstance(number, int) for one in lists[1:] for number in one) and len(lists[1]) == 1:
        return lists[0][lists[1][0] : lists[2][0] : lists[4][0] if len(lists) > 4 else 1]
    if kind == "Div" and any(isinstance(number, int) and number < 1 for one in lists for number in one):
        return None  # ONNX rounds towards zero
    if kind in _ARITHMETIC and len({len(one) for one in lists} - {1}) < 2:
        count = max(map(len, lists))
        first, second = (one if len(one) == count else one * count for one in lists)
        return [_computed(graph, _ARITHMETIC[kind], pair) for pair in zip(first, second, strict=True)]
    return None


def _computed(graph: torch.fx.Graph, function: Callable[[Any, Any], Any], pair: tuple[Size, Size]) -> Size:
    return function(*pair) if all(isinstance(one, int) for one in pair) else graph.call_function(function, pair)


def _by_sizes(module: torch.fx.GraphModule, item: Any, node: torch.fx.Node, known: Mapping[str, list[Size]]) -> Any:
    """Return a new node that does the same by numbers, or None when that is not possible."""
    lists = [known.get(name) for name in item.input[1:]]
    if item.op_type not in _BY_SIZES or not lists or any(one is None for one in lists):
        return None
    sure = [one for one in lists if one is not None]
    fixed = sure if item.op_type in ("Squeeze", "Unsqueeze") else sure[2:]  # axes and steps
    if any(not isinstance(number, int) for one in fixed for number in one):
        return None
    if item.op_type == "Slice" and len(sure) > 3 and min(sure[3]) < 1:
        return None
    return module.graph.call_function(_BY_SIZES[item.op_type], (node.args[0], *sure))
