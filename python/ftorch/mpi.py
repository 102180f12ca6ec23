"""MPIs: which one a compiler wrapper belongs to, and the name of the folders for its kind."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .compilers import Compiler, find_compiler

# Kind of the folders -> what people call it, and the macros of mpi.h, the most special first. Where two have one binary interface,
# they are one kind.
_KINDS = {
    "openmpi": [("Open MPI", "OMPI_MAJOR_VERSION.OMPI_MINOR_VERSION.OMPI_RELEASE_VERSION")],
    "mpich": [
        ("Intel MPI", "I_MPI_VERSION"),
        ("MVAPICH", "MVAPICH2_VERSION"),
        ("Cray MPICH", "CRAY_MPICH_VERSION"),
        ("MPICH", "MPICH_VERSION"),
    ],
}
# Wrapper of the Fortran compiler -> wrapper of the C compiler; a suffix such as .mpich stays.
_C_WRAPPERS = {"mpifort": "mpicc", "mpif90": "mpicc", "mpif77": "mpicc", "mpiifort": "mpiicc", "mpiifx": "mpiicx", "ftn": "cc"}


class MpiError(RuntimeError):
    """There is no such MPI, or it is of an unknown kind."""


@dataclass(frozen=True)
class Mpi:
    """An MPI, as its compiler wrappers show it.

    Parameters
    ----------
    fortran, c
        Full paths of the wrappers.
    kind
        ``openmpi`` or ``mpich``: the binary interface, and the name of its folders.
    title
        Name and version.
    """

    fortran: Path
    c: Path
    kind: str
    title: str

    def compiler(self) -> Compiler:
        """Fortran compiler that the wrapper starts."""
        return find_compiler(str(self.fortran))


def find_mpi(command: str | None = None) -> Mpi:
    """Identify an MPI.

    Parameters
    ----------
    command
        Name or path of its wrapper of the Fortran compiler. Default: the environment variable ``MPIFC``, or else mpifort. The
        wrapper of the C compiler is the one of the same name, or the environment variable ``MPICC``.

    Raises
    ------
    MpiError
        If one of the two is not there, or the MPI is none this package knows.
    """
    name = command or os.environ.get("MPIFC") or "mpifort"
    fortran = shutil.which(name)
    if fortran is None:
        raise MpiError(f"the MPI's compiler '{name}' was not found; name one, for example mpifort.openmpi, or load its module")
    c = shutil.which(os.environ.get("MPICC") or _c_wrapper(Path(fortran)))
    if c is None:
        wanted = os.environ.get("MPICC") or _c_wrapper(Path(fortran))
        raise MpiError(f"'{name}' was found, but not the C compiler of the same MPI, '{wanted}'; name it with MPICC")
    kind, title = _kind(Path(c))
    return Mpi(Path(fortran), Path(c), kind, title)


def _c_wrapper(fortran: Path) -> str:
    for ours, theirs in _C_WRAPPERS.items():
        if re.match(rf"{ours}\b", fortran.name):
            return str(fortran.with_name(theirs + fortran.name.removeprefix(ours)))
    raise MpiError(f"'{fortran}' is no compiler of an MPI known to this command; known are {', '.join(_C_WRAPPERS)}")


def _kind(c: Path) -> tuple[str, str]:
    """Ask the preprocessor what mpi.h defines; a macro that is none comes back as its name."""
    rows = [(kind, title, macro) for kind, names in _KINDS.items() for title, macro in names]
    with tempfile.TemporaryDirectory(prefix="ftorch-") as folder:
        source = Path(folder) / "kind.c"
        lines = [f"ftorch_row {number} {macro.replace('.', ' . ')}" for number, (_, _, macro) in enumerate(rows)]
        source.write_text("\n".join(["#include <mpi.h>", *lines, ""]))
        done = subprocess.run([c, "-E", source], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MpiError(f"{c} cannot compile with mpi.h:\n{done.stderr}")
    for number, version in re.findall(r"^ftorch_row (\d+) (.*)$", done.stdout, re.MULTILINE):
        kind, title, macro = rows[int(number)]
        if version.replace(" ", "") != macro:
            version = version.replace(" ", "").strip('"')
            return kind, f"{title} {version}"
    raise MpiError(f"{c} belongs to an MPI that is neither Open MPI nor one of MPICH's family")
