"""Operations that only look at numbers in another way: index arithmetic while the kernel is written, nothing while it runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from .ir import EntangledError, Shape, UnsupportedError, View


def normal(dim: int, rank: int) -> int:
    """Return a dimension counted from the front."""
    return dim + rank if dim < 0 else dim


def permute(view: View, order: Sequence[int]) -> View:
    """Return the dimensions in another order."""
    order = [normal(d, len(view.shape)) for d in order]
    sample = None if view.sample is None else order.index(view.sample)
    return replace(view, shape=tuple(view.shape[d] for d in order), strides=tuple(view.strides[d] for d in order), sample=sample)


def select(view: View, dim: int, index: int) -> View:
    """Return what lies at one index of a dimension, without that dimension."""
    dim = normal(dim, len(view.shape))
    if view.sample == dim:
        raise EntangledError("one sample is taken out of the batch")
    index = index + view.shape[dim] if index < 0 else index
    if not 0 <= index < view.shape[dim]:
        raise UnsupportedError(f"index {index} of a dimension of size {view.shape[dim]}")
    return replace(
        view,
        shape=view.shape[:dim] + view.shape[dim + 1 :],
        strides=view.strides[:dim] + view.strides[dim + 1 :],
        offset=view.offset + index * view.strides[dim],
        sample=None if view.sample is None else view.sample - (view.sample > dim),
    )


def cut(view: View, dim: int, start: int | None, end: int | None, step: int = 1) -> View:
    """Return ``[start:end:step]`` of a dimension."""
    dim = normal(dim, len(view.shape))
    size = view.shape[dim]
    chosen = range(size)[slice(start, end, step)]
    if view.sample == dim and len(chosen) != size:
        raise EntangledError("some samples are taken out of the batch")
    shape, strides = list(view.shape), list(view.strides)
    shape[dim] = len(chosen)
    strides[dim] *= step
    if len(chosen) == 0:
        raise UnsupportedError("an array without elements")
    return replace(view, shape=tuple(shape), strides=tuple(strides), offset=view.offset + chosen.start * view.strides[dim])


def flip(view: View, dims: Sequence[int]) -> View:
    """Return the elements of some dimensions in reversed order."""
    strides, offset = list(view.strides), view.offset
    for dim in (normal(d, len(view.shape)) for d in dims):
        if view.sample == dim:
            raise EntangledError("the samples of the batch are reversed")
        offset += (view.shape[dim] - 1) * strides[dim]
        strides[dim] = -strides[dim]
    return replace(view, strides=tuple(strides), offset=offset)


def unsqueeze(view: View, dim: int) -> View:
    """Return a dimension of size 1 more."""
    dim = normal(dim, len(view.shape) + 1)
    return replace(
        view,
        shape=(*view.shape[:dim], 1, *view.shape[dim:]),
        strides=(*view.strides[:dim], 0, *view.strides[dim:]),
        sample=None if view.sample is None else view.sample + (view.sample >= dim),
    )


def squeeze(view: View, dims: Sequence[int]) -> View:
    """Return these dimensions left out where their size is 1."""
    for dim in sorted((normal(d, len(view.shape)) for d in dims), reverse=True):
        if view.shape[dim] == 1 and view.sample != dim:
            view = select(view, dim, 0)
    return view


def expand(view: View, shape: Shape) -> View:
    """Return dimensions of size 1 repeated."""
    sample = None if view.sample is None else view.sample + len(shape) - len(view.shape)
    return replace(view, shape=shape, strides=view.broadcast(shape), sample=sample)


def sample_after(shape: Shape, sample: int | None, new: Shape) -> int | None:
    """Return where the samples are after a reshape."""
    if sample is None:
        return None
    for dim, size in enumerate(new):
        if size == shape[sample] and math.prod(new[:dim]) == math.prod(shape[:sample]):
            return dim
    raise EntangledError(f"the reshape from {shape} to {new} mixes samples with something else")


def reshape(view: View, new: Shape) -> View | None:
    """Return the elements in another shape, or None where that needs a copy."""
    sample = sample_after(view.shape, view.sample, new)
    strides: list[int] = []
    # From the back: runs of old dimensions that are one run in memory, cut into new dimensions.
    old = [(size, stride) for size, stride in zip(view.shape, view.strides, strict=True) if size != 1]
    left = list(new)
    while old:
        size, stride = old.pop()
        run = size
        while old and old[-1][1] == stride * run and old[-1][1] != 0:
            run *= old.pop()[0]
        step = stride
        while left and (run % left[-1] == 0) and not (run == 1 and left[-1] != 1):
            strides.append(step)
            step *= left[-1]
            run //= left.pop()
            if run == 1:
                break
        if run != 1:
            return None
    strides += [0] * len(left)
    return replace(view, shape=new, strides=tuple(reversed(strides)), sample=sample)
