"""Two halves of different age: what was compiled with one C header meets the library of another, in either direction."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ftorch import Installation, find_compiler

from ..downstream.test_projects import SOURCES
from ..support import ROOT, BuildFortran, printed_flags, run

HERE = Path(__file__).resolve().parent
PLACE = Installation()
LIBRARY = 7  # CTORCH_ERROR_LIBRARY
HEADER = PLACE.include_dir / "ctorch_version.h"
MAJOR, MINOR = (int(re.findall(rf"define CTORCH_INTERFACE_{part} (\d+)", HEADER.read_text())[0]) for part in ("MAJOR", "MINOR"))

#: What another header says.
Changes = dict[str, object]
NEWER: Changes = {"MINOR": MINOR + 1}
OLDER: Changes = {"MINOR": MINOR - 1}
OTHER: Changes = {"MAJOR": MAJOR + 1}
EARLIER: Changes = {"MAJOR": MAJOR - 1}
LARGER: Changes = {"MAX_RANK": 16}

Make = Callable[[Changes], Path]


def changed_headers(folder: Path, changes: Changes) -> Path:
    """Copy of the headers with other numbers."""
    shutil.copytree(PLACE.include_dir, folder, ignore=shutil.ignore_patterns("ftorch"))
    for name, value in changes.items():
        name = name if name == "MAX_RANK" else f"INTERFACE_{name}"
        for header in folder.glob("*.h"):
            header.write_text(re.sub(rf"(define CTORCH_{name}) \d+", rf"\1 {value}", header.read_text()))
    return folder


@pytest.fixture
def caller(tmp_path: Path) -> Make:
    """Compile the C program with changed headers."""

    def make(changes: Changes) -> Path:
        headers = changed_headers(tmp_path / "caller", changes)
        flags = [f"-L{PLACE.library_dir}", f"-Wl,-rpath,{PLACE.library_dir}", "-lctorch"]
        run("gcc", "-std=c99", f"-I{headers}", HERE / "one_call.c", *flags, "-o", tmp_path / "program")
        return tmp_path / "program"

    return make


def implementation(folder: Path, headers: Path, names: list[str], *, interface: str = "{MAJOR, MINOR}") -> None:
    """Stand-in for the implementation: every entry succeeds."""
    major, minor = interface.strip("{}").split(",")
    text = f"""
#include "{headers}/ctorch_version.h"
enum {{ MAJOR = CTORCH_INTERFACE_MAJOR, MINOR = CTORCH_INTERFACE_MINOR }};
const char *ctorch_implementation_torch_version(void) {{ return "{PLACE.torch_version()}"; }}
void ctorch_implementation_interface(int32_t *a, int32_t *b) {{ *a = {major}; *b = {minor}; }}
void ctorch_implementation_start(int32_t shared) {{ (void)shared; }}
"""
    entries = "".join(f"int32_t {name}(void) {{ return 0; }}\n" for name in names)
    (folder / "entries.c").write_text("#include <stdint.h>\n" + entries)
    (folder / "asked.c").write_text("#define CTORCH_IS_THE_LIBRARY" + text)
    run("gcc", "-shared", "-fPIC", folder / "entries.c", folder / "asked.c", "-o", folder / "libctorch_torch.so")


@pytest.fixture
def library(tmp_path: Path) -> Make:
    """Compile libctorch with changed headers, and an implementation of the same age beside it."""

    def make(changes: Changes) -> Path:
        folder = tmp_path / "library"
        headers = changed_headers(folder / "include", changes)
        entries, names = folder / "ctorch_loader_entries.inc", folder / "ctorch_loader_names.inc"
        run(
            sys.executable,
            ROOT / "src" / "bindings" / "generate.py",
            *headers.glob("*.h"),
            *("--loader", entries, "--names", names),
        )
        # Under the name of the installed one, as if the folder had been overwritten.
        soname = PLACE.c_library.name
        run(
            *("gcc", "-shared", "-fPIC", f"-Wl,-soname,{soname}", f'-DCTORCH_TORCH_VERSION="{PLACE.torch_version()}"'),
            *(
                f"-I{headers}",
                f"-I{folder}",
                ROOT / "src" / "ctorch" / "loader" / "loader.c",
                "-o",
                folder / soname,
                "-ldl",
                "-lpthread",
                "-lm",
            ),
        )
        implementation(folder, headers, names.read_text().replace('"', "").replace(",", "").split())
        return folder

    return make


def said(program: Path, library: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **({"LD_LIBRARY_PATH": str(library)} if library else {})}
    return subprocess.run([program], env=environment, capture_output=True, text=True, timeout=120, check=False)


def assert_refused(text: str, compiled: str, there: str, who: str) -> None:
    assert f"{who} was compiled for version {compiled} of the C interface" in text
    assert f"{PLACE.c_library.name} has version {there}; compile it again for this one" in text


def test_a_caller_of_the_same_age(caller: Make) -> None:
    assert said(caller({})).stdout == "0 \n"


@pytest.mark.parametrize("changes", [NEWER, OTHER, EARLIER, LARGER])
def test_another_caller(caller: Make, changes: Changes) -> None:
    text = said(caller(changes)).stdout
    assert text.startswith(f"{LIBRARY} ")
    compiled = f"{changes.get('MAJOR', MAJOR)}.{changes.get('MINOR', MINOR)}"
    assert ("with structures of other sizes" in text) == (changes is LARGER)
    assert_refused(text.replace(", with structures of other sizes", ""), compiled, f"{MAJOR}.{MINOR}", "program")


def test_an_older_caller_works_on(caller: Make, library: Make) -> None:
    assert said(caller({}), library(NEWER)).stdout == "0 \n"


@pytest.mark.parametrize("changes", [OLDER, OTHER, EARLIER, LARGER])
def test_another_library(caller: Make, library: Make, changes: Changes) -> None:
    assert said(caller({}), library(changes)).stdout.startswith(f"{LIBRARY} ")


@pytest.mark.parametrize("changes", [OLDER, OTHER])
def test_another_library_below_the_fortran_interface(fc: str, build_fortran: BuildFortran, library: Make, changes: Changes) -> None:
    done = said(build_fortran(SOURCES["ftorch"], compiler=fc), library(changes))
    assert done.returncode == 1
    there = f"{changes.get('MAJOR', MAJOR)}.{changes.get('MINOR', MINOR)}"
    assert_refused(done.stderr, f"{MAJOR}.{MINOR}", there, PLACE.fortran_library(find_compiler(fc).tag).name)
    assert "python -m ftorch --add-compiler" in done.stderr


def test_another_implementation(caller: Make, library: Make) -> None:
    folder = library({})
    names = (folder / "ctorch_loader_names.inc").read_text().replace('"', "").replace(",", "").split()
    implementation(folder, folder / "include", names, interface="{9, 8}")
    text = said(caller({}), folder).stdout
    assert text.startswith(f"{LIBRARY} ")
    assert f"has version 9.8 of the C interface and {folder / PLACE.c_library.name} has {MAJOR}.{MINOR}" in text
    assert "install both anew" in text


def test_names_that_programs_look_for(fc: str, build_fortran: BuildFortran) -> None:
    """A library of another major version is not even found."""
    version = ".".join(PLACE.fortran_library(find_compiler(fc).tag).name.split(".")[2:])
    needed = set(re.findall(r"NEEDED.*\[(lib[cf]torch.*)\]", run("readelf", "-d", build_fortran(SOURCES["ftorch"], compiler=fc))))
    assert needed <= {f"libctorch.so.{MAJOR}", f"libftorch.so.{version}"}
    assert f"libftorch.so.{version}" in needed
    for library in (PLACE.c_library, PLACE.fortran_library(find_compiler(fc).tag)):
        assert f"[{library.name}]" in next(line for line in run("readelf", "-d", library).splitlines() if "SONAME" in line)
    assert printed_flags(fc, "--ldflags")[-2:] == ("-lftorch", "-lctorch")
