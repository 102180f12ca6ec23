"""The folders of this installation."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path


@dataclass(frozen=True)
class Installation:
    """The tree that the build has installed; in a wheel it is the folder of this Python package.

    Parameters
    ----------
    prefix
        Root of the tree.
    """

    prefix: Path = field(default_factory=lambda: Path(__file__).resolve().parent)

    @property
    def library_dir(self) -> Path:
        """Folder of ``libctorch`` and its implementation."""
        return self.prefix / "lib"

    @property
    def c_library(self) -> Path:
        """The file of ``libctorch``; beside it lies one without a version in its name, which only leads linkers to it."""
        return max(self.library_dir.glob("libctorch.so.*"), default=self.library_dir / "libctorch.so")

    @property
    def include_dir(self) -> Path:
        """Folder of the C header."""
        return self.prefix / "include"

    @property
    def cmake_dir(self) -> Path:
        """Folder of ``FTorchConfig.cmake``."""
        return self.library_dir / "cmake" / "FTorch"

    @property
    def pkgconfig_dir(self) -> Path:
        """Folder of ``ftorch.pc``."""
        return self.library_dir / "pkgconfig"

    @property
    def source_dir(self) -> Path:
        """Folder of the Fortran sources, and of the CMake project that compiles them for another compiler."""
        return self.prefix / "share" / "ftorch"

    def fortran_library_dir(self, tag: str) -> Path:
        """Folder of ``libftorch`` for one compiler."""
        return self.library_dir / tag

    def fortran_library(self, tag: str) -> Path:
        """The file of ``libftorch`` for one compiler, like :attr:`c_library`."""
        folder = self.fortran_library_dir(tag)
        return max(folder.glob("libftorch.so.*"), default=folder / "libftorch.so")

    def module_dir(self, tag: str) -> Path:
        """Folder of the module files for one compiler."""
        return self.include_dir / "ftorch" / tag

    def mpi_library_dir(self, tag: str, kind: str) -> Path:
        """Folder of ``libftorch_mpi`` for one compiler and one kind of MPI."""
        return self.fortran_library_dir(tag) / kind

    def mpi_module_dir(self, tag: str, kind: str) -> Path:
        """Folder of its module files."""
        return self.module_dir(tag) / kind

    def mpi_source_dir(self) -> Path:
        """Folder of its sources, and of the CMake project that compiles them for an MPI."""
        return self.source_dir / "mpi"

    def mpis(self, tag: str) -> list[str]:
        """Kinds of MPI for which ``ftorch_mpi`` is installed, for one compiler; none of an earlier version, as in :meth:`tags`."""
        ours = version("ftorch")
        return sorted(p.parent.name for p in self.fortran_library_dir(tag).glob("*/version") if p.read_text().strip() == ours)

    def tags(self) -> list[str]:
        """Tags of the compilers whose Fortran interface is installed.

        An interface that was added for an earlier version outlives an upgrade by pip, but does not fit the C interface any more.
        """
        ours = version("ftorch")
        return sorted(p.parent.name for p in self.library_dir.glob("*/version") if p.read_text().strip() == ours)

    def torch_version(self) -> str:
        """Version of PyTorch that the library was built for."""
        text = (self.cmake_dir / "FTorchConfig.cmake").read_text()
        found = re.search(r'set\(FTorch_TORCH_VERSION "(.*)"\)', text)
        return found[1] if found else "unknown"
