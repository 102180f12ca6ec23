"""Linear layers of one row, written so that the compiler fuses them instead of calling the matrix library.

A call of the library for a matrix of 128 x 128 and one vector costs as much as the arithmetic. Written as multiply and sum, the
layer becomes one loop together with its bias and activation. The weights stay as they are: transposing them, so that the inner
loop runs over outputs, needs a second copy of them and was a third slower with the code that AOTInductor makes of it (a network
124-128x4-112).
"""

from __future__ import annotations

import torch
from torch.fx import GraphModule, Node

_LINEAR = torch.ops.aten.linear.default

#: Above this many weights in a layer the memory's speed decides, and the matrix library is as good.
LARGEST = 1 << 18


def fuse_linear(module: GraphModule) -> int:
    """Rewrite the linear layers of a program's module in place; return how many there were."""
    changed = [node for node in module.graph.nodes if node.target is _LINEAR and _is_small(node)]
    for node in changed:
        _rewrite(module, node)
    module.recompile()
    return len(changed)


def can_fuse(module: GraphModule) -> bool:
    """Return whether there is a layer to rewrite."""
    return any(node.target is _LINEAR and _is_small(node) for node in module.graph.nodes)


def _is_small(node: Node) -> bool:
    given, weight = node.args[0], node.args[1]
    if not isinstance(given, Node) or not isinstance(weight, Node):
        return False
    value, result = given.meta.get("val"), node.meta.get("val")
    if value is None or result is None or not all(isinstance(size, int) for size in result.shape):
        return False
    rows = result.numel() // max(1, result.shape[-1])
    return bool(rows == 1 and value.shape[-1] * result.shape[-1] <= LARGEST)


def _rewrite(module: GraphModule, node: Node) -> None:
    given, weight = node.args[0], node.args[1]
    bias = node.args[2] if len(node.args) > 2 else None
    ops = torch.ops.aten
    with module.graph.inserting_before(node):
        call = module.graph.call_function
        product = call(ops.mul.Tensor, (call(ops.unsqueeze.default, (given, -2)), weight))
        result = call(ops.sum.dim_IntList, (product, [-1]))
        if bias is not None:
            result = call(ops.add.Tensor, (result, bias))
    node.replace_all_uses_with(result)
    module.graph.erase_node(node)
