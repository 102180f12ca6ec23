"""The eager Python contestant of compiled packages, in a process of its own.

Usage: ``python compiled_eager.py NETWORK BATCH BLOCK_US OUTPUT``; it speaks as ``bench_eager.py`` does.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bench_eager import serve
from compiled_networks import COMPILED


def main() -> None:
    """Time a block for every line of standard input."""
    name, batch, block_us, output = sys.argv[1:]
    network = COMPILED[name]
    serve(network.module(), network.samples(int(batch)), float(block_us), Path(output))


if __name__ == "__main__":
    main()
