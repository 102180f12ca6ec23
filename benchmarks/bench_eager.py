"""The eager Python contestant: a process of its own that times a block of calls for every line it reads.

Usage: ``python bench_eager.py NETWORK BATCH BLOCK_US OUTPUT``; answers with nanoseconds per call, and writes what it computed
at the end of input.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch

from bench_networks import NETWORKS, sample


def main() -> None:
    """Time a block for every line of standard input."""
    name, batch, block_us, output = sys.argv[1:]
    network = NETWORKS[name]
    module = network.module(name)
    x = sample(network, int(batch))

    def timed(calls: int) -> float:
        start = time.perf_counter_ns()
        for _ in range(calls):
            module(x)
        return (time.perf_counter_ns() - start) / calls

    with torch.inference_mode():
        timed(4)
        calls = max(1, int(1000 * float(block_us) / timed(3)))
        for _ in sys.stdin:
            if calls > 1:
                timed(1)
            print(timed(calls), flush=True)
        module(x).numpy().tofile(Path(output))


if __name__ == "__main__":
    main()
