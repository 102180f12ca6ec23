"""GRU and LSTM: layers and directions one by one, each a loop over time."""

from __future__ import annotations

from collections.abc import Callable

from . import views
from .ir import GATES, EntangledError, Expr, PackRecurrentOp, Place, RecurrentOp, UnsupportedError, View, constant, load
from .lowering import Lowering, stack


def recurrent(cell: str) -> Callable[..., list[Expr]]:
    """Return the function for ``Gru`` or ``Lstm``."""
    gates = GATES[cell]

    def handler(
        b: Lowering, x: Expr, state: Expr | list[Expr], params: list[Expr], has_biases: bool, num_layers: int, dropout: float,
        train: bool, bidirectional: bool, batch_first: bool,
    ) -> list[Expr]:  # fmt: skip
        if train and dropout:
            raise UnsupportedError("dropout between recurrent layers in training")
        per = 4 if has_biases else 2
        directions = 2 if bidirectional else 1
        if len(params) != per * num_layers * directions:
            raise UnsupportedError("a recurrent layer with projections")
        states = state if isinstance(state, list) else [state]
        layer = b.view(x)
        batched = len(layer.shape) == 3
        layer = layer if batched else views.unsqueeze(layer, 1)
        layer = views.permute(layer, [1, 0, 2]) if batch_first and batched else layer
        ends: list[list[View]] = [[] for _ in states]
        for depth in range(num_layers):
            hidden = params[depth * directions * per].shape[0] // gates
            times, samples, _ = layer.shape
            if layer.sample == 0:
                raise EntangledError("a recurrent layer over the batch")
            # Samples first where that is the order of the result, so that nothing needs to be turned.
            if depth < num_layers - 1:
                target, b.target = b.target, None
            if batch_first:
                place = None if layer.sample is None else 0
                out = b.allocate(False, (samples, times, hidden * directions), place, layer.buffer.real)
                out = views.permute(out, [1, 0, 2])
            else:
                out = b.allocate(False, (times, samples, hidden * directions), layer.sample, layer.buffer.real)
            if depth < num_layers - 1:
                b.target = target
            for direction in range(directions):
                index = depth * directions + direction
                w = [b.view(p) for p in params[index * per : (index + 1) * per]]
                first = [_state(b, s, index, batched) for s in states]
                piece = views.cut(out, 2, direction * hidden, (direction + 1) * hidden)
                seen, piece = (views.flip(v, [0]) if direction else v for v in (layer, piece))
                last = _cell(b, cell, seen, piece, w, first)
                for end, what in zip(ends, last, strict=True):
                    end.append(what)
            layer = out
        result = views.permute(layer, [1, 0, 2]) if batch_first and batched else layer
        result = result if batched else views.select(result, 1, 0)
        b.target = None
        finals = [_gather(b, end, batched) for end in ends]
        return [load(result), *finals]

    return handler


def _state(b: Lowering, state: Expr, index: int, batched: bool) -> View | None:
    if state.op == "constant" and state.value == 0:
        return None
    view = views.select(b.packed(state) if state.fixed else b.view(state), 0, index)
    return view if batched else views.unsqueeze(view, 0)


def _cell(b: Lowering, cell: str, x: View, out: View, w: list[View], first: list[View | None]) -> list[View]:
    gates = GATES[cell]
    _, samples, n_in = x.shape
    hidden = out.shape[2]
    if x.buffer.place.fixed or not all(v.buffer.place.fixed for v in w):
        raise UnsupportedError("a recurrent layer whose weights depend on inputs, or whose inputs do not")
    w = [b.contiguous(v) for v in w]
    real = x.buffer.real
    if any(v.buffer.real is not real for v in [*w, *(f for f in first if f is not None)]):
        raise UnsupportedError("a recurrent layer whose weights or state are in another precision than its input")
    packed = b.network.allocate(Place.PACKED, (b.machines[real].packed_recurrent(gates, n_in, hidden),), real)
    b_in, b_state = (w[2], w[3]) if len(w) == 4 else (None, None)
    tile = b.machines[real].recurrent_tile(hidden, b.row_count((samples,), None if x.sample is None else 0))
    b.append(PackRecurrentOp(cell, w[0], w[1], b_in, b_state, packed, tile))
    h = first[0]
    if h is not None and h.strides[1] != 1 and hidden > 1:
        h = b.contiguous(h)
    memory = None
    if cell == "Lstm":
        start = load(first[1]) if first[1] is not None else constant(0.0, (samples, hidden))
        memory = b.network.allocate(Place.WORK, (samples, hidden), real, None if x.sample is None else x.sample - 1)
        b.store(start, memory)
    b.append(RecurrentOp(cell, x, packed, h, out, tile, memory))
    final = views.select(out, 0, -1)
    return [final] if memory is None else [final, memory]


def _gather(b: Lowering, ends: list[View], batched: bool) -> Expr:
    pieces = [load(end if batched else views.select(end, 0, 0)) for end in ends]
    if len(pieces) == 1:
        return load(views.unsqueeze(b.view(pieces[0]), 0))
    return stack(b, pieces, 0)
