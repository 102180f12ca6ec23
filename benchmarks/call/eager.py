"""The eager Python contestant, in a process of its own. Usage: ``python eager.py NETWORK BATCH BLOCK_US OUTPUT``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.shared.eager import serve
from benchmarks.shared.networks import NETWORKS, sample


def main() -> None:
    """Time a block for every line of standard input."""
    name, batch, block_us, output = sys.argv[1:]
    network = NETWORKS[name]
    serve(network.module(name), [sample(network, int(batch))], float(block_us), Path(output))


if __name__ == "__main__":
    main()
