"""Tests do not vanish unnoticed: a folder that is no longer found, or an option that deselects it, would look like success."""

from __future__ import annotations

import os
import re
import sys
from functools import cache
from pathlib import Path

import pytest

from .support import ROOT, run

# Tests of `make test` and of `make test-long`. Raise them when tests are added; lower them only with a reason in the commit.
AT_LEAST = {"not long": 5313, "long": 189}


@cache
def collected(mark: str) -> str:
    # Options of this run, such as -v, would change what is printed.
    plain = {**os.environ, "PYTEST_ADDOPTS": ""}
    return run(
        sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "-m", mark, ROOT / "tests", env=plain
    )


@pytest.mark.parametrize("mark", AT_LEAST)
def test_number_of_collected_tests(mark: str) -> None:
    said = collected(mark)
    found = re.search(r"^(?:(\d+)/)?(\d+) tests? collected", said, re.MULTILINE)
    assert found, said[-2000:]
    assert int(found[1] or found[2]) >= AT_LEAST[mark]


def test_every_folder_is_collected() -> None:
    lines = [line for mark in AT_LEAST for line in collected(mark).splitlines() if "::" in line]
    on_disk = {path.parent.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert {Path(line.partition("::")[0]).parent.name for line in lines} == on_disk
