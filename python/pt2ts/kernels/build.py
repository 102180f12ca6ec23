"""From an exported program to a kernel."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ..pytorch.symbols import expression, given_names
from ..toolchain.compiler import ToolchainError, cxx, pool
from ..toolchain.isa import Isa
from .graph import Reader, prepared
from .ir import EntangledError, Network, Real, ReduceOp, UnsupportedError
from .machine import PART, Machine, compile_source, machine_of
from .schedule import LINE, Functions, bytes_of, plan

#: Samples that are computed together: enough to read each weight once for many, few enough for the nearest caches.
_BLOCKS = (16, 8)
_BLOCK_BYTES = 200_000
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
    """A kernel's text and its memory in bytes; see `Kernel`.

    Attributes
    ----------
    heavy
        Why its copy of the weights is too large for a variant beside others, empty if it is not.
    unsuited
        Why other compilers' code is faster for large batches, empty if it is not.
    """

    text: str
    workspace: int
    packed: int
    grain: int
    heavy: str
    unsuited: str


#: Waits for a kernel that is being compiled; None where the compiler fails.
Started = Callable[[], Kernel | None]


def start_kernel(
    program: torch.export.ExportedProgram,
    weights: Sequence[tuple[str, torch.Tensor]],
    sizes: Mapping[str, int | None],
    isa: Isa,
    layouts: Sequence[str] = (),
    *,
    only_light: bool = False,
    only_suited: bool = False,
    refused: Callable[[str], object] = lambda _: None,
) -> Started | None:
    """Begin to compile a program for fixed sizes, or for any size of the batch.

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
    only_light
        Refuse networks whose weights exceed the caches: a kernel has them a second time, in its own order.
    only_suited
        Refuse networks of which other compilers compute large batches faster: with products of two computed matrices.
    refused
        Is called with the reason where there is no kernel.

    Returns
    -------
    Started | None
        Waits for the kernel. None where the program has something that kernels cannot compute; ``explain_kernel`` says what.

    Warns
    -----
    UserWarning
        There is no compiler, or it fails: then other variants compute what a kernel would have computed faster.
    """

    def failed(error: ToolchainError) -> None:
        where = ", ".join(f"{name}={'any' if size is None else size}" for name, size in sizes.items()) or "its sizes"
        warnings.warn(f"no kernel for {where}: {error}", UserWarning, stacklevel=3)
        refused(str(error))

    try:
        source = kernel_source(program, weights, sizes, isa, layouts)
        why_not = (source.heavy if only_light else "") or (source.unsuited if only_suited else "")
        compiling = None if why_not else pool().submit(_compiled, source, isa, tuple(cxx()))
    except UnsupportedError as error:
        refused(str(error))
        return None
    except ToolchainError as error:
        failed(error)
        return None
    if compiling is None:
        refused(why_not)
        return None

    def finish() -> Kernel | None:
        try:
            return compiling.result()
        except ToolchainError as error:
            failed(error)
            return None

    return finish


def build_kernel(
    program: torch.export.ExportedProgram,
    weights: Sequence[tuple[str, torch.Tensor]],
    sizes: Mapping[str, int | None],
    isa: Isa,
    layouts: Sequence[str] = (),
) -> Kernel | None:
    """Compile a program; None where there is no kernel. See `start_kernel`."""
    started = start_kernel(program, weights, sizes, isa, layouts)
    return started() if started else None


def explain_kernel(
    program: torch.export.ExportedProgram,
    weights: Sequence[tuple[str, torch.Tensor]],
    sizes: Mapping[str, int | None],
    isa: Isa,
    layouts: Sequence[str] = (),
) -> str:
    """Return why there is no kernel for a program, empty if there is one. To know it, one is made."""
    try:
        _compiled(kernel_source(program, weights, sizes, isa, layouts), isa, tuple(cxx()))
    except (UnsupportedError, ToolchainError) as error:
        return str(error)
    return ""


def _compiled(source: Source, isa: Isa, words: tuple[str, ...]) -> Kernel:
    return Kernel(compile_source(source.text, isa, words), source.workspace, source.packed, source.grain)


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
        return Reader(program, names, fixed, block, layouts).read(machines, layout_rows)

    machines = {real: machine_of(isa, real.itemsize, tuple(cxx())) for real in Real}
    if not free:
        return _source(machines, [read(None, max(fixed.values(), default=1))])
    try:
        for block in _BLOCKS:
            whole = read(block, block)
            if plan(whole, machines).work <= _BLOCK_BYTES:
                break
        return _source(machines, [whole, read(PART, block)])
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


def _source(machines: Mapping[Real, Machine], networks: Sequence[Network]) -> Source:
    """Return the text of networks that differ in the number of samples only, the largest first."""
    programs = [plan(network, machines) for network in networks]
    first, packed = programs[0], programs[0].packed
    if len(first.run) > _MOST_CALLS:
        raise UnsupportedError(f"{len(first.run)} operations are too many to gain anything")
    if any(program.packed != packed for program in programs):
        raise UnsupportedError("weights are laid out differently for the last samples")
    functions = Functions({})
    places, workspace = _staged(networks[0], max(program.work for program in programs))
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
        f"first = run_blocks<Network{number}>(inputs, outputs, first, last, {also_part}, packed, work);"
        for number, also_part in enumerate([*["false"] * (len(networks) - 1), "true"])
    ]
    pack = functions.calls(first.pack)
    kinds = []
    for real, constants in networks[0].constants.items():
        if any(kind is real for _, kind, _ in functions.names):
            values = ", ".join(_literal(value) for value in constants or [0.0])
            kinds.append(_KIND.format(real=real, count=len(constants) or 1, constants=values, functions=functions.text(real)))
    text = _TEXT.format(
        kinds="\n".join(kinds),
        networks="\n".join(texts),
        workspace=workspace,
        packed=packed,
        any_size=int(networks[0].block is not None),
        pack=pack,
        run="\n".join(runs),
    )
    ops, rows = networks[0].ops, networks[0].block
    total = sum(op.operations for op in ops)
    reduced = sum(op.operations for op in ops if isinstance(op, ReduceOp))
    heavy = unsuited = ""
    if packed > _MOST_PACKED:
        heavy = f"its weights take {packed / 1e6:.0f} MB, more than the caches of a core hold"
    if reduced > max(total // 2, _GRAIN):
        unsuited = "most of its work are products of two computed matrices, or sums"
    grain = 0 if rows is None else rows * -(-_GRAIN // max(total, 1))
    return Source(text, workspace, packed, grain, heavy, unsuited)


def _staged(network: Network, end: int) -> tuple[list[int], int]:
    """Return where in the workspace blocks of the arrays are brought to, inputs before outputs, and its size with them."""
    places = []
    for view in (*network.inputs, *network.outputs):
        places.append(end)
        end += bytes_of(view.buffer) + LINE  # a vector that is read over the end
    return places, end


def _ports(network: Network, places: Sequence[int]) -> list[str]:
    """Return the types that describe the caller's arrays."""
    names = [*(f"In{i}" for i in range(len(network.inputs))), *(f"Out{i}" for i in range(len(network.outputs)))]
    views = (*network.inputs, *network.outputs)
    return [
        f"struct {name} {{ using Number = {view.buffer.real}; "
        f"static constexpr int rank = {len(view.shape)}, sample = {-1 if view.sample is None else view.sample}, dtype = {dtype}; "
        f"static constexpr int64_t shape[] = {{{_list(view.shape)}}}, strides[] = {{{_list(view.strides)}}}, place = {place}; }};"
        for name, view, dtype, place in zip(names, views, network.dtypes, places, strict=True)
    ]


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers)) or "0"  # C++ has no arrays of nothing


def _literal(value: float) -> str:
    if math.isnan(value):
        return "NAN"
    if math.isinf(value):
        return f"{'-' if value < 0 else ''}INFINITY"
    return f"{float(value)!r}"


_NETWORK = """\
struct {name} {{
static constexpr int rows = {rows};
{ports}
using Inputs = List<{inputs}>;
using Outputs = List<{outputs}>;
static void compute(const void* const* inputs, void* const* outputs, const char* packed, char* work) {{
{body}
}}
}};
"""

_KIND = """\
#define FTORCH_KERNEL_REAL {real}
[[maybe_unused]] alignas(64) constexpr {real} {real}_constants[{count}] = {{{constants}}};
namespace of_{real} {{
#include "vector.h"
#include "functions.h"
#include "dense.h"
#include "recurrent.h"
namespace {{
{functions}
}}  // namespace
}}  // namespace of_{real}
#undef FTORCH_KERNEL_REAL
"""

_TEXT = """\
#include "base.h"
#include "blocks.h"

{kinds}
namespace {{

{networks}
}}  // namespace

#define FTORCH_KERNEL_ENTRY extern "C" __attribute__((visibility("default")))

FTORCH_KERNEL_ENTRY int32_t ftorch_kernel_abi() {{ return 2; }}

FTORCH_KERNEL_ENTRY void ftorch_kernel_needs(int64_t* needs) {{
needs[0] = {workspace};
needs[1] = {packed};
needs[2] = {any_size};
}}

FTORCH_KERNEL_ENTRY void ftorch_kernel_pack(const void* const* given, void* memory) {{
[[maybe_unused]] const void* const* const weights = given;
[[maybe_unused]] char* const packed = static_cast<char*>(memory);
{pack}
}}

FTORCH_KERNEL_ENTRY void ftorch_kernel_run(const void* given, const void* wanted, const void* weights, void* workspace,
                                           int64_t first, int64_t last) {{
const Array* const inputs = static_cast<const Array*>(given);
const Array* const outputs = static_cast<const Array*>(wanted);
const char* const packed = static_cast<const char*>(weights);
char* const work = static_cast<char*>(workspace);
{run}
}}
"""
