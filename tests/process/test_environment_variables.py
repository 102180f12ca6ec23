"""The environment belongs to the program: its threads may be reading it."""

from __future__ import annotations

import re

from ftorch import Installation

from ..support import ROOT, run


def test_no_source_changes_the_environment() -> None:
    sources = [path for path in (ROOT / "src").rglob("*") if path.suffix in (".c", ".cpp", ".h", ".f90", ".fypp")]
    assert len(sources) > 100
    calls = re.compile(r"\b(setenv|putenv|unsetenv|clearenv)\b")
    assert not [str(path) for path in sources if calls.search(path.read_text())]


def test_no_library_asks_for_such_a_function() -> None:
    place = Installation()
    for library in (place.c_library, place.library_dir / "libctorch_torch.so", place.library_dir / "libctorch_rebind.so"):
        wanted = run("nm", "-D", "--undefined-only", library)
        assert not re.search(r"\b(setenv|putenv|unsetenv|clearenv)\b", wanted), library
