"""The eager Python contestant of compiled packages, in a process of its own.

Usage: ``python eager.py NETWORK BATCH BLOCK_US OUTPUT``; it speaks as that of ``call`` does.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.compiled.networks import COMPILED
from benchmarks.shared.eager import serve


def main() -> None:
    """Time a block for every line of standard input."""
    name, batch, block_us, output = sys.argv[1:]
    network = COMPILED[name]
    serve(network.module(), network.samples(int(batch)), float(block_us), Path(output))


if __name__ == "__main__":
    main()
