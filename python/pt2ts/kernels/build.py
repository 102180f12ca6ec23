"""From an exported program to a kernel."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ..toolchain.compiler import ToolchainError, cxx
from ..toolchain.isa import Isa
from .graph import Reader, prepared
from .ir import EntangledError, Network, UnsupportedError
from .machine import Machine, compile_source, machine_of
from .schedule import Functions, Program, plan

#: Samples that are computed together: enough to read each weight once for many, few enough for the nearest caches.
_BLOCKS = (16, 12, 20, 24, 14, 10, 18, 8)
_BLOCK_BYTES = 200_000
#: Larger networks gain nothing: a function call or two is no part of their time.
_MOST_CALLS = 2_000


@dataclass(frozen=True)
class Kernel:
    """A compiled kernel.

    Attributes
    ----------
    library
        The content of the shared library.
    workspace, packed
        Bytes of memory that a call, and that the packed weights need.
    threads
        Threads that a call uses.
    """

    library: bytes
    workspace: int
    packed: int
    threads: int = 1


@dataclass(frozen=True)
class Source:
    """A kernel's text and its memory in bytes."""

    text: str
    workspace: int
    packed: int


def build_kernel(
    program: torch.export.ExportedProgram,
    weights: Sequence[tuple[str, torch.Tensor]],
    sizes: Mapping[str, int],
    isa: Isa,
    layouts: Sequence[str] = (),
) -> Kernel | None:
    """Compile a program for fixed sizes.

    Parameters
    ----------
    program
        What ``torch.export.export`` made of a module in evaluation mode.
    weights
        Name and value of all parameters and buffers, in the order in which the kernel will be given their addresses.
    sizes
        The size of each symbolic dimension, by its name.
    isa
        The instruction set that the kernel may use.
    layouts
        For each input ``torch`` (the default) or ``fortran`` (its first index is the fastest).

    Returns
    -------
    Kernel | None
        None where the program has something that kernels cannot compute, or where the compiler fails; ``explain_kernel`` says
        what.

    Warns
    -----
    UserWarning
        There is no compiler, or it fails: then other variants compute what a kernel would have computed faster.
    """
    try:
        return _kernel(program, weights, sizes, isa, layouts)
    except UnsupportedError:
        return None
    except ToolchainError as error:
        where = ", ".join(f"{name}={size}" for name, size in sizes.items()) or "its sizes"
        warnings.warn(f"no kernel for {where}: {error}", UserWarning, stacklevel=2)
        return None


def explain_kernel(
    program: torch.export.ExportedProgram,
    weights: Sequence[tuple[str, torch.Tensor]],
    sizes: Mapping[str, int],
    isa: Isa,
    layouts: Sequence[str] = (),
) -> str:
    """Return why there is no kernel for a program, empty if there is one. To know it, one is made."""
    try:
        _kernel(program, weights, sizes, isa, layouts)
    except (UnsupportedError, ToolchainError) as error:
        return str(error)
    return ""


def _kernel(
    program: torch.export.ExportedProgram,
    weights: Sequence[tuple[str, torch.Tensor]],
    sizes: Mapping[str, int],
    isa: Isa,
    layouts: Sequence[str],
) -> Kernel:
    source = kernel_source(program, weights, sizes, isa, layouts)
    return Kernel(compile_source(source.text, isa, tuple(cxx())), source.workspace, source.packed)


def kernel_source(
    program: torch.export.ExportedProgram,
    weights: Sequence[tuple[str, torch.Tensor]],
    sizes: Mapping[str, int],
    isa: Isa,
    layouts: Sequence[str] = (),
) -> Source:
    """Return the C++ of a kernel.

    Raises
    ------
    UnsupportedError
        If there is none.
    ToolchainError
        If there is no compiler to ask what the machine has.
    """
    program = prepared(program)
    symbols = symbol_sizes(program, sizes)
    names = {name: index for index, (name, _) in enumerate(weights)}
    whole = Reader(program, names, symbols, None, layouts)
    machine = machine_of(isa, whole.dtype.itemsize, tuple(cxx()))
    for symbol, count in symbols.items():
        for block in _blocks(count):
            try:
                network = Reader(program, names, symbols, (symbol, block), layouts).read(machine, block)
                made = plan(network, machine)
                if made.work * machine.itemsize > _BLOCK_BYTES and block > min(_BLOCKS):
                    continue
                rest = None
                if count % block:
                    rest = Reader(program, names, symbols, (symbol, count % block), layouts).read(machine, block)
                return _source(machine, whole.dtype, network, made, count // block, rest)
            except EntangledError:
                break
    network = whole.read(machine, max(symbols.values(), default=1))
    return _source(machine, whole.dtype, network, plan(network, machine), 1, None)


def _blocks(count: int) -> list[int]:
    """Return sizes of blocks to try, the best first."""
    if count <= max(_BLOCKS):
        return []
    even = [block for block in _BLOCKS if count % block == 0]
    return [*even, 16, 8] if not even or even[-1] != 8 else even


def symbol_sizes(program: torch.export.ExportedProgram, sizes: Mapping[str, int]) -> dict[Any, int]:
    """Return the size of each symbol of a program, found by the name that the user gave the dimension."""
    found: dict[Any, int] = {}
    for node in program.graph.nodes:
        value = node.meta.get("val")
        if node.op != "placeholder" or not isinstance(value, torch.Tensor):
            continue
        for size in value.shape:
            if isinstance(size, int):
                continue
            for symbol in size.node.expr.free_symbols:
                if symbol in found:
                    continue
                environment = size.node.shape_env
                sources = environment.var_to_sources.get(symbol, [])
                names = {environment.source_name_to_debug_name.get(source.name) for source in sources} - {None}
                known = [sizes[name] for name in names if name in sizes]
                if not known and len(sizes) == 1:
                    known = list(sizes.values())
                if not known:
                    raise UnsupportedError(f"the size of the dimension '{next(iter(names), symbol)}' is not given")
                found[symbol] = known[0]
    return found


def _source(machine: Machine, dtype: torch.dtype, network: Network, program: Program, blocks: int, rest: Network | None) -> Source:
    if len(program.run) > _MOST_CALLS:
        raise UnsupportedError(f"{len(program.run)} operations are too many to gain anything")
    functions = Functions({})
    rows = network.block or 1
    body = functions.calls(program.run)
    parts = [_network("whole", body)]
    moves = [f"for (int64_t n = 0; n < {blocks}; ++n) {{", *_moved(network, rows, "n", blocks), "whole(x, y, packed, work);", "}"]
    work = program.work
    if rest is not None:
        other = plan(rest, machine)
        if other.packed != program.packed:
            raise UnsupportedError("weights are laid out differently for the last samples")
        work = max(work, other.work)
        parts.append(_network("rest", functions.calls(other.run)))
        moves += ["{", *_moved(rest, rows, str(blocks), blocks + 1), "rest(x, y, packed, work);", "}"]
    pack = functions.calls(program.pack)
    constants = network.constants or [0.0]
    text = _TEXT.format(
        real="float" if dtype is torch.float32 else "double",
        count=len(constants),
        constants=", ".join(_literal(value) for value in constants),
        functions=functions.text(),
        networks="\n".join(parts),
        pack=pack,
        run="\n".join(moves),
    )
    return Source(text, work * machine.itemsize, program.packed * machine.itemsize)


def _literal(value: float) -> str:
    if math.isnan(value):
        return "static_cast<real>(NAN)"
    if math.isinf(value):
        return f"static_cast<real>({'-' if value < 0 else ''}INFINITY)"
    return f"static_cast<real>({float(value)!r})"


def _network(name: str, body: str) -> str:
    return f"void {name}(const real* const* inputs, real* const* outputs, const real* packed, real* work) {{\n{body}\n}}\n"


def _moved(network: Network, rows: int, block: str, blocks: int) -> list[str]:
    """Return the addresses of a block's inputs and outputs."""
    lines = []
    for name, source, kind, views in (
        ("x", "inputs", "const real*", network.inputs),
        ("y", "outputs", "real*", network.outputs),
    ):
        texts = []
        for index, view in enumerate(views):
            step = 0 if view.sample is None or blocks == 1 else rows * view.strides[view.sample]
            pointer = f"static_cast<{kind}>({source}[{index}])"
            texts.append(f"{pointer} + {block} * {step}" if step else pointer)
        lines.append(f"{kind} const {name}[] = {{{', '.join(texts) or 'nullptr'}}};")
    return lines


_TEXT = """\
#define FTORCH_KERNEL_REAL {real}
#include "functions.h"
#include "dense.h"
#include "recurrent.h"

namespace {{

[[maybe_unused]] alignas(64) constexpr real constants[{count}] = {{{constants}}};

{functions}
{networks}
}}  // namespace

#define FTORCH_KERNEL_ENTRY extern "C" __attribute__((visibility("default")))

FTORCH_KERNEL_ENTRY int32_t ftorch_kernel_abi() {{ return 1; }}

FTORCH_KERNEL_ENTRY void ftorch_kernel_pack(const void* const* given, void* memory) {{
const real* const* const weights = reinterpret_cast<const real* const*>(given);
real* const packed = static_cast<real*>(memory);
{pack}
}}

FTORCH_KERNEL_ENTRY void ftorch_kernel_run(const void* const* inputs, void* const* outputs, const void* weights, void* workspace,
                                           const int64_t*) {{
const real* const packed = static_cast<const real*>(weights);
real* const work = static_cast<real*>(workspace);
{run}
}}
"""
