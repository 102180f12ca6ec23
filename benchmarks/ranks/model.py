"""What ranks do together on 10 to 10,000 ranks, on paper: no measurement, but arithmetic with the assumptions that it prints.

``--record`` writes table and assumptions into docs/parallel.md. Loads that differ between ranks are drawn at random and averaged;
all else is the usual model of messages, ``latency + bytes / bandwidth`` for each.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.shared.report import record, table

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "parallel.md"


@dataclass(frozen=True)
class Machine:
    """What the arithmetic assumes."""

    ranks_per_node: int = 64
    devices_per_node: int = 4
    latency: float = 2e-6  # seconds of a message between nodes
    bandwidth: float = 12.5e9  # bytes a second of a node's network
    inside: float = 0.5e-6  # latency within a node
    memory: float = 5e9  # bytes a second that a message within a node moves at
    file_system: float = 50e9  # bytes a second of all its servers together
    one_reader: float = 2e9  # of one reading node
    opens: float = 20_000  # files that are opened in a second


@dataclass(frozen=True)
class Work:
    """What is sent and computed."""

    model: float = 100e6  # bytes of a package, of which nearly all are weights
    columns: int = 1000  # of a rank
    column_bytes: float = 4 * (124 + 112)  # there and back
    column_seconds: float = 1.6e-6  # on one core
    device_gain: float = 100.0  # how many cores a device is worth
    weights: float = 4 * 2.1e6  # bytes of gradients
    step: float = 20e-3  # seconds of a training step
    spread: float = 0.03  # of the time that ranks take, one standard deviation


def tree(ranks: int, machine: Machine) -> float:
    """Return the seconds of a few bytes that all have to agree on: up and down a tree, in nodes and between them."""
    inside = min(ranks, machine.ranks_per_node)
    nodes = max(1, ranks / machine.ranks_per_node)
    return 2 * (math.log2(inside) * machine.inside + math.ceil(math.log2(nodes)) * machine.latency if ranks > 1 else 0)


def loading(ranks: int, machine: Machine, work: Work) -> tuple[float, float]:
    """Return the seconds in which all have the model: read once and handed on, and read by each."""
    nodes = math.ceil(ranks / machine.ranks_per_node)
    pieces = math.ceil(work.model / 64e6)
    hops = math.ceil(math.log2(nodes)) if nodes > 1 else 0
    # Pieces follow each other down the tree.
    once = work.model / machine.one_reader + (hops + pieces - 1) * (work.model / pieces / machine.bandwidth) * (nodes > 1)
    alone = ranks / machine.opens + max(ranks * work.model / machine.file_system, work.model / machine.one_reader)
    return once, alone


def pool(ranks: int, machine: Machine, work: Work) -> tuple[float, float]:
    """Return the seconds of a call for all columns of a node on its devices, and on each rank by itself."""
    group = max(1, min(ranks, machine.ranks_per_node) // machine.devices_per_node)
    columns = group * work.columns
    sent = (group - 1) * (2 * machine.inside + work.columns * work.column_bytes / machine.memory)
    agreed = math.ceil(math.log2(max(2, group))) * machine.inside + tree(ranks, machine)
    return sent + agreed + columns * work.column_seconds / work.device_gain, work.columns * work.column_seconds


def averaging(ranks: int, machine: Machine, work: Work) -> float:
    """Return the seconds of an average: halves are added up and handed on, in the node and between nodes."""
    inside = min(ranks, machine.ranks_per_node)
    nodes = max(1.0, ranks / machine.ranks_per_node)
    node = 2 * (inside - 1) / inside * work.weights / machine.memory if inside > 1 else 0.0
    between = 2 * (nodes - 1) / nodes * work.weights / machine.bandwidth if nodes > 1 else 0.0
    return node + between + 4 * tree(ranks, machine)


def slowest(ranks: int, work: Work, random: np.random.Generator) -> float:
    """Return the mean of how much longer than usual the slowest of all ranks takes: drawn, not computed."""
    draws = max(20, 200_000 // ranks)
    return float(random.normal(1, work.spread, (draws, ranks)).max(1).mean())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help=f"write it into {PAGE.relative_to(ROOT)}")
    options = parser.parse_args()
    machine, work, random = Machine(), Work(), np.random.default_rng(1)
    rows = []
    for ranks in (10, 64, 100, 1000, 10_000):
        once, alone = loading(ranks, machine, work)
        together, itself = pool(ranks, machine, work)
        average, late = averaging(ranks, machine, work), slowest(ranks, work, random)
        nodes = math.ceil(ranks / machine.ranks_per_node)
        rows.append([
            f"{ranks}", f"{once:.2f}", f"{alone:.2f}", f"{nodes * work.model / 1e9:.1f}", f"{ranks * work.model / 1e9:.1f}",
            f"{1e3 * together:.2f}", f"{1e3 * itself:.2f}", f"{1e3 * average:.2f}", f"{late:.3f}",
            f"{100 * work.step / (work.step * late + average):.0f}",
        ])  # fmt: skip
    head = [
        "ranks", "load, s", "each reads, s", "memory, GB", "each its own, GB", "pool, ms", "local, ms", "average, ms",
        "slowest rank", "training, % of ideal",
    ]  # fmt: skip
    given = {**vars(machine), **vars(work)}
    assumed = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in given.items())
    text = f"{table(head, rows)}\n\nAssumed (seconds, bytes, bytes a second): {assumed}.\n"
    print(text)
    if options.record:
        record(text, PAGE, "paper")


if __name__ == "__main__":
    main()
