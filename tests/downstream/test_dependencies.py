"""What a built program drags in: no Python, and no way to PyTorch's folder, whose old libgomp would win over the host's."""

from __future__ import annotations

import re

from ftorch import Installation

from ..support import BuildFortran, run
from .test_projects import SOURCES


def runpath(library: object) -> list[str]:
    found = re.search(r"\(RUNPATH\).*\[(.*)\]", run("readelf", "-d", str(library)))
    return found[1].split(":") if found else []


def test_program_needs_neither_python_nor_torch(fc: str, build_fortran: BuildFortran) -> None:
    program = build_fortran(SOURCES["ftorch"], compiler=fc)
    needed = run("ldd", program)
    assert "libftorch.so" in needed
    assert "not found" not in needed
    for absent in ("libpython", "libtorch", "libc10", "libgomp", "libstdc++"):
        assert absent not in needed
    assert not [folder for folder in runpath(program) if "/torch/lib" in folder]


def test_only_the_implementation_knows_where_torch_is() -> None:
    place = Installation()
    libraries = [file for file in place.library_dir.rglob("*.so*") if file.read_bytes().startswith(b"\x7fELF")]
    core = {"libctorch.so.1", "libctorch_rebind.so", "libctorch_torch.so", "libftorch.so.0.1"}
    assert {f.name for f in libraries} == core | {"libftorch_mpi.so.0.1", "libftorch_stub.so.0.1"}
    knowing = [f.name for f in libraries if any("/torch/lib" in folder for folder in runpath(f))]
    assert knowing == ["libctorch_torch.so"]


def test_wheel_has_no_path_of_the_machine_that_built_it() -> None:
    for library in (Installation().c_library, Installation().library_dir / "libctorch_torch.so"):
        assert all(folder.startswith("$ORIGIN") for folder in runpath(library)), library
