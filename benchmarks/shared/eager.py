"""Eager Python as a contestant: a process of its own that times a block of calls for every line it reads.

It answers with nanoseconds per call, and writes what it computed at the end of input.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn


def serve(module: nn.Module, inputs: Sequence[Tensor], block_us: float, output: Path) -> None:
    """Time a block of calls for every line of standard input; write the result at its end."""

    def timed(calls: int) -> float:
        start = time.perf_counter_ns()
        for _ in range(calls):
            module(*inputs)
        return (time.perf_counter_ns() - start) / calls

    with torch.inference_mode():
        timed(4)
        calls = max(1, int(1000 * block_us / timed(3)))
        for _ in sys.stdin:
            if calls > 1:
                timed(1)
            print(timed(calls), flush=True)
        module(*inputs).numpy().tofile(output)
