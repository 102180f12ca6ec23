"""Fortran compilers: which one is meant, and the tag of the folders that belong to it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# What `compiler --version` says first -> name that CMake gives the compiler. CMake itself is asked about all others: it takes a
# second, which is much for flags in a Makefile.
_FAMILIES = {
    r"GNU Fortran": "GNU",
    r"flang(-new)? version|Debian flang version": "LLVMFlang",
}
_VERSION = re.compile(r"\d+\.\d+\.\d+")
# Others that may lie on the PATH.
_OTHERS = ("ifx", "ifort", "nvfortran", "nagfor", "crayftn", "lfortran", "armflang", "amdflang")
# Options that make default integers and logicals 8 bytes wide: programs compiled so need module files compiled so.
_WIDE_INTEGERS = re.compile(r"(^| )(-fdefault-integer-8|-i8|-s integer64)( |$)")
_QUESTION = """cmake_minimum_required(VERSION 3.25)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
project(question LANGUAGES Fortran)
message(STATUS "It is ${CMAKE_Fortran_COMPILER_ID} ${CMAKE_Fortran_COMPILER_VERSION}")
"""


class CompilerError(RuntimeError):
    """There is no such compiler, or it is of an unknown kind."""


@dataclass(frozen=True)
class Compiler:
    """A Fortran compiler.

    Parameters
    ----------
    command
        Full path of the executable.
    family
        Name of the compiler as CMake spells it.
    version
        Its version, as CMake finds it.
    flags
        Words that belong to the command, such as ``-m64``.
    """

    command: Path
    family: str
    version: str
    flags: tuple[str, ...] = ()

    def __str__(self) -> str:
        return shlex.join([str(self.command), *self.flags])

    @property
    def tag(self) -> str:
        """Name of the folders that hold what this compiler has made, for example ``GNU-12.2.0``."""
        return f"{self.family}-{self.version}" + "-i8" * bool(_WIDE_INTEGERS.search(" ".join(self.flags)))


def find_compiler(command: str | None = None) -> Compiler:
    """Identify a Fortran compiler.

    Parameters
    ----------
    command
        Name or path, with flags behind it or without. Default: the environment variable ``FC``, or else gfortran.

    Raises
    ------
    CompilerError
        If it is not there, or not a compiler that CMake knows.
    """
    name = command or os.environ.get("FC") or "gfortran"
    path, flags = shutil.which(name), tuple[str, ...]()
    if path is None and (words := shlex.split(name)):
        path, flags = shutil.which(words[0]), tuple(words[1:])
    if path is None:
        raise CompilerError(f"the Fortran compiler '{name}' was not found; name one with --compiler or FC")
    # LC_ALL: the first line must not be translated.
    reply = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    first = reply.stdout.partition("\n")[0]
    for pattern, family in _FAMILIES.items():
        # A distributor's package version may stand in parentheses before the compiler's own.
        version = _VERSION.search(re.sub(r"\(.*?\)", "", first))
        if re.search(pattern, first) and version:
            return Compiler(Path(path), family, version.group(), flags)
    found = _asked_of_cmake(path, flags)
    if found is None:
        raise CompilerError(f"'{name}' is no Fortran compiler that CMake knows: it says '{first}'")
    return Compiler(Path(path), *found, flags)


@cache
def _asked_of_cmake(path: str, flags: tuple[str, ...]) -> tuple[str, str] | None:
    """Return name and version of a compiler as CMake finds them."""
    cmake = shutil.which("cmake")
    if cmake is None:
        raise CompilerError(
            f"which compiler '{path}' is can only be found out with cmake, and there is none; {how_to_get('cmake')}"
        )
    with tempfile.TemporaryDirectory(prefix="ftorch-") as folder:
        (Path(folder) / "CMakeLists.txt").write_text(_QUESTION)
        options = [f"-DCMAKE_Fortran_COMPILER={path}", f"-DCMAKE_Fortran_FLAGS={shlex.join(flags)}"]
        line = [cmake, "-S", folder, "-B", str(Path(folder) / "build"), *options]
        said = subprocess.run(line, capture_output=True, text=True, check=False).stdout
    found = re.search(r"It is (\S+) (\S+)$", said, re.MULTILINE)
    return (found[1], found[2]) if found else None


def how_to_get(package: str) -> str:
    """Say how a Python package is installed here: the Python of many systems refuses pip outside of an environment."""
    in_environment = sys.prefix != sys.base_prefix
    if in_environment or not (Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED").exists():
        return f"install it, for example with: {sys.executable} -m pip install {package}"
    return (
        "install it with this system's package manager, or in an environment of your own: "
        f"{sys.executable} -m venv ~/ftorch && ~/ftorch/bin/python -m pip install {package}"
    )


def present_compilers() -> Iterator[Compiler]:
    """Yield the Fortran compilers on the PATH: also every gfortran and flang with its version in its name."""
    names = {"gfortran", "flang", *_OTHERS}
    for folder in os.get_exec_path():
        names |= {p.name for pattern in ("gfortran-[0-9]*", "flang-[0-9]*") for p in Path(folder).glob(pattern)}
    seen = set()
    for name in sorted(names, key=lambda n: (not n.startswith("gfortran"), not n.startswith("flang"), len(n), n)):
        try:
            compiler = find_compiler(name)
        except CompilerError:
            continue
        if compiler.tag not in seen:
            seen.add(compiler.tag)
            yield compiler
