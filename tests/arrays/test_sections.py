"""Sections of arrays, of every dtype and rank, as tensors and back: numpy is the oracle, addresses prove that nothing is copied."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .trips import CONVERTED, LAID_OUT, PERMUTED, STORAGE, Section, cut, offset, trip, values, whole

SHARED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SUFFIXES = st.sampled_from(list(STORAGE))


@st.composite
def sections(draw: st.DrawFn, *, backwards: bool = False, surely: bool = False) -> tuple[tuple[int, ...], Section]:
    """Draw a shape of rank 1 to 4 and a section of it that is not empty; `surely` makes one dimension run backwards."""
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))
    reversed_dim = draw(st.integers(0, len(shape) - 1)) if surely else None
    if reversed_dim is not None:
        shape = (*shape[:reversed_dim], draw(st.integers(2, 6)), *shape[reversed_dim + 1 :])
    section = []
    for dim, size in enumerate(shape):
        if dim == reversed_dim:
            section.append((size, 1, -1))
            continue
        low = draw(st.integers(1, size))
        high = draw(st.integers(low, size))
        step = draw(st.integers(1, 3))
        turn = backwards and draw(st.booleans())
        section.append((high, low, -step) if turn else (low, high, step))
    return shape, section


def orders(rank: int) -> st.SearchStrategy[list[int]]:
    """Draw an order of dimensions."""
    return st.permutations(range(1, rank + 1))


@SHARED
@given(suffix=SUFFIXES, drawn=sections())
def test_tensor_index_is_array_index(facade: ModuleType, suffix: str, drawn: tuple[tuple[int, ...], Section]) -> None:
    """By default the tensor is the section, index by index, in place."""
    shape, section = drawn
    array = values(suffix, shape)
    part, before = cut(array, section), array.copy()
    found = trip(facade, suffix, array, section)
    assert found.dtype == STORAGE[suffix][1]
    assert found.shape == part.shape
    for back in (found.copied, found.viewed, found.owned):
        np.testing.assert_array_equal(back, part)
    np.testing.assert_array_equal(array, before)
    size = 1 if suffix in CONVERTED else array.itemsize
    assert found.tensor_address == found.view_address == found.array_address + offset(array, section) * size
    if suffix not in CONVERTED:
        assert found.array_address == array.ctypes.data
        wanted = [stride // array.itemsize for stride in part.strides]
        assert all(a == b for a, b, extent in zip(found.strides, wanted, part.shape, strict=True) if extent > 1)


@SHARED
@given(suffix=SUFFIXES, drawn=sections(), data=st.data())
def test_permute_dims_is_numpys_transpose(
    facade: ModuleType, suffix: str, drawn: tuple[tuple[int, ...], Section], data: st.DataObject
) -> None:
    """``permute_dims`` gives the permuted view, still in place, and undoes itself on the way back."""
    shape, section = drawn
    order = data.draw(orders(len(shape)))
    array = values(suffix, shape)
    part = cut(array, section)
    found = trip(facade, suffix, array, section, how=PERMUTED, order=order)
    wanted = part.transpose([axis - 1 for axis in order])
    assert found.shape == wanted.shape
    for back in (found.copied, found.viewed, found.owned):
        np.testing.assert_array_equal(back, wanted)
    undone = trip(facade, suffix, array, section, how=PERMUTED, order=order, undo=True)
    assert undone.shape == wanted.shape
    for back in (undone.copied, undone.viewed, undone.owned):
        np.testing.assert_array_equal(back, part)
    size = 1 if suffix in CONVERTED else array.itemsize
    assert undone.tensor_address == undone.view_address == undone.array_address + offset(array, section) * size


@SHARED
@given(suffix=SUFFIXES, drawn=sections(backwards=True), data=st.data())
def test_a_copy_takes_any_direction(
    facade: ModuleType, suffix: str, drawn: tuple[tuple[int, ...], Section], data: st.DataObject
) -> None:
    """With ``copy`` sections may run backwards, and the tensor has memory of its own."""
    shape, section = drawn
    order = data.draw(orders(len(shape)))
    array = values(suffix, shape)
    found = trip(facade, suffix, array, section, how=PERMUTED, order=order, copy=True, wipe=True)
    np.testing.assert_array_equal(found.copied, cut(values(suffix, shape), section).transpose([axis - 1 for axis in order]))
    np.testing.assert_array_equal(array, values(suffix, shape))
    assert found.contiguous


@SHARED
@given(suffix=SUFFIXES, drawn=sections(backwards=True, surely=True))
def test_backwards_without_copy_is_refused(facade: ModuleType, suffix: str, drawn: tuple[tuple[int, ...], Section]) -> None:
    """A negative stride is an error that names the dimension and the way out."""
    shape, section = drawn
    array = values(suffix, shape)
    extents = cut(array, section).shape
    backwards = [n for n, ((_, _, step), size) in enumerate(zip(section, extents, strict=True), 1) if step < 0 and size > 1]
    with pytest.raises(RuntimeError, match=rf"dimension {backwards[0]} runs backwards .*copy=\.true\."):
        trip(facade, suffix, array, section)


@SHARED
@given(suffix=SUFFIXES, drawn=sections())
def test_writing_through_the_pointer_writes_the_section(
    facade: ModuleType, suffix: str, drawn: tuple[tuple[int, ...], Section]
) -> None:
    """Array, tensor and pointer are one memory; what lies between the section's elements is not touched."""
    shape, section = drawn
    array = values(suffix, shape)
    wanted = array.copy()
    cut(wanted, section)[...] = 0
    trip(facade, suffix, array, section, wipe=True)
    np.testing.assert_array_equal(array, wanted)


@SHARED
@given(suffix=SUFFIXES, shape=st.lists(st.integers(1, 5), min_size=1, max_size=4), data=st.data())
def test_layout_keeps_the_shape_and_reads_memory_in_another_order(
    facade: ModuleType, suffix: str, shape: list[int], data: st.DataObject
) -> None:
    """The older form: ``layout`` lists the dimensions from fastest to slowest."""
    order = data.draw(orders(len(shape)))
    array = values(suffix, shape)
    found = trip(facade, suffix, array, whole(array), how=LAID_OUT, order=order)
    axes = [axis - 1 for axis in order]
    wanted = array.ravel(order="F").reshape([shape[axis] for axis in axes], order="F").transpose(np.argsort(axes))
    assert found.shape == tuple(shape)
    for back in (found.copied, found.viewed, found.owned):
        np.testing.assert_array_equal(back, wanted)
    assert found.tensor_address == found.array_address


def test_layout_of_a_section_is_refused_unless_it_changes_nothing(facade: ModuleType) -> None:
    """Memory with gaps has no other order to be read in."""
    array = values("real64", (4, 5))
    section = [(1, 4, 2), (1, 5, 1)]
    np.testing.assert_array_equal(trip(facade, "real64", array, section, how=LAID_OUT, order=[1, 2]).copied, cut(array, section))
    with pytest.raises(RuntimeError, match="permute_dims= gives the transposed view"):
        trip(facade, "real64", array, section, how=LAID_OUT, order=[2, 1])


@pytest.mark.parametrize("order", [[1], [1, 1], [0, 1], [2, 3], [1, 2, 3]])
@pytest.mark.parametrize(("how", "argument"), [(PERMUTED, "permute_dims"), (LAID_OUT, "layout")])
def test_an_order_must_name_each_dimension_once(facade: ModuleType, order: list[int], how: int, argument: str) -> None:
    """The argument is named as the caller wrote it."""
    array = values("real32", (2, 3))
    with pytest.raises(RuntimeError, match=argument):
        trip(facade, "real32", array, whole(array), how=how, order=order)


@pytest.mark.parametrize("suffix", STORAGE)
def test_a_section_without_elements(facade: ModuleType, suffix: str) -> None:
    """Zero columns are no error: a processor may own none."""
    array = values(suffix, (3, 4))
    found = trip(facade, suffix, array, [(1, 3, 1), (3, 2, 1)])
    assert found.shape == (3, 0)
    assert found.copied.size == 0


#: Suffix of the storage and code of each dtype that has no suffix of its own.
BORROWING = [("int8", 0), ("int16", 5), ("int16", 11)]


@pytest.mark.parametrize(("suffix", "code"), BORROWING)
def test_a_dtype_that_borrows_storage(facade: ModuleType, suffix: str, code: int) -> None:
    """Those that Fortran does not have live in integers of their size; the bits stay."""
    array = values(suffix, (3, 4))
    found = trip(facade, suffix, array, [(1, 3, 2), (2, 4, 1)], dtype=code)
    assert found.dtype == code
    np.testing.assert_array_equal(found.copied, cut(array, [(1, 3, 2), (2, 4, 1)]))
    np.testing.assert_array_equal(found.viewed, found.copied)


@pytest.mark.parametrize(("suffix", "code"), [("int32", 6), ("real64", 6), ("int8", 5), ("int16", 0), ("real32", 11)])
def test_a_dtype_of_another_size_or_kind_is_refused(facade: ModuleType, suffix: str, code: int) -> None:
    """Bits are never read as another type by accident."""
    array = values(suffix, (3, 4))
    with pytest.raises(RuntimeError, match="argument 'dtype'"):
        trip(facade, suffix, array, whole(array), dtype=code)


def test_scalar(facade: ModuleType) -> None:
    """Rank 0, in place as well."""
    value, returned, facts = np.array([3.5]), np.zeros(1), np.zeros(15, dtype=np.int64)
    facade.f90wrap_facade__scalar_real64(value=value, wipe=1, returned=returned, facts=facts)
    assert (returned[0], value[0]) == (3.5, 0.0)
    assert facts[:3].tolist() == [7, 0, 1]
