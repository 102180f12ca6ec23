"""How much a program computes, which decides whether several threads are worth their start."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.export import ExportedProgram

from ..pytorch.symbols import hint

#: Loops over no more elements than this run on one thread, as in PyTorch itself. In compiled code every loop would start all
#: threads, and where processes share the cores (MPI ranks), one such start can take longer than the whole network.
SERIAL = 32768


#: Batches whose largest tensor has more elements than this get code of their own only where the user names them: they are checked
#: in Python, in double precision too, and images by the thousand take more memory than a machine has.
_MOST_ELEMENTS = 1 << 27


def largest_loop(program: ExportedProgram) -> int:
    """Return the number of elements of the largest tensor that a program makes, at the sizes of its example."""
    values = (node.meta.get("val") for node in program.graph.nodes if node.op == "call_function")
    tensors = [value for value in values if isinstance(value, torch.Tensor)]
    return max((math.prod(_number(size) for size in tensor.shape) for tensor in tensors), default=0)


def serial_limit(program: ExportedProgram, batch: int) -> int:
    """Return the largest batch up to which all loops are small, from a program whose example has the size ``batch``."""
    return SERIAL * batch // max(1, largest_loop(program))


def usual_sizes(sizes: Sequence[int], program: ExportedProgram, batch: int) -> tuple[int, ...]:
    """Return those of the usual batch sizes that can be checked anywhere; ``batch`` is the one of the program's example."""
    each = largest_loop(program) / batch
    return tuple(size for size in sizes if size * each <= _MOST_ELEMENTS or size == min(sizes))


def _number(size: Any) -> int:
    known = hint(size)
    return 1 if known is None else known
