"""Every row of the misuse table, with stat and without, on each compiler.

The right status and message, nothing left behind, no signal, no hang.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from ..support import known_compiler, printed_flags
from .conftest import HERE, Build, Run
from .forks import SETTINGS, Ending, assert_stopped, endings
from .misuse.file_table import FILES, GOOD_FILES
from .misuse.state_table import STATES
from .misuse.stop_table import STOPS
from .misuse.table import ARGUMENT, FILE, SUCCESS, Row
from .misuse.table import TABLE as CALLS

TABLE = CALLS | STATES
ROWS = [pytest.param(topic, row, id=f"{topic}-{row.name}") for topic, rows in TABLE.items() for row in rows]
STOP_ROWS = [pytest.param(topic, row, id=f"{topic}-{row.name}") for topic, rows in TABLE.items() for row in rows if row.status]

# gfortran copies a component of an array of derived type into a hidden temporary before the library sees it, and hands the
# length of a character argument where that of errmsg is expected, so errmsg is not touched then.
GFORTRAN = {
    ("arrays", "component_pointer"): Row("component_pointer", SUCCESS),
    ("results", "copy_character"): Row("copy_character", ARGUMENT),
    ("infer", "x_character"): Row("x_character", ARGUMENT),
    ("infer", "y_character"): Row("y_character", ARGUMENT),
}
# flang finalizes the results of functions itself: expressions live to the end of their statement or construct.
FLANG_RETURNS = {
    "stops_expression_twice": "value -16.0",
    "stops_associate_twice": "value 8.0",
}
# gfortran 13 and newer finalize most of them, too, which the library finds out at the second use.
LATER_GFORTRAN = {"stops_associate_twice": "is used after delete"}


class Outcome(NamedTuple):
    """What a program printed about one scenario."""

    status: int
    left: int
    failed: int
    message: str


Outcomes = Callable[[str], tuple[dict[str, Outcome], str]]
Endings = Callable[[str], dict[str, Ending]]


def expected(fc: str, topic: str, row: Row) -> Row:
    """The row, or what is known to differ with this compiler."""
    return GFORTRAN.get((topic, row.name), row) if fc == "gfortran" else row


def program(build: Build, topic: str) -> Path:
    return build("forks.f90", "misuse/kit.f90", f"misuse/{topic}.fypp")


@pytest.fixture(scope="session")
def outcomes(build: Build, run: Run) -> Outcomes:
    """Run a topic's program once and return what it printed for each scenario."""

    @cache
    def of(topic: str) -> tuple[dict[str, Outcome], str]:
        done = run(program(build, topic), "all", timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""
        assert [line for line in done.stdout.splitlines() if line.count("|") < 4 and not line.startswith("NOT TRUE")] == []
        return printed_outcomes(done.stdout), done.stdout

    return of


def printed_outcomes(text: str) -> dict[str, Outcome]:
    """What a program printed about each scenario."""
    lines = [parts for parts in (line.split("|", 4) for line in text.splitlines()) if len(parts) == 5]
    return {name: Outcome(int(status), int(left), int(failed), message) for name, status, left, failed, message in lines}


@pytest.mark.parametrize(("topic", "row"), ROWS)
def test_status_and_message(fc: str, outcomes: Outcomes, topic: str, row: Row) -> None:
    found, text = outcomes(topic)
    row = expected(fc, topic, row)
    outcome = found[row.name]
    assert outcome.status == row.status, outcome.message
    assert row.fragment in outcome.message
    assert outcome.failed == 0, text
    assert outcome.left == 0


@pytest.mark.parametrize("topic", TABLE)
def test_table_is_complete(outcomes: Outcomes, topic: str) -> None:
    assert set(outcomes(topic)[0]) == {row.name for row in TABLE[topic]}


@pytest.fixture(scope="session")
def without_stat(build: Build, run: Run) -> Endings:
    """Run each scenario of a topic's program in a process of its own, without stat; how it ended."""

    @cache
    def of(topic: str) -> dict[str, Ending]:
        done = run(program(build, topic), "each", "10", timeout=300, env=SETTINGS)
        return {ending.name: ending for ending in endings(done)}

    return of


@pytest.mark.parametrize(("topic", "row"), STOP_ROWS)
def test_program_stops(fc: str, without_stat: Endings, topic: str, row: Row) -> None:
    if not expected(fc, topic, row).status:
        pytest.skip("allowed with this compiler")
    assert_stopped(without_stat(topic)[row.name], row.fragment)


@pytest.mark.parametrize(("topic", "name", "fragment"), [(topic, *row) for topic, rows in STOPS.items() for row in rows])
def test_without_stat(fc: str, without_stat: Endings, topic: str, name: str, fragment: str) -> None:
    ending = without_stat(topic)[name]
    if fc != "gfortran" and name in FLANG_RETURNS:
        assert ending.code == 0
        assert FLANG_RETURNS[name] in ending.stdout
        return
    if fc == "gfortran" and int(known_compiler(fc).version.split(".")[0]) > 12:
        fragment = LATER_GFORTRAN.get(name, fragment)
    assert_stopped(ending, fragment)


@pytest.mark.long
@pytest.mark.parametrize("topic", TABLE)
def test_libraries_are_taken_apart_after_every_stop(build: Build, run: Run, without_stat: Endings, topic: str) -> None:
    """What every tenth does before it ends, all do, and end in the same way."""
    done = run(program(build, topic), "each", "1", timeout=600, env=SETTINGS)
    assert {ending.name: ending.code for ending in endings(done)} == {
        name: ending.code for name, ending in without_stat(topic).items()
    }


@pytest.mark.parametrize("topic", TABLE)
def test_table_of_stops_is_complete(without_stat: Endings, topic: str) -> None:
    assert set(without_stat(topic)) == {row.name for row in TABLE[topic]} | {name for name, _ in STOPS.get(topic, ())}


def load_list(build: Build) -> Path:
    return build("forks.f90", "load_list.f90")


@pytest.fixture(scope="session")
def loaded(build: Build, run: Run) -> dict[str, tuple[str, str]]:
    """Status and message of loading each file."""
    names = [*(row.name for row in FILES), *GOOD_FILES]
    done = run(load_list(build), text="".join(f"{name}\n" for name in names), timeout=60)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    *lines, live = done.stdout.splitlines()
    assert live == "live 0"
    found = {}
    for name, line in zip(names, lines, strict=True):
        assert line.startswith(f"{name}|")
        status, message = line.removeprefix(f"{name}|").split("|", 1)
        found[name] = (status, message)
    return found


@pytest.fixture(scope="session")
def loaded_without_stat(build: Build, run: Run) -> dict[str, Ending]:
    """How a program ends that loads a bad file, for each."""
    done = run(load_list(build), "each", text="".join(f"{row.name}\n" for row in FILES), timeout=300, env=SETTINGS)
    found = {ending.name: ending for ending in endings(done)}
    assert list(found) == [row.name for row in FILES]
    return found


@pytest.mark.parametrize("row", FILES, ids=lambda row: row.name[:20] or "no name")
def test_bad_file(loaded: dict[str, tuple[str, str]], loaded_without_stat: dict[str, Ending], row: Row) -> None:
    status, message = loaded[row.name]
    assert status == str(row.status)
    assert message.startswith("torch_model_load: ")
    assert row.fragment in message
    assert_stopped(loaded_without_stat[row.name], row.fragment)


@pytest.mark.parametrize("name", GOOD_FILES, ids=lambda name: name[:20])
def test_unusual_name(loaded: dict[str, tuple[str, str]], name: str) -> None:
    assert loaded[name] == ("0", "")


@pytest.mark.parametrize(("mode", "code"), [("stop", 7), ("return", 1)])
def test_error_handler(build: Build, run: Run, mode: str, code: int) -> None:
    done = run(build("error_handler.f90"), mode)
    assert done.returncode == code
    assert f"handler got {FILE} torch_model_load: cannot open 'missing.pt'" in done.stdout
    assert "went on" not in done.stdout


COMPILE_ERRORS = {
    "derived_type": ("type(point), target :: a(3)", "call torch_tensor_from_array(t, a)", "from_array"),
    "character": ("character(len=4), target :: a(3)", "call torch_tensor_from_array(t, a)", "from_array"),
    "tensor_to_infer": ("real :: a(3)", "call model%infer(t, a)", "FINAL"),
    "integer_pointer_to_pointer": ("real :: a(3)", "call torch_tensor_to_array(t, a)", "to_array"),
}


@pytest.mark.parametrize("name", COMPILE_ERRORS)
def test_rejected_by_the_compiler(fc: str, tmp_path: Path, name: str) -> None:
    declaration, statement, fragment = COMPILE_ERRORS[name]
    source = tmp_path / "program.f90"
    source.write_text(
        f"""program refused
  use :: ftorch
  implicit none (type, external)
  type :: point
    real :: x
  end type point
  type(torch_tensor) :: t
  type(torch_model) :: model
  {declaration}
  {statement}
end program refused
"""
    )
    compile_line = [fc, "-c", *printed_flags(fc, "--fflags"), str(source)]
    done = subprocess.run(compile_line, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert fragment in done.stderr
    good = source.read_text().replace(statement, "call torch_tensor_full(t, 1.0)")
    source.write_text(good)
    assert subprocess.run(compile_line, cwd=tmp_path, check=False).returncode == 0, "the rest of the program compiles"


def test_sources_are_short() -> None:
    for source in HERE.glob("*.f90"):
        lines = source.read_text().splitlines()
        assert len(lines) <= 400, source.name
        assert max(map(len, lines)) <= 132, source.name
