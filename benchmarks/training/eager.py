"""Eager Python's training steps: a process of its own that times a block of steps for every line it reads.

Usage: ``python eager.py NETWORK BATCH OPTIMIZER DATA FIRST_STEPS BLOCK_US``; answers with the loss after the first steps,
then with nanoseconds per step.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.shared.networks import NETWORKS


def main() -> None:
    """Time a block for every line of standard input."""
    name, batch_text, optimizer_name, data, first_steps, block_us = sys.argv[1:]
    network, batch = NETWORKS[name], int(batch_text)
    module = network.module(name).train()
    values = torch.from_numpy(np.fromfile(data, np.float32))
    x, y = values[: batch * network.n_in].view(batch, -1), values[batch * network.n_in :].view(batch, -1)
    if optimizer_name == "adam":
        optimizer: torch.optim.Optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    else:
        optimizer = torch.optim.SGD(module.parameters(), lr=1e-3, momentum=0.9)

    def train(steps: int) -> float:
        for _ in range(steps):
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(module(x), y)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return loss.item()

    def timed(steps: int) -> float:
        start = time.perf_counter_ns()
        train(steps)
        return (time.perf_counter_ns() - start) / steps

    print(train(int(first_steps)), flush=True)
    steps = max(1, int(1000 * float(block_us) / timed(5)))
    for _ in sys.stdin:
        if steps > 1:
            train(1)
        print(timed(steps), flush=True)


if __name__ == "__main__":
    main()
