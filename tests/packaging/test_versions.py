"""The version is written once, in pyproject.toml; everything else that shows one agrees."""

from __future__ import annotations

import ctypes
import importlib.metadata
import re
import sys
from pathlib import Path

import ftorch
import pt2ts

from ..support import PROJECT, ROOT, TESTED, run

PLACE = ftorch.Installation()
VERSION: str = PROJECT["version"]


def first_match(pattern: str, path: Path) -> str:
    found = re.search(pattern, path.read_text(), re.MULTILINE)
    assert found, f"{path} has no {pattern}"
    return found[1]


def test_python_packages() -> None:
    assert importlib.metadata.version("ftorch") == VERSION
    assert ftorch.__version__ == VERSION
    assert pt2ts.__version__ == VERSION
    assert run(sys.executable, "-m", "ftorch", "--version").strip() == VERSION


def test_library() -> None:
    text, length = ctypes.c_char_p(), ctypes.c_int64()
    library = ctypes.CDLL(str(PLACE.c_library))
    assert library.ctorch_runtime_version(ctypes.byref(text), ctypes.byref(length)) == 0
    assert text.value is not None
    assert text.value[: length.value].decode() == VERSION


def test_what_other_build_systems_read() -> None:
    assert first_match(r'set\(PACKAGE_VERSION "(.*)"\)', PLACE.cmake_dir / "FTorchConfigVersion.cmake") == VERSION
    for name in ("ftorch", "ftorch1"):
        assert first_match(r"^Version: (.*)$", PLACE.pkgconfig_dir / f"{name}.pc") == VERSION


def test_what_people_read() -> None:
    assert first_match(r"^version: (.*)$", ROOT / "CITATION.cff") == VERSION
    assert first_match(r"^## \[?(\d+\.\d+\.\d+)", ROOT / "CHANGELOG.md") == VERSION


def test_pytorch() -> None:
    known = first_match(r"^known=\((.*)\)$", ROOT / "scripts" / "versions").split()
    minors = [int(version.split(".")[1]) for version in known]
    assert minors == list(range(minors[0], minors[-1] + 1))
    assert f">=2.{minors[0]},<2.{minors[-1] + 1}" == TESTED
    assert first_match(r"^default_torch=(.*)$", ROOT / "scripts" / "setup") in known
    assert PLACE.torch_version() == importlib.metadata.version("torch").partition("+")[0]
