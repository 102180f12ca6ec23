"""Fortran compilers: which one is meant, and the tag of the folders that belong to it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# What `compiler --version` says first -> name that CMake gives the compiler.
_FAMILIES = {
    r"GNU Fortran": "GNU",
    r"flang(-new)? version|Debian flang version": "LLVMFlang",
}
_VERSION = re.compile(r"\d+\.\d+\.\d+")


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
        Its version, three numbers.
    """

    command: Path
    family: str
    version: str

    @property
    def tag(self) -> str:
        """Name of the folders that hold what this compiler has made, for example ``GNU-12.2.0``."""
        return f"{self.family}-{self.version}"


def find_compiler(command: str | None = None) -> Compiler:
    """Identify a Fortran compiler.

    Parameters
    ----------
    command
        Name or path. Default: the environment variable ``FC``, or else gfortran.

    Raises
    ------
    CompilerError
        If it is not there, or not a compiler this package knows.
    """
    name = command or os.environ.get("FC") or "gfortran"
    path = shutil.which(name)
    if path is None:
        raise CompilerError(f"the Fortran compiler '{name}' was not found; name one with --compiler or FC")
    # LC_ALL: the first line must not be translated.
    reply = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    first = reply.stdout.partition("\n")[0]
    for pattern, family in _FAMILIES.items():
        # A distributor's package version may stand in parentheses before the compiler's own.
        version = _VERSION.search(re.sub(r"\(.*?\)", "", first))
        if re.search(pattern, first) and version:
            return Compiler(Path(path), family, version.group())
    raise CompilerError(f"'{name}' is not a Fortran compiler known to this command: it says '{first}'; use the CMake package")


def present_compilers() -> Iterator[Compiler]:
    """Yield the Fortran compilers on the PATH: gfortran, and every flang with its version in its name."""
    names = {"gfortran", "flang"}
    for folder in os.get_exec_path():
        names |= {p.name for pattern in ("gfortran-[0-9]*", "flang-[0-9]*") for p in Path(folder).glob(pattern)}
    seen = set()
    for name in sorted(names, key=lambda n: (n.startswith("flang"), len(n), n)):
        try:
            compiler = find_compiler(name)
        except CompilerError:
            continue
        if compiler.tag not in seen:
            seen.add(compiler.tag)
            yield compiler
