"""The C++ text of operations: for each a function of plain pointers, the same function for all that differ in addresses only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from .elementwise import FORMS
from .ir import (
    GATES,
    ConvertOp,
    DenseOp,
    Expr,
    MapOp,
    Op,
    PackDenseOp,
    PackRecurrentOp,
    Real,
    RecurrentOp,
    ReduceOp,
    Shape,
    View,
    collapse,
)
from .machine import PART, Machine


@dataclass(frozen=True)
class Call:
    """A function's text, and the addresses it is called with."""

    body: str
    operands: tuple[View | None, ...]
    real: Real  # in which it computes
    writes: int = 1  # how many of the operands, from the end, are results


@dataclass
class Operands:
    """Names the addresses that a function takes."""

    views: list[View | None] = field(default_factory=list)

    def name(self, view: View | None) -> str:
        """Return the parameter that stands for the first element of a view."""
        for i, seen in enumerate(self.views):
            if view is not None and seen is not None and seen.buffer is view.buffer and seen.offset == view.offset:
                return f"a{i}"
        self.views.append(view)
        return f"a{len(self.views) - 1}"


def number(value: float) -> str:
    """Return a number in C++, of the kernel's type."""
    if math.isnan(value):
        return "splat(static_cast<real>(NAN))"
    if math.isinf(value):
        return f"splat(static_cast<real>({'-' if value < 0 else ''}INFINITY))"
    return f"splat(static_cast<real>({float(value)!r}))"


def at(name: str, strides: Sequence[int], indices: Sequence[str]) -> str:
    """Return an address: a name and what is added for indices."""
    terms = [index if stride == 1 else f"{index} * {stride}" for stride, index in zip(strides, indices, strict=True) if stride]
    return " + ".join([name, *terms])


@dataclass
class Body:
    """Writes an expression as statements.

    Parameters
    ----------
    operands
        Where addresses get their names.
    reader
        The C++ that reads a view, given its name.
    """

    operands: Operands
    lines: list[str] = field(default_factory=list)

    def write(self, expr: Expr, addresses: dict[int, tuple[str, int]], lanes: str = "lanes", sums: str = "sum") -> str:
        """Add the statements that compute ``expr`` and return the name of the result.

        Parameters
        ----------
        expr
            What to compute.
        addresses
            For each view, by identity: its address for the first lane, and the stride of its lanes.
        lanes
            Which lanes are meant.
        sums
            What a linear layer has summed.
        """
        names: dict[int, str] = {}
        for e in expr.walk():
            if e.product is not None:
                text = sums
            elif e.view is not None:
                address, stride = addresses[id(e)]
                if stride == 0:
                    text = f"splat(*({address}))"
                elif stride == 1:
                    # Beyond the end of memory of our own is more memory of our own.
                    own = e.view.buffer.place in ("work", "packed")
                    text = f"load({address})" if own else f"load({lanes}, {address})"
                else:
                    text = f"load({lanes}, {address}, {stride})"
            elif e.op == "constant":
                names[id(e)] = number(e.value)
                continue
            else:
                text = FORMS[e.op].format(*(names[id(arg)] for arg in e.args))
            names[id(e)] = f"t{len(names)}"
            self.lines.append(f"const {'mask' if e.boolean else 'vec'} {names[id(e)]} = {text};")
        return names[id(expr)]


def loops(sizes: Sequence[int], lines: Sequence[str], first: int = 0) -> list[str]:
    """Return lines inside loops over ``i0``, ``i1`` ..."""
    result = list(lines)
    for depth, size in reversed(list(enumerate(sizes, first))):
        result = [f"for (int i{depth} = 0; i{depth} < {size}; ++i{depth}) {{", *result, "}"]
    return result


def _indices(count: int, first: int = 0) -> list[str]:
    return [f"i{i}" for i in range(first, first + count)]


def _leaves(expr: Expr) -> list[Expr]:
    return [e for e in expr.walk() if e.view is not None]


def _strides(leaves: Sequence[Expr], shape: Shape) -> list[Shape]:
    return [leaf.view.broadcast(shape) for leaf in leaves if leaf.view is not None]


def emit_map(op: MapOp) -> Call:
    """``out = expression``: loops, the innermost over lanes."""
    operands = Operands()
    leaves = _leaves(op.expr)
    sizes, (out, *strides) = collapse(op.out.shape, op.out.strides, *_strides(leaves, op.out.shape))
    if not sizes:
        sizes, out, strides = [1], [1], [[0] for _ in leaves]
    outer = _indices(len(sizes) - 1)
    body = Body(operands)
    addresses = {}
    for leaf, stride in zip(leaves, strides, strict=True):
        index = [*outer, "i"]
        addresses[id(leaf)] = (at(operands.name(leaf.view), stride, index), stride[-1])
    result = body.write(op.expr, addresses)
    target = at(operands.name(op.out), out, [*outer, "i"])
    store = f"store(lanes, {target}, {result});" if out[-1] == 1 else f"store(lanes, {target}, {out[-1]}, {result});"
    inner = [f"over_lanes<{sizes[-1]}>([&](auto lanes, int i) {{", *body.lines, store, "});"]
    return Call("\n".join(loops(sizes[:-1], inner)), tuple(operands.views), op.out.buffer.real)


def emit_convert(op: ConvertOp) -> Call:
    """Numbers of the other kind: plain loops."""
    operands = Operands()
    sizes, (source, out) = collapse(op.out.shape, op.view.strides, op.out.strides)
    index = _indices(len(sizes))
    read, write = at(operands.name(op.view), source, index), at(operands.name(op.out), out, index)
    real = op.out.buffer.real
    return Call("\n".join(loops(sizes, [f"*({write}) = static_cast<{real}>(*({read}));"])), tuple(operands.views), real)


def emit_reduce(op: ReduceOp) -> Call:
    """A reduction: lanes are results where these are neighbours in memory, or else what is reduced."""
    operands = Operands()
    leaves = _leaves(op.expr)
    rank = len(op.expr.shape) - op.reduced
    full = _strides(leaves, op.expr.shape)
    kept, (out, *keeping) = collapse(op.expr.shape[:rank], op.out.strides, *(s[:rank] for s in full))
    gone, reducing = collapse(op.expr.shape[rank:], *(s[rank:] for s in full))
    gone, reducing = (gone, reducing) if gone else ([1], [[0] for _ in leaves])
    scale = "" if op.scale == 1 else f" * static_cast<real>({op.scale!r})"
    across = bool(kept) and kept[-1] >= 4 and all(s[-1] in (0, 1) for s in keeping) and any(s[-1] == 1 for s in keeping)
    across = across and out[-1] == 1
    body = Body(operands)
    addresses = {}
    if across:
        outer, inside = _indices(len(kept) - 1), _indices(len(gone), len(kept) - 1)
        for leaf, keep, reduce in zip(leaves, keeping, reducing, strict=True):
            addresses[id(leaf)] = (at(operands.name(leaf.view), [*keep, *reduce], [*outer, "i", *inside]), keep[-1])
        result = body.write(op.expr, addresses)
        step = loops(gone, [*body.lines, f"total = {op.kind}::step(total, {result});"], len(kept) - 1)
        store = f"store(lanes, {at(operands.name(op.out), out, [*outer, 'i'])}, total{scale});"
        inner = [f"over_lanes<{kept[-1]}>([&](auto lanes, int i) {{", f"vec total = {op.kind}::neutral();", *step, store, "});"]
        return Call("\n".join(loops(kept[:-1], inner)), tuple(operands.views), op.out.buffer.real)
    outer, inside = _indices(len(kept)), _indices(len(gone) - 1, len(kept))
    for leaf, keep, reduce in zip(leaves, keeping, reducing, strict=True):
        addresses[id(leaf)] = (at(operands.name(leaf.view), [*keep, *reduce], [*outer, *inside, "i"]), reduce[-1])
    result = body.write(op.expr, addresses)
    piece = (
        f"reduce_lanes<{op.kind}, {gone[-1]}>([&](auto lanes, int i) {{\n" + "\n".join([*body.lines, f"return {result};"]) + "\n})"
    )
    step = loops(gone[:-1], [f"total = {op.kind}::step(total, {piece});"], len(kept))
    store = f"*({at(operands.name(op.out), out, outer)}) = (total{scale})[0];"
    lines = loops(kept, [f"vec total = {op.kind}::neutral();", *step, store])
    return Call("\n".join(lines), tuple(operands.views), op.out.buffer.real)


def emit_pack_dense(op: PackDenseOp) -> Call:
    """The packing of a linear layer."""
    n_out, n_in = op.weight.shape
    size = f"<{n_in}, {n_out}, {op.tile}>" if op.tile else f"<{n_in}, {n_out}>"
    operands = Operands()
    weight = operands.name(op.weight)
    bias, stride = (operands.name(op.bias), op.bias.strides[0]) if op.bias else ("nullptr", 0)
    strides = ", ".join(map(str, op.weight.strides))
    text = f"pack_{'dense' if op.tile else 'dot'}{size}({weight}, {strides}, {bias}, {stride}, {operands.name(op.out)});"
    return Call(text, tuple(operands.views), op.out.buffer.real)


def emit_dense(op: DenseOp, machine: Machine) -> Call:
    """A linear layer: rows of inputs, and what follows the sums in the same registers."""
    operands = Operands()
    n_in, n_out = op.x.shape[-1], op.out.shape[-1]
    leaves = _leaves(op.expr)
    strides = _strides(leaves, op.out.shape)
    sizes, (x_rows, y_rows, *leaf_rows) = collapse(
        op.x.shape[:-1], op.x.strides[:-1], op.out.strides[:-1], *(s[:-1] for s in strides)
    )
    rows, x_row, y_row = (sizes[-1], x_rows[-1], y_rows[-1]) if sizes else (1, 0, 0)
    outer = _indices(len(sizes) - 1)
    x, w = at(operands.name(op.x), x_rows[:-1], outer), operands.name(op.packed)
    addresses = {}
    for leaf, stride, row in zip(leaves, strides, leaf_rows, strict=True):
        steps = [*row, stride[-1]]
        addresses[id(leaf)] = (at(operands.name(leaf.view), steps, [*outer, *(["row"] if row else []), "column"]), stride[-1])
    body = Body(operands)
    result = body.write(op.expr, addresses)
    out = at(operands.name(op.out), y_rows[:-1], outer)
    epilogue = "\n".join(["[&](auto lanes, vec sum, int row, int column) {", *body.lines, f"return {result};", "}"])
    if op.tile:
        shape = f"DenseShape<{n_in}, {n_out}, {x_row}, {op.x.strides[-1]}, {y_row}>{{}}"
        part = op.out.sample is not None
        row_tile = machine.row_tile(op.tile, rows, part)
        call = f"dense<{rows}, {op.tile}, {row_tile}, {PART if part else row_tile}>({shape}, {x}, {w}, {out}, {epilogue});"
    else:
        call = f"dense_dot<{rows}, {n_in}, {n_out}, {x_row}, {y_row}>({x}, {w}, {out}, {epilogue});"
    return Call("\n".join(loops(sizes[:-1], [call])), tuple(operands.views), op.out.buffer.real)


def emit_pack_recurrent(op: PackRecurrentOp) -> Call:
    """The packing of a recurrent layer."""
    gates = GATES[op.cell]
    hidden, n_in = op.w_in.shape[0] // gates, op.w_in.shape[1]
    operands = Operands()
    weights = [f"{{{operands.name(w)}, {w.strides[0]}, {w.strides[1]}}}" for w in (op.w_in, op.w_state)]
    biases = [operands.name(b) if b else "nullptr" for b in (op.b_in, op.b_state)]
    call = f"pack_recurrent<{op.cell}, {n_in}, {hidden}, {op.tile}>({', '.join([*weights, *biases, operands.name(op.out)])});"
    return Call(call, tuple(operands.views), op.out.buffer.real)


def emit_recurrent(op: RecurrentOp, machine: Machine) -> Call:
    """One direction of one recurrent layer."""
    times, samples, n_in = op.x.shape
    hidden = op.out.shape[2]
    row_tile = machine.recurrent_rows(samples)
    operands = Operands()
    shape = f"{op.cell}, {n_in}, {hidden}, {op.tile}, {op.x.strides[1]}, {op.x.strides[2]}, {op.out.strides[1]}"
    x = operands.name(op.x)
    h, h_row = (operands.name(op.h), op.h.strides[0]) if op.h else ("nullptr", 0)
    w, out = operands.name(op.packed), operands.name(op.out)
    memory = operands.name(op.memory) if op.memory else "nullptr"
    arguments = f"{times}, {x}, {op.x.strides[0]}, {h}, {h_row}, {w}, {out}, {op.out.strides[0]}, {memory}"
    return Call(
        f"Recurrent<{shape}>::run<{samples}, {row_tile}>({arguments});",
        tuple(operands.views),
        op.out.buffer.real,
        2 if op.memory else 1,
    )


def emit(op: Op, machine: Machine) -> Call:
    """Return the text of an operation; the machine is that of the numbers that it makes."""
    match op:
        case MapOp():
            return emit_map(op)
        case ConvertOp():
            return emit_convert(op)
        case ReduceOp():
            return emit_reduce(op)
        case PackDenseOp():
            return emit_pack_dense(op)
        case DenseOp():
            return emit_dense(op, machine)
        case PackRecurrentOp():
            return emit_pack_recurrent(op)
        case RecurrentOp():
            return emit_recurrent(op, machine)
