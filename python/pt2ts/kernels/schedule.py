"""The order of operations, equal ones in loops, and where everything lies in memory."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from .emit import Call, emit
from .ir import Buffer, Network, Op, Place, Real, View
from .machine import Machine

#: Buffers begin at whole cache lines, and behind the last one is room for a vector that reads over the end.
LINE = 64


@dataclass(frozen=True)
class Address:
    """One operand of a call: which of the caller's arrays or which memory of ours, and how far into it.

    The offset is in bytes for memory of our own, otherwise in numbers.
    """

    place: Place
    real: Real
    index: int
    offset: int

    def text(self, index_step: int = 0, offset_step: int = 0) -> str:
        """Return it in C++, moving on with the loop variable ``n``."""
        offset = f"{self.offset}" + (f" + n * {offset_step}" if offset_step else "")
        if self.place is Place.CONSTANT:
            return f"{self.real}_constants + {offset}"
        if self.place in (Place.WORK, Place.PACKED):
            return f"at<{self.real}>({self.place}, {offset})"
        index = f"{self.index}" + (f" + n * {index_step}" if index_step else "")
        return f"as<{self.real}>({self.place}[{index}])" + ("" if offset == "0" else f" + {offset}")


@dataclass
class Program:
    """A network in its order.

    Attributes
    ----------
    calls
        Body of a function and the operands of each call.
    work, packed
        Bytes of memory that it needs, and that its weights need.
    """

    run: list[Call]
    pack: list[Call]
    work: int
    packed: int


def plan(network: Network, machines: Mapping[Real, Machine]) -> Program:
    """Put a network into order and memory."""
    packing, running = _needed(network)
    pack, run = _ordered(packing, machines), _ordered(running, machines)
    end = 0
    for buffer in _in_order(pack, Place.PACKED):
        buffer.offset = end
        end += bytes_of(buffer)
    return Program(run, pack, _allocate(run) + LINE, end + LINE)


def bytes_of(buffer: Buffer) -> int:
    """Return how many bytes the whole cache lines have that hold a buffer."""
    return -(-buffer.size * buffer.real.itemsize // LINE) * LINE


def _writes(op: Op) -> list[View]:
    memory = getattr(op, "memory", None)
    return [op.out] if memory is None else [memory, op.out]


def _needed(network: Network) -> tuple[list[Op], list[Op]]:
    """Return the operations that lead to an output."""
    wanted = {view.buffer for view in network.outputs}
    kept: list[Op] = []
    for op in reversed([*network.packing, *network.ops]):
        if any(view.buffer in wanted for view in _writes(op)):
            wanted.update(op.reads)
            kept.append(op)
    kept.reverse()
    return [op for op in kept if op.out.buffer.place is Place.PACKED], [
        op for op in kept if op.out.buffer.place is not Place.PACKED
    ]


def _ordered(ops: Sequence[Op], machines: Mapping[Real, Machine]) -> list[Call]:
    """Sort by depth and by what is done, so that what many branches do alike comes together."""
    depth: dict[Buffer, int] = {}
    first: dict[str, int] = {}
    keyed: list[tuple[int, int, int, Call]] = []
    for number, op in enumerate(ops):
        level = 1 + max((depth.get(buffer, 0) for buffer in op.reads), default=0)
        for view in _writes(op):
            depth[view.buffer] = max(level, depth.get(view.buffer, 0))
        call = emit(op, machines[op.out.buffer.real])
        keyed.append((level, first.setdefault(call.body, number), number, call))
    return [call for *_, call in sorted(keyed, key=lambda key: key[:3])]


def _in_order(calls: Sequence[Call], place: Place) -> list[Buffer]:
    seen: dict[Buffer, None] = {}
    for call in calls:
        for view in reversed(call.operands):  # results first
            if view is not None and view.buffer.place is place:
                seen.setdefault(view.buffer)
    return list(seen)


def _allocate(calls: Sequence[Call]) -> int:
    """Give each buffer of the workspace a place that nothing alive uses; return the size of all."""
    lives: dict[Buffer, list[int]] = {}
    for time, call in enumerate(calls):
        for view in call.operands:
            if view is not None and view.buffer.place is Place.WORK:
                lives.setdefault(view.buffer, [time, time])[1] = time
    # What equal calls in a row write lies side by side, so that one loop can make these calls.
    groups = [[buffer for buffer in lives if lives[buffer][0] in times] for times in _runs(calls)]
    placed: list[tuple[int, int, int, int]] = []
    for group in (g for g in groups if g):
        sizes = [bytes_of(buffer) for buffer in group]
        begin, end = min(lives[b][0] for b in group), max(lives[b][1] for b in group)
        near = sorted((low, high) for low, high, start, stop in placed if start <= end and begin <= stop)
        offset = 0
        for low, high in near:
            if offset + sum(sizes) <= low:
                break
            offset = max(offset, high)
        placed.append((offset, offset + sum(sizes), begin, end))
        for buffer, size in zip(group, sizes, strict=True):
            buffer.offset = offset
            offset += size
    return max((high for _, high, _, _ in placed), default=0)


def _runs(calls: Sequence[Call]) -> list[range]:
    starts = [i for i, call in enumerate(calls) if i == 0 or call.body != calls[i - 1].body]
    return [range(a, b) for a, b in itertools.pairwise([*starts, len(calls)])]


def _address(view: View) -> Address:
    buffer = view.buffer
    if buffer.place in (Place.WORK, Place.PACKED):
        return Address(buffer.place, buffer.real, 0, view.offset * buffer.real.itemsize + buffer.offset)
    return Address(buffer.place, buffer.real, buffer.index, view.offset + buffer.offset)


@dataclass
class Functions:
    """The functions of a kernel: one for each text."""

    names: dict[tuple[str, Real, tuple[str, ...]], str]

    def name(self, call: Call) -> str:
        """Return the function's name, with the namespace of the numbers that it computes with."""
        kinds = [call.real if view is None else view.buffer.real for view in call.operands]
        first = len(kinds) - call.writes
        types = tuple(f"{kind}*" if i >= first else f"const {kind}*" for i, kind in enumerate(kinds))
        return f"of_{call.real}::" + self.names.setdefault((call.body, call.real, types), f"step{len(self.names)}")

    def text(self, real: Real) -> str:
        """Return all that compute with one kind of numbers."""
        parts = []
        for (body, kind, types), name in self.names.items():
            if kind is real:
                parameters = ", ".join(f"{type_} a{i}" for i, type_ in enumerate(types))
                parts.append(f"void {name}({parameters}) {{\n{body}\n}}\n")
        return "\n".join(parts)

    def calls(self, calls: Sequence[Call]) -> str:
        """Return the calls, those whose addresses move evenly as loops."""
        lines = []
        for times in _runs(calls):
            queue = [calls[i] for i in times]
            addresses = [[_address(view) for view in call.operands if view is not None] for call in queue]
            name = self.name(queue[0])
            while addresses:
                length = _even(addresses)
                first = addresses[0]
                steps = [(0, 0)] * len(first) if length == 1 else _steps(first, addresses[1])
                arguments = ", ".join(a.text(*step) for a, step in zip(first, steps, strict=True))
                loop = "" if length == 1 else f"for (int n = 0; n < {length}; ++n) "
                lines.append(f"{loop}{name}({arguments});")
                addresses = addresses[length:]
        return "\n".join(lines)


def _steps(first: Sequence[Address], second: Sequence[Address]) -> list[tuple[int, int]]:
    return [(b.index - a.index, b.offset - a.offset) for a, b in zip(first, second, strict=True)]


def _even(addresses: Sequence[Sequence[Address]]) -> int:
    """Return how many calls from the first on have addresses at even distances."""
    if len(addresses) < 3:
        return 1
    steps = _steps(addresses[0], addresses[1])
    places = [[replace(a, index=0, offset=0) for a in call] for call in addresses]
    if any(index and a.place is not Place.WEIGHT for (index, _), a in zip(steps, addresses[0], strict=True)):
        return 1
    length = 1
    while length < len(addresses) and places[length] == places[0] and _steps(addresses[length - 1], addresses[length]) == steps:
        length += 1
    return length if length > 2 else 1
