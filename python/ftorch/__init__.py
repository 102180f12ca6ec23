"""Where the libraries, module files and CMake package are, and what a Fortran compiler needs to use them.

On the command line::

    gfortran $(python -m ftorch --fflags) main.f90 $(python -m ftorch --ldflags)

The Fortran interface itself is documented in the project's ``docs`` folder.
"""

from importlib.metadata import version

from .compilers import Compiler, CompilerError, find_compiler
from .flags import InterfaceMissingError, cflags, fflags, ldflags
from .layout import Installation
from .mpi import Mpi, MpiError, find_mpi

__version__ = version("ftorch")

__all__ = [
    "Compiler",
    "CompilerError",
    "Installation",
    "InterfaceMissingError",
    "Mpi",
    "MpiError",
    "__version__",
    "cflags",
    "fflags",
    "find_compiler",
    "find_mpi",
    "ldflags",
]
