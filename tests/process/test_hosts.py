"""Hosts that replace what every program uses: malloc, run times, sanitizers, OpenMP; and one that is linked to PyTorch itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..support import run
from .hosts import SYSTEM, TORCH, Host, assert_right, started, write_names


@pytest.fixture(scope="session")
def host(fc: str, tmp_path_factory: pytest.TempPathFactory) -> Host:
    return Host(fc, tmp_path_factory.mktemp("hosts"))


@pytest.fixture(scope="session")
def blas(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BLAS with 64-bit integers that must stay out, in all these hosts too."""
    return host.counting(write_names(tmp_path_factory.mktemp("names"), everything=False), wide=True)


@pytest.mark.parametrize("allocator", ["libjemalloc.so.2", "libtcmalloc_minimal.so.4"])
def test_replaced_malloc(host: Host, blas: Path, allocator: str) -> None:
    program = host.program(blas, "-rdynamic", wide=True)
    assert_right(program, LD_PRELOAD=str(SYSTEM / allocator))


def test_address_sanitizer(host: Host, blas: Path) -> None:
    """Of gfortran's run time in both cases: the sanitizer lies in the program's first library and owns malloc."""
    sanitizer = run("gcc", "-print-file-name=libasan.so").strip()
    program = host.program("-Wl,--no-as-needed", sanitizer, blas, "-rdynamic", wide=True)
    # What PyTorch keeps until the process ends is no fault of the host.
    assert_right(program, ASAN_OPTIONS="detect_leaks=0", LD_PRELOAD=sanitizer)


def test_static_run_times(host: Host, blas: Path) -> None:
    """A second copy of the run times of C++ and Fortran, in the program, whose symbols all libraries see."""
    cxx = host.compiled("cxx_host.cpp", compiler="g++")
    library = run("g++", "-print-file-name=libstdc++.a").strip()
    flags = ("-static-libgfortran", "-static-libgcc") if host.fc == "gfortran" else ()
    program = host.program(cxx, blas, library, *flags, "-rdynamic", wide=True)
    assert "libstdc++" not in run("readelf", "-d", program)
    assert "__cxa_throw" in run("nm", "-D", "--defined-only", program)
    assert_right(program)


def test_host_linked_to_torch(host: Host, blas: Path, tmp_path: Path) -> None:
    """PyTorch is there before us, bound to the host's BLAS already or at the first call."""
    library = tmp_path / "libhost_blas.so"
    run("gcc", "-shared", blas, "-o", library)
    cxx = host.compiled("torch_host.cpp", compiler="g++")
    paths = (f"-Wl,-rpath,{tmp_path}", f"-Wl,-rpath,{TORCH}")
    # The host's libgomp must not be the old one beside PyTorch.
    torch = ("-Wl,--no-as-needed", TORCH / "libtorch_cpu.so", TORCH / "libc10.so", f"-Wl,-rpath-link,{TORCH}", "-lstdc++", "-lgomp")
    program = host.program(library, cxx, *paths, *torch, f"-L{SYSTEM}", wide=True)
    assert_right(program)
    assert_right(program, LD_BIND_NOW="1")


def test_one_openmp_run_time(host: Host) -> None:
    """The host's settings hold inside PyTorch, its regions make PyTorch serial, and nobody starts a second team."""
    main = host.compiled("openmp_host.f90", "-fopenmp")
    program = host.folder / "openmp"
    run(host.fc, "-fopenmp", main, *host.link, "-o", program)
    started(program, OMP_NUM_THREADS="3")
