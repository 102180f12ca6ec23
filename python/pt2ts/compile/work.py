"""How much a program computes, which decides whether several threads are worth their start."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.export import ExportedProgram

#: Loops over no more elements than this run on one thread, as in PyTorch itself. In compiled code every loop would start all
#: threads, and where processes share the cores (MPI ranks), one such start can take longer than the whole network.
SERIAL = 32768


def largest_loop(program: ExportedProgram) -> int:
    """Return the number of elements of the largest tensor that a program makes, at the sizes of its example."""
    values = (node.meta.get("val") for node in program.graph.nodes if node.op == "call_function")
    tensors = [value for value in values if isinstance(value, torch.Tensor)]
    return max((math.prod(_number(size) for size in tensor.shape) for tensor in tensors), default=0)


def serial_limit(program: ExportedProgram, batch: int) -> int:
    """Return the largest batch up to which all loops are small, from a program whose example has the size ``batch``."""
    return SERIAL * batch // max(1, largest_loop(program))


def _number(size: Any) -> int:
    if isinstance(size, int):
        return size
    hint = size.node.hint
    return 1 if hint is None else int(hint)
