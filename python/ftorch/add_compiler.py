"""Compiles the installed Fortran sources with another compiler, into this installation."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile

from .compilers import Compiler
from .layout import Installation


class AddCompilerError(RuntimeError):
    """The interface could not be compiled; the message is CMake's or the compiler's."""


def add_compiler(compiler: Compiler, installation: Installation | None = None) -> None:
    """Compile and install the Fortran interface for ``compiler``.

    Raises
    ------
    AddCompilerError
        If CMake is missing, the compiler is refused, or the installation cannot be written.
    """
    place = installation or Installation()
    cmake = shutil.which("cmake")
    if cmake is None:
        raise AddCompilerError("cmake was not found; install it, for example with: python -m pip install cmake")
    if not os.access(place.library_dir, os.W_OK):
        raise AddCompilerError(f"{place.library_dir} cannot be written by this user")
    with tempfile.TemporaryDirectory(prefix="ftorch-") as build:
        steps = [
            [cmake, "-S", str(place.source_dir), "-B", build, f"-DCMAKE_Fortran_COMPILER={compiler.command}"],
            [cmake, "--build", build, "--target", "install"],
        ]
        for step in steps:
            done = subprocess.run(step, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            if done.returncode != 0:
                raise AddCompilerError(f"{' '.join(step)} failed:\n{done.stdout}")
