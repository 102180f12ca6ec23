"""Machine learning switched off: hosts build with the same modules and run without PyTorch; each call says how to switch it on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ftorch import Installation, find_compiler
from ftorch.__main__ import main

from ..packaging.test_symbols import ANNOUNCE, header, symbols
from ..support import ROOT, printed_flags, run

PROJECTS = Path(__file__).resolve().parent / "projects"
MESSAGE = "torch_tensor_from_array: this program was linked with the stub of the library"


def build(fc: str, source: Path, folder: Path, *more: str) -> Path:
    """Build a program with the printed flags; return it."""
    program = folder / source.stem
    first, last = printed_flags(fc, "--fflags"), printed_flags(fc, "--ldflags", "--stub")
    run(fc, *more, *first, source, *last, "-o", program, cwd=folder)
    return program


def stops(program: Path) -> None:
    """Run the program of the other tests; it must end at its first call, with the message."""
    done = subprocess.run([program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert MESSAGE in done.stderr
    assert "sum" not in done.stdout
    libraries = run("ldd", program)
    assert "libftorch_stub" in libraries
    assert "not found" not in libraries
    assert not re.search(r"torch(?!_stub)", re.sub(r"\S*/\S*", "", libraries.replace("libftorch_stub", "")))


def test_every_call_is_an_error(fc: str, tmp_path: Path) -> None:
    assert run(build(fc, PROJECTS / "switched_off.f90", tmp_path, "-std=f2018")) == "all calls said so\n"


def test_flags(fc: str, tmp_path: Path) -> None:
    stops(build(fc, PROJECTS / "main.f90", tmp_path))


def test_pkg_config(fc: str, tmp_path: Path) -> None:
    """With the library's own modules: only what is linked is another."""
    place = Installation()
    environment = {**os.environ, "PKG_CONFIG_PATH": str(place.pkgconfig_dir)}
    words = ["pkg-config", f"--define-variable=compiler={find_compiler(fc).tag}"]
    flags = [run(*words, kind, "ftorch_stub", env=environment).split() for kind in ("--cflags", "--libs")]
    run(fc, *flags[0], PROJECTS / "main.f90", *flags[1], "-o", tmp_path / "main", cwd=tmp_path)
    stops(tmp_path / "main")


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.long)])
def test_cmake(fc: str, compiled: bool, tmp_path: Path) -> None:
    """One option of the host chooses; the interface is the installed one, or compiled in its build."""
    options = [f"-DFTorch_DIR={Installation().cmake_dir}", f"-DSOURCE={PROJECTS / 'main.f90'}"]
    if compiled:
        options.append("-DFTorch_COMPILE_FORTRAN=ON")
    run("cmake", "-G", "Ninja", "-S", PROJECTS / "stub", "-B", tmp_path, f"-DCMAKE_Fortran_COMPILER={fc}", *options)
    run("cmake", "--build", tmp_path)
    stops(tmp_path / "host")
    run("cmake", "-S", PROJECTS / "stub", "-B", tmp_path, "-DNETWORKS=ON")
    run("cmake", "--build", tmp_path)
    assert run(tmp_path / "host") == "sum 3.0 3.0 3.0 3.0 3.0 3.0\n"


def test_it_has_all_entries_and_needs_no_other_library(fc: str) -> None:
    folder = Installation().fortran_library_dir(find_compiler(fc).tag)
    stub = max(folder.glob("libftorch_stub.so.*"))
    entries = {name for name in symbols(stub, *"TDBRVW") if name.startswith("ctorch_")}
    assert entries == {*header(), ANNOUNCE}
    assert not re.search(r"NEEDED.*torch", run("readelf", "-d", stub))


def test_ranks_have_no_stub(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--ldflags", "--stub", "--mpi", "mpifort.openmpi", "--compiler", "gfortran"]) == 1
    assert "the stub has no ftorch_mpi" in capsys.readouterr().err


@pytest.mark.long
def test_the_build_without_pytorch(fc: str, tmp_path: Path) -> None:
    """Under the library's own names: nothing changes in the host but the installation that it finds."""
    words = ["cmake", "-G", "Ninja", f"-DCMAKE_Fortran_COMPILER={fc}"]
    said = run(
        *words, "-S", ROOT, "-B", tmp_path / "build", "-DFTORCH_STUB=ON", f"-DPython_EXECUTABLE={sys.executable}",
        f"-DCMAKE_INSTALL_PREFIX={tmp_path / 'prefix'}", "-DCMAKE_INSTALL_LIBDIR=lib",
    )  # fmt: skip
    assert "PyTorch" not in said
    run("cmake", "--build", tmp_path / "build", "--target", "install")
    assert not [path for path in (tmp_path / "prefix").rglob("*") if "ctorch_torch" in path.name or "rebind" in path.name]
    host = tmp_path / "host"
    run(*words, "-S", PROJECTS / "find_package", "-B", host, f"-DCMAKE_PREFIX_PATH={tmp_path / 'prefix'}",
        f"-DSOURCE={PROJECTS / 'main.f90'}", "-DCOMPONENTS=")  # fmt: skip
    run("cmake", "--build", host)
    done = subprocess.run([host / "downstream"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, MESSAGE in done.stderr) == (1, True)
    assert not re.search(r"lib(torch|c10)", run("ldd", host / "downstream"))
