"""Programs as they are: of 1990, of MPI-3, built by the MPI's own wrapper, by CMake and by pkg-config."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ftorch import Installation

from ..support import ROOT, printed_flags, run
from .conftest import Build
from .jobs import HERE, Rank, launch, line_to_compile, tag, the_mpi

DIFFERENT = "rank 1: torch_mpi_same: 'NIGHT' here, 'DAY' on rank 0"


def test_fixed_form(kind: str, build: Build) -> None:
    found = launch(kind, 4, build("fixed.f")).ranks()
    assert found == [Rank(rank, 1, DIFFERENT) for rank in range(4)]


def test_communicators_of_mpi_f08(fc: str, kind: str, build: Build, tmp_path: Path) -> None:
    """Debian's modules are gfortran's; whoever cannot read them has integers."""
    if fc != "gfortran":
        line = [*line_to_compile(fc, kind, [HERE / "modern.f90"], ()), "-o", tmp_path / "modern"]
        done = subprocess.run(line, capture_output=True, check=False, timeout=60)  # the module itself is quoted
        assert done.returncode != 0
        assert b"Cannot parse module file" in done.stderr
        return
    job = launch(kind, 2, build("modern.f90"))
    assert job.code == 0, job.out + job.err
    assert job.ranks() == [Rank(rank, 1, "rank 1: torch_mpi_same: 'b' here, 'a' on rank 0") for rank in range(2)]


def test_wrapper_of_the_mpi(kind: str, tmp_path: Path) -> None:
    """As the documentation says; the compiler is the wrapper's."""
    wrapper = str(the_mpi(kind).fortran)
    flags = [run(sys.executable, "-m", "ftorch", what, "--mpi", wrapper).split() for what in ("--fflags", "--ldflags")]
    run(wrapper, *flags[0], HERE / "fixed.f", *flags[1], "-o", tmp_path / "host")
    assert launch(kind, 2, tmp_path / "host").ranks() == [Rank(rank, 1, DIFFERENT) for rank in range(2)]


@pytest.mark.parametrize("again", [False, True], ids=["installed", "compiled"])
def test_find_package(fc: str, kind: str, tmp_path: Path, again: bool) -> None:
    mpi = the_mpi(kind)
    said = run(
        "cmake", "-G", "Ninja", "-S", HERE / "project", "-B", tmp_path, f"-DCMAKE_Fortran_COMPILER={fc}",
        f"-DFTorch_DIR={Installation().cmake_dir}", f"-DMPI_C_COMPILER={mpi.c}", f"-DMPI_Fortran_COMPILER={mpi.fortran}",
        f"-DSOURCE={HERE / 'linked.f90'}", f"-DFTorch_COMPILE_MPI={'ON' if again else 'OFF'}",
    )  # fmt: skip
    assert (f"compiling ftorch_mpi for {tag(fc)}/{kind}" in said) == again
    run("cmake", "--build", tmp_path)
    job = launch(kind, 1, tmp_path / "host")
    assert (job.code, job.out) == (0, "linked\n"), job.err
    assert (str(tmp_path) in run("ldd", tmp_path / "host")) == again


def test_find_package_says_what_is_missing(fc: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"no MPI was found; name its compiler with\s+-DMPI_C_COMPILER"):
        run(
            "cmake", "-G", "Ninja", "-S", HERE / "project", "-B", tmp_path, f"-DCMAKE_Fortran_COMPILER={fc}",
            f"-DFTorch_DIR={Installation().cmake_dir}", "-DSOURCE=none.f90", "-DMPI_C_COMPILER=/bin/false",
            "-DMPI_ASSUME_NO_BUILTIN_MPI=ON", "-DMPI_SKIP_GUESSING=ON",
        )  # fmt: skip


def test_pkg_config(fc: str, kind: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PKG_CONFIG_PATH": str(Installation().pkgconfig_dir)}
    variables = (f"--define-variable=compiler={tag(fc)}", f"--define-variable=mpi={kind}")
    asked = [run("pkg-config", *variables, what, "ftorch_mpi", env=environment).split() for what in ("--cflags", "--libs")]
    run(fc, *asked[0], HERE / "linked.f90", *asked[1], "-o", tmp_path / "host")
    job = launch(kind, 1, tmp_path / "host")
    assert (job.code, job.out) == (0, "linked\n"), job.err


def test_the_core_is_free_of_mpi(fc: str, kind: str) -> None:
    place = Installation()
    needed = {path: run("readelf", "-d", path) for path in (place.fortran_library(tag(fc)), place.c_library)}
    assert not [path for path, text in needed.items() if "mpi" in text.lower()]
    ours = max(place.mpi_library_dir(tag(fc), kind).glob("libftorch_mpi.so.*"))
    library = {"openmpi": "libmpi.so", "mpich": "libmpich.so"}[kind]
    text = run("readelf", "-d", ours)
    assert f"[{library}" in text
    assert "usempif08" not in text


def test_it_exports_its_header(fc: str, kind: str) -> None:
    header = (ROOT / "src/mpi/include/ctorch_mpi.h").read_text()
    entries = set(re.findall(r"^int32_t (ctorch_mpi_\w+)\(", header, re.MULTILINE))
    lines = run("nm", "-D", "--defined-only", Installation().mpi_library_dir(tag(fc), kind) / "libftorch_mpi.so.0.1").splitlines()
    exported = {line.split()[-1] for line in lines}
    assert len(entries) > 8
    assert {name for name in exported if name.startswith("ctorch_")} == entries
    assert not [name for name in exported if "N6ftorch" in name]  # what is C++ is nobody's business


def test_both_kinds_lie_side_by_side(fc: str, kind: str) -> None:
    own = Installation().mpi_library_dir(tag(fc), kind)
    flags = printed_flags(fc, "--ldflags", "--mpi", str(the_mpi(kind).fortran))
    assert f"-L{own}" == flags[0]
    assert own.parts[-2:] == (tag(fc), kind)
