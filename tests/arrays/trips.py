"""One trip of an array through the façade, and what numpy expects of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
PLAIN, PERMUTED, LAID_OUT = 0, 1, 2
SAME = -1  # torch_kSame

#: Suffix of the façade's procedures -> what crosses to Fortran, and the library's code of the dtype.
STORAGE: dict[str, tuple[Any, int]] = {
    "int8": (np.int32, 1),
    "int16": (np.int16, 2),
    "int32": (np.int32, 3),
    "int64": (np.int64, 4),
    "real32": (np.float32, 6),
    "real64": (np.float64, 7),
    "complex32": (np.complex64, 8),
    "complex64": (np.complex128, 9),
    "bool": (np.int32, 10),
}

#: Kinds of one byte are converted inside the façade, so their addresses are not numpy's.
CONVERTED = ("int8", "bool")

Section = Sequence[tuple[int, int, int]]


def values(suffix: str, shape: Sequence[int], seed: int = 0) -> Array:
    """Return an array in Fortran's order whose elements differ as far as the type allows."""
    source = np.random.default_rng(seed)
    if suffix == "bool":
        return np.asfortranarray(source.integers(0, 2, shape).astype(np.int32))
    dtype = np.dtype(STORAGE[suffix][0])
    if suffix == "int8":
        return np.asfortranarray(source.integers(-128, 128, shape).astype(np.int32))
    if dtype.kind == "c":
        return np.asfortranarray((source.standard_normal(shape) + 1j * source.standard_normal(shape)).astype(dtype))
    if dtype.kind == "f":
        return np.asfortranarray(source.standard_normal(shape).astype(dtype))
    limits = np.iinfo(dtype)
    return np.asfortranarray(source.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True))


def cut(array: Array, section: Section) -> Array:
    """Return the numpy view of a Fortran section ``start:stop:step``, both ends included."""
    slices = []
    for start, stop, step in section:
        end = stop if step > 0 else stop - 2
        slices.append(slice(start - 1, None if end < 0 else end, step))
    return array[tuple(slices)]


def whole(array: Array) -> Section:
    """Return the section that is all of an array."""
    return [(1, size, 1) for size in array.shape]


@dataclass(frozen=True)
class Trip:
    """What came back.

    Attributes
    ----------
    copied, viewed, owned
        Values by torch_tensor_copy_to, through a pointer, and in an allocatable.
    dtype, contiguous
        What the tensor says about itself.
    shape, strides
        Also from the tensor; strides in elements.
    array_address, tensor_address, view_address
        Where the array, the tensor's first element and the pointer's are.
    """

    copied: Array
    viewed: Array
    owned: Array
    dtype: int
    contiguous: bool
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    array_address: int
    tensor_address: int
    view_address: int


def trip(
    facade: ModuleType,
    suffix: str,
    array: Array,
    section: Section,
    *,
    how: int = PLAIN,
    order: Sequence[int] = (),
    dtype: int = SAME,
    copy: bool = False,
    undo: bool = False,
    wipe: bool = False,
) -> Trip:
    """Send a section of ``array`` to a tensor and back in three ways; the parameters are the façade's."""
    rank = array.ndim
    part = cut(array, section)
    order = list(order) or list(range(1, rank + 1))
    results = [np.zeros(part.size, dtype=array.dtype) for _ in range(3)]
    facts = np.zeros(15, dtype=np.int64)
    getattr(facade, f"f90wrap_facade__exchange_{suffix}_{rank}")(
        array=array,
        section=np.array(section, dtype=np.int32).ravel(),
        how=how,
        order=np.array(order, dtype=np.int32),
        dtype=dtype,
        copy=int(copy),
        undo=int(undo),
        wipe=int(wipe),
        copied=results[0],
        viewed=results[1],
        owned=results[2],
        facts=facts,
    )
    shape = [part.shape[axis - 1] for axis in order] if how == PERMUTED and not undo else list(part.shape)
    copied, viewed, owned = (result.reshape(shape, order="F") for result in results)
    assert facts[1] == rank
    assert facts[2] == part.size
    return Trip(
        copied, viewed, owned,
        dtype=int(facts[0]),
        contiguous=bool(facts[3]),
        shape=tuple(facts[7 : 7 + rank].tolist()),
        strides=tuple(facts[11 : 11 + rank].tolist()),
        array_address=int(facts[4]),
        tensor_address=int(facts[5]),
        view_address=int(facts[6]),
    )  # fmt: skip


def offset(array: Array, section: Section) -> int:
    """Return the distance in elements from the array's first element to the section's."""
    steps = np.cumprod([1, *array.shape[:-1]])
    return int(sum((start - 1) * step for (start, _, _), step in zip(section, steps, strict=True)))
