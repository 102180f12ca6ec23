"""Tensors over memory given by its address: with strides, with a layout, and the function of the 2023 interface."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .trips import Array

SHARED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SHAPES = st.lists(st.integers(1, 5), min_size=1, max_size=4)
MEMORY = 2000


def blob(
    facade: ModuleType,
    memory: Array,
    shape: Sequence[int],
    *,
    strides: Sequence[int] = (),
    layout: Sequence[int] = (),
    start: int = 0,
) -> tuple[Array, list[int]]:
    """Return the values of the tensor and what it says about itself."""
    copied, facts = np.zeros(int(np.prod(shape))), np.zeros(15, dtype=np.int64)
    facade.f90wrap_facade__blob_real64(
        memory=memory,
        offset=start,
        extents=np.array(shape, dtype=np.int64),
        strides=np.array(strides, dtype=np.int64),
        layout=np.array(layout, dtype=np.int32),
        copied=copied,
        facts=facts,
    )
    return copied.reshape(shape, order="F"), facts.tolist()


@SHARED
@given(shape=SHAPES, data=st.data())
def test_strides_are_numpys(facade: ModuleType, shape: list[int], data: st.DataObject) -> None:
    """Any strides of at least zero: gaps, transposes, overlaps and repetitions."""
    strides = data.draw(st.lists(st.integers(0, 90), min_size=len(shape), max_size=len(shape)))
    start = data.draw(st.integers(0, 50))
    memory = np.arange(float(MEMORY))
    found, facts = blob(facade, memory, shape, strides=strides, start=start)
    wanted = np.lib.stride_tricks.as_strided(memory[start:], shape, [8 * step for step in strides], writeable=False)
    np.testing.assert_array_equal(found, wanted)
    assert facts[5] == memory.ctypes.data + 8 * start
    assert facts[7 : 7 + len(shape)] == shape
    assert facts[11 : 11 + len(shape)] == strides


@SHARED
@given(shape=SHAPES, data=st.data())
def test_layout_lists_dimensions_from_fastest_to_slowest(facade: ModuleType, shape: list[int], data: st.DataObject) -> None:
    """A layout is strides without gaps."""
    layout = data.draw(st.permutations(range(1, len(shape) + 1)))
    axes = [axis - 1 for axis in layout]
    memory = np.arange(float(MEMORY))
    found, facts = blob(facade, memory, shape, layout=layout)
    count = int(np.prod(shape))
    wanted = memory[:count].reshape([shape[axis] for axis in axes], order="F").transpose(np.argsort(axes))
    np.testing.assert_array_equal(found, wanted)
    assert facts[5] == memory.ctypes.data


@SHARED
@given(shape=SHAPES)
def test_without_both_memory_is_row_major(facade: ModuleType, shape: list[int]) -> None:
    """The last dimension of the tensor is the fastest."""
    memory = np.arange(float(MEMORY))
    found, facts = blob(facade, memory, shape)
    np.testing.assert_array_equal(found, memory[: int(np.prod(shape))].reshape(shape))
    assert facts[3] == 1


@SHARED
@given(shape=SHAPES, row_major=st.booleans())
def test_the_function_of_2023_reads_as_fortran_does(facade: ModuleType, shape: list[int], row_major: bool) -> None:
    """The index of the array is the index of the tensor, unless row_major says that the extents are given in reverse."""
    memory = np.arange(float(MEMORY))
    copied, facts = np.zeros(int(np.prod(shape))), np.zeros(15, dtype=np.int64)
    facade.f90wrap_facade__blob_2023_real64(
        memory=memory, extents=np.array(shape, dtype=np.int64), row_major=int(row_major), copied=copied, facts=facts
    )
    wanted = memory[: copied.size].reshape(shape, order="C" if row_major else "F")
    np.testing.assert_array_equal(copied.reshape(shape, order="F"), wanted)
    assert facts[5] == memory.ctypes.data


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"strides": [1]}, "strides"),
        ({"layout": [1]}, "layout"),
        ({"layout": [1, 1]}, "layout"),
        ({"layout": [0, 1]}, "layout"),
        ({"strides": [-1, 2]}, "stride"),
    ],
)
def test_what_does_not_fit_is_named(facade: ModuleType, options: dict[str, Any], words: str) -> None:
    """A wrong count, a repeated dimension, a negative stride."""
    with pytest.raises(RuntimeError, match=words):
        blob(facade, np.arange(float(MEMORY)), [2, 3], **options)
