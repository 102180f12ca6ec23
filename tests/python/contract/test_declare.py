"""Declarations and symbols: the grammar of one line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pt2ts
from pt2ts.contract.declare import parse_symbol
from pt2ts.contract.ranges import SizeBound, at, from_json, range_text, to_json

DTYPES = [
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "float32",
    "float64",
    "complex64",
    "complex128",
    "bool",
    "bfloat16",
]
NAMES = st.from_regex(r"[a-z][a-z_0-9]{0,8}", fullmatch=True)
UNITS = st.sampled_from([None, "K", "m s-1", "kg m-2 s-1", "1", "W/m2", "degrees_north"])


@given(
    name=NAMES,
    shape=st.none() | st.lists(st.integers(1, 9999) | NAMES, max_size=5).map(tuple),
    dtype=st.none() | st.sampled_from(DTYPES),
    units=UNITS,
    bounds=st.none() | st.tuples(st.floats(-1e6, 0), st.floats(0, 1e6)),
    description=st.sampled_from(["", "temperature -- of the column", "Grad Celsius: °C"]),
)
def test_every_part_may_be_left_out(name, shape, dtype, units, bounds, description) -> None:  # type: ignore[no-untyped-def]
    text = name
    text += "" if shape is None else "[" + ",".join(map(str, shape)) + "]"
    text += f" {dtype}" if dtype else ""
    text += f" {units}" if units else ""
    text += f" {bounds[0]!r}..{bounds[1]!r}" if bounds else ""
    text += f" -- {description}" if description else ""
    assert pt2ts.Declaration.parse(text) == pt2ts.Declaration(name, shape, dtype, units, bounds, description)


def test_a_scalar_is_written_with_empty_brackets() -> None:
    assert pt2ts.Declaration.parse("month[] int64").shape == ()


@pytest.mark.parametrize(
    "units", ["in", "m", "m2", "lon", "1e8", "hPa", "log10(Pa)", "mol", "K m-2", "point", "real-time", "m s**-1", "H2O"]
)
def test_units_are_not_taken_for_dtypes(units: str) -> None:
    assert pt2ts.Declaration.parse(f"x[3] {units}").units == units


def test_names_of_nested_results() -> None:
    assert pt2ts.Declaration.parse("air.rain[3] kg").name == "air.rain"


def test_other_spellings_of_dtypes() -> None:
    assert pt2ts.Declaration.parse("x[3] real64").dtype == "float64"
    assert pt2ts.Declaration.parse("x[3] double K").dtype == "float64"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cannot read the declaration"),
        ("[3] float32", "cannot read the declaration"),
        ("x[3", "cannot read the declaration"),
        ("x[3]float32", "cannot read the declaration"),
        ("x[0]", "'0' in 'x[0]' is no size"),
        ("x[-1]", "is no size"),
        ("x[ny%4]", "--symbol ny%4"),
        ("x[a b]", "is no size"),
        ("x[3,]", "is no size"),
        ("x[batch,5] flaot32", "did you mean float32?"),
        ("x[5] flaot", "did you mean float32?"),
        ("x[5] Float64 K", "did you mean float64?"),
        ("x[5] f32", "did you mean float32?"),
        ("x[5] real", "did you mean float32?"),
        ("x[5] boolean", "did you mean bool?"),
        ("x[5] INT", "did you mean int32?"),
        ("x[5] K flot32 180..320", "did you mean float32?"),
        ("x[5] K float32", "'float32' in 'x[5] K float32' is not where a dtype belongs"),
        ("x[5] float32 int64", "'int64' in 'x[5] float32 int64' is not where a dtype belongs"),
        ("x[3] float32 K 5..", "cannot read the range"),
        ("x[3] float32 K 5..4", "is empty"),
        ("x[3] float32 K 1..a-b", "cannot read the range"),
    ],
)
def test_what_cannot_be_read_is_quoted(text: str, words: str) -> None:
    with pytest.raises(pt2ts.DeclarationError) as caught:
        pt2ts.Declaration.parse(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "low", "high"), [("batch=1..1024", 1, 1024), ("batch=2..", 2, None), ("batch=0..3", 0, 3), ("batch = 16", 16, 16)]
)
def test_bounds_of_symbols(text: str, low: int, high: int | None) -> None:
    assert parse_symbol(text) == ("batch", pt2ts.Symbol(low, high))


@pytest.mark.parametrize("text", ["batch", "batch=", "batch=0..0", "batch=0", "batch=5..4", "3=4", "batch=a..b"])
def test_bounds_that_cannot_be_read(text: str) -> None:
    with pytest.raises(pt2ts.DeclarationError):
        parse_symbol(text)


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("ny%4", (1, None, 4)),
        ("ny % 4 == 0", (1, None, 4)),
        ("ny=8..640%4", (8, 640, 4)),
        ("ny = 8.. % 4", (8, None, 4)),
        ("ny=8%4", (8, 8, 4)),
    ],
)
def test_multiples_of_symbols(text: str, symbol: tuple[int, int | None, int]) -> None:
    assert parse_symbol(text) == ("ny", pt2ts.Symbol(*symbol))


@pytest.mark.parametrize("text", ["ny%", "ny%0", "ny%4==1", "ny=9..11%4", "ny=1..%x"])
def test_multiples_that_cannot_be_read(text: str) -> None:
    with pytest.raises(pt2ts.DeclarationError):
        parse_symbol(text)


@pytest.mark.parametrize(
    ("text", "bounds", "words"),
    [
        ("e[2,m] int64 1..nodes", (1.0, SizeBound("nodes")), "1 to nodes"),
        ("e[2,m] int64 0..nodes-1", (0.0, SizeBound("nodes", -1)), "0 to nodes-1"),
        ("e[m] int64 first+2..nodes", (SizeBound("first", 2), SizeBound("nodes")), "first+2 to nodes"),
        ("x[3] float32 K -1e3..2.5", (-1000.0, 2.5), "-1000 to 2.5"),
    ],
)
def test_ranges_may_follow_sizes(text: str, bounds: Any, words: str) -> None:
    item = pt2ts.Declaration.parse(text)
    assert item.range is not None
    assert item.range == bounds
    assert range_text(item.range) == words
    assert from_json(to_json(item.range)) == bounds
    assert at(item.range, {"nodes": 5, "first": 1})[1] in (5.0, 4.0, 2.5)
