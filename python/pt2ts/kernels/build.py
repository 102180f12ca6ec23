"""From an exported program to a kernel."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ..pytorch.symbols import expression, given_names
from ..toolchain.compiler import ToolchainError, cxx
from ..toolchain.isa import Isa
from .graph import Reader, dtype_of, prepared
from .ir import EntangledError, Network, ReduceOp, UnsupportedError
from .machine import Machine, compile_source, machine_of
from .schedule import Functions, lines, plan

#: Samples that are computed together: enough to read each weight once for many, few enough for the nearest caches.
_BLOCKS = (16, 8)
_BLOCK_BYTES = 200_000
#: What is left of a batch is computed in blocks of so many, the last of them filled up.
_PART = 4
#: Bytes of weights that stay in the caches, from where each block of samples reads them again.
_MOST_PACKED = 6 << 20
#: Operations that are worth a thread: some ten microseconds, several times what its start takes.
_GRAIN = 200_000
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
    grain
        Samples that are worth a thread; 0 where the samples cannot be counted.
    """

    library: bytes
    workspace: int
    packed: int
    grain: int = 0


@dataclass(frozen=True)
class Source:
    """A kernel's text, its memory in bytes, and whether it is as fast as any compiler's code at every size.

    See `Kernel`.
    """

    text: str
    workspace: int
    packed: int
    grain: int
    suited: bool


def build_kernel(
    program: torch.export.ExportedProgram,
    weights: Sequence[tuple[str, torch.Tensor]],
    sizes: Mapping[str, int | None],
    isa: Isa,
    layouts: Sequence[str] = (),
    *,
    only_suited: bool = False,
) -> Kernel | None:
    """Compile a program for fixed sizes, or for any size of the batch.

    Parameters
    ----------
    program
        What ``torch.export.export`` made of a module in evaluation mode.
    weights
        Name and value of all parameters and buffers, in the order in which the kernel will be given their addresses.
    sizes
        The size of each symbolic dimension, by its name; None for one that counts samples, which may then be any number.
    isa
        The instruction set that the kernel may use.
    layouts
        For each input ``torch`` (the default) or ``fortran`` (its first index is the fastest).
    only_suited
        Refuse networks of which other compilers compute large batches faster: large matrices, and products of two computed ones.

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
        source = kernel_source(program, weights, sizes, isa, layouts)
        return _compiled(source, isa) if source.suited or not only_suited else None
    except UnsupportedError:
        return None
    except ToolchainError as error:
        where = ", ".join(f"{name}={'any' if size is None else size}" for name, size in sizes.items()) or "its sizes"
        warnings.warn(f"no kernel for {where}: {error}", UserWarning, stacklevel=2)
        return None


def explain_kernel(
    program: torch.export.ExportedProgram,
    weights: Sequence[tuple[str, torch.Tensor]],
    sizes: Mapping[str, int | None],
    isa: Isa,
    layouts: Sequence[str] = (),
) -> str:
    """Return why there is no kernel for a program, empty if there is one. To know it, one is made."""
    try:
        _compiled(kernel_source(program, weights, sizes, isa, layouts), isa)
    except (UnsupportedError, ToolchainError) as error:
        return str(error)
    return ""


def _compiled(source: Source, isa: Isa) -> Kernel:
    return Kernel(compile_source(source.text, isa, tuple(cxx())), source.workspace, source.packed, source.grain)


def kernel_source(
    program: torch.export.ExportedProgram,
    weights: Sequence[tuple[str, torch.Tensor]],
    sizes: Mapping[str, int | None],
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
    fixed = {symbol: size for symbol, size in symbols.items() if size is not None}
    free = [symbol for symbol, size in symbols.items() if size is None]
    if len(free) > 1:
        raise UnsupportedError("kernels know one dimension of any size")

    def read(rows: int | None, layout_rows: int) -> Network:
        block = (free[0], rows) if free and rows else None
        return Reader(program, names, fixed, block, layouts).read(machine, layout_rows)

    machine = machine_of(isa, dtype_of(program).itemsize, tuple(cxx()))
    if not free:
        return _source(machine, [read(None, max(fixed.values(), default=1))])
    try:
        for block in _BLOCKS:
            whole = read(block, block)
            if plan(whole, machine).work * machine.itemsize <= _BLOCK_BYTES:
                break
        return _source(machine, [whole, read(_PART, block)])
    except EntangledError as error:
        raise UnsupportedError(f"the samples of a batch may depend on each other ({error})") from error


def symbol_sizes(program: torch.export.ExportedProgram, sizes: Mapping[str, int | None]) -> dict[Any, int | None]:
    """Return the size of each symbol of a program, found by the name that the user gave the dimension."""
    found: dict[Any, int | None] = {}
    for node in program.graph.nodes:
        value = node.meta.get("val")
        if node.op != "placeholder" or not isinstance(value, torch.Tensor):
            continue
        for size in value.shape:
            if isinstance(size, int):
                continue
            for symbol in expression(size).free_symbols:
                if symbol in found:
                    continue
                names = given_names(size, symbol)
                known = [sizes[name] for name in names if name in sizes]
                if not known and len(sizes) == 1:
                    known = list(sizes.values())
                if not known:
                    raise UnsupportedError(f"the size of the dimension '{next(iter(names), symbol)}' is not given")
                found[symbol] = known[0]
    return found


def _source(machine: Machine, networks: Sequence[Network]) -> Source:
    """Return the text of networks that differ in the number of samples only, the largest first."""
    programs = [plan(network, machine) for network in networks]
    first, packed = programs[0], programs[0].packed
    if len(first.run) > _MOST_CALLS:
        raise UnsupportedError(f"{len(first.run)} operations are too many to gain anything")
    if any(program.packed != packed for program in programs):
        raise UnsupportedError("weights are laid out differently for the last samples")
    functions = Functions({})
    places, workspace = _staged(networks[0], max(program.work for program in programs), machine)
    texts = [
        _NETWORK.format(
            name=f"Network{number}",
            rows=network.block or 1,
            ports="\n".join(_ports(network, places)),
            inputs=", ".join(f"In{i}" for i in range(len(network.inputs))),
            outputs=", ".join(f"Out{i}" for i in range(len(network.outputs))),
            body=functions.calls(program.run),
        )
        for number, (network, program) in enumerate(zip(networks, programs, strict=True))
    ]
    runs = [
        f"first = run_blocks<Network{number}>(inputs, outputs, first, last, {str(number == len(networks) - 1).lower()}, packed, work);"
        for number in range(len(networks))
    ]
    pack = functions.calls(first.pack)
    constants = networks[0].constants or [0.0]
    text = _TEXT.format(
        real="float" if machine.itemsize == 4 else "double",
        count=len(constants),
        constants=", ".join(_literal(value) for value in constants),
        functions=functions.text(),
        networks="\n".join(texts),
        pack=pack,
        run="\n".join(runs),
    )
    ops, rows = networks[0].ops, networks[0].block
    total = sum(op.operations for op in ops)
    reduced = sum(op.operations for op in ops if isinstance(op, ReduceOp))
    suited = packed * machine.itemsize <= _MOST_PACKED and (reduced <= total // 2 or reduced <= _GRAIN)
    grain = 0 if rows is None else rows * -(-_GRAIN // max(total, 1))
    return Source(text, workspace * machine.itemsize, packed * machine.itemsize, grain, suited)


def _staged(network: Network, end: int, machine: Machine) -> tuple[list[int], int]:
    """Return where in the workspace blocks of the arrays are brought to, inputs before outputs, and its size with them."""
    places = []
    for view in (*network.inputs, *network.outputs):
        places.append(end)
        end += lines(view.buffer.size, machine) + lines(1, machine)  # a vector that is read over the end
    return places, end


def _ports(network: Network, places: Sequence[int]) -> list[str]:
    """Return the types that describe the caller's arrays."""
    named = [*((f"In{i}", view) for i, view in enumerate(network.inputs)), *((f"Out{i}", view) for i, view in enumerate(network.outputs))]
    return [
        f"struct {name} {{ static constexpr int rank = {len(view.shape)}, sample = {-1 if view.sample is None else view.sample}; "
        f"static constexpr int64_t shape[] = {{{_list(view.shape)}}}, strides[] = {{{_list(view.strides)}}}, place = {place}; }};"
        for (name, view), place in zip(named, places, strict=True)
    ]


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers)) or "0"  # C++ has no arrays of nothing


def _literal(value: float) -> str:
    if math.isnan(value):
        return "static_cast<real>(NAN)"
    if math.isinf(value):
        return f"static_cast<real>({'-' if value < 0 else ''}INFINITY)"
    return f"static_cast<real>({float(value)!r})"


_NETWORK = """\
struct {name} {{
static constexpr int rows = {rows};
{ports}
using Inputs = List<{inputs}>;
using Outputs = List<{outputs}>;
static void compute(const real* const* inputs, real* const* outputs, const real* packed, real* work) {{
{body}
}}
}};
"""

_TEXT = """\
#define FTORCH_KERNEL_REAL {real}
#include "functions.h"
#include "dense.h"
#include "recurrent.h"
#include "blocks.h"

namespace {{

[[maybe_unused]] alignas(64) constexpr real constants[{count}] = {{{constants}}};

{functions}
{networks}
}}  // namespace

#define FTORCH_KERNEL_ENTRY extern "C" __attribute__((visibility("default")))

FTORCH_KERNEL_ENTRY int32_t ftorch_kernel_abi() {{ return 2; }}

FTORCH_KERNEL_ENTRY void ftorch_kernel_pack(const void* const* given, void* memory) {{
const real* const* const weights = reinterpret_cast<const real* const*>(given);
real* const packed = static_cast<real*>(memory);
{pack}
}}

FTORCH_KERNEL_ENTRY void ftorch_kernel_run(const void* given, const void* wanted, const void* weights, void* workspace,
                                           int64_t first, int64_t last) {{
const Array* const inputs = static_cast<const Array*>(given);
const Array* const outputs = static_cast<const Array*>(wanted);
const real* const packed = static_cast<const real*>(weights);
real* const work = static_cast<real*>(workspace);
{run}
}}
"""
