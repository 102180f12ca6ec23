"""What compilers keep in one place for all threads must not be used where several may be at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ..support import ROOT

SOURCES = sorted(
    path
    for folder in ("src/ftorch", "src/mpi", "python/pt2ts/fortran/templates")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".f90", ".fypp", ".jinja"}
)
#: Functions for programs, which the library itself never calls: docs/host-process.md says when they may be.
FOR_PROGRAMS = {"torch_version", "torch_library_version", "torch_model_contract", "line"}

_CALLED = re.compile(r"%line\(|\b(?:torch_version|torch_library_version|torch_model_contract)\(")
_FUNCTION = re.compile(r"^ *(?:(?:pure|impure|elemental|recursive) +)*function +(\w+)(.*?)^ *end function", re.M | re.S)
_DEFERRED = re.compile(r"character\(len=:\), *(?:allocatable|pointer)[^!\n]*:: *(\w+)")


def deferred(source: str) -> set[str]:
    """Functions whose result has deferred length: gfortran 12 to 16 keep the length of each call in one place for all threads."""
    found = set()
    for name, rest in _FUNCTION.findall(source):
        named = re.search(r"result\((\w+)\)", rest.split("\n", 1)[0])
        if (named[1] if named else name) in _DEFERRED.findall(rest):
            found.add(name)
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_results_of_functions_have_lengths_of_their_own(path: Path) -> None:
    source = path.read_text()
    assert deferred(source) <= FOR_PROGRAMS
    assert not [line for line in source.splitlines() if _CALLED.search(line) and "function " not in line]


def test_such_a_function_is_seen() -> None:
    source = "  pure function words(n) result(said)\n    character(len=:), allocatable :: said\n  end function words\n"
    assert deferred(source) == {"words"}
    assert deferred(source.replace("len=:", "len=n")) == set()
    assert deferred("  function words()\n    character(len=:), allocatable :: words, more\n  end function words\n") == {"words"}
