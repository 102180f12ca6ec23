"""The host's BLAS and LAPACK do not compute for PyTorch, and PyTorch's do not compute for the host."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..support import run
from .hosts import SYSTEM, Host, assert_right, write_names

#: The libraries of a host, and whether their integers have 64 bits (under the same names).
FLAVOURS = {
    "reference": (("lapack/liblapack.so.3", "blas/libblas.so.3"), False),
    "reference64": (("lapack64/liblapack64.so.3", "blas64/libblas64.so.3"), True),
    "openblas-pthread": (("openblas-pthread/libopenblas.so.0",), False),
    "openblas-openmp": (("openblas-openmp/libopenblas.so.0",), False),
    "openblas64-pthread": (("openblas64-pthread/libopenblas64.so.0",), True),
    "openblas64-openmp": (("openblas64-openmp/libopenblas64.so.0",), True),
    "fftw": (("libfftw3.so.3", "libfftw3f.so.3", "blas/libblas.so.3"), False),
}
DAILY = ("reference", "reference64", "openblas-openmp", "openblas64-openmp")


@pytest.fixture(scope="session")
def host(fc: str, tmp_path_factory: pytest.TempPathFactory) -> Host:
    return Host(fc, tmp_path_factory.mktemp("hosts"))


@pytest.mark.parametrize("flavour", [name if name in DAILY else pytest.param(name, marks=pytest.mark.long) for name in FLAVOURS])
def test_host_with_a_blas(host: Host, flavour: str) -> None:
    libraries, wide = FLAVOURS[flavour]
    files = [SYSTEM / library for library in libraries]
    found = tuple(f"-Wl,-rpath,{file.parent}" for file in files)
    linked: tuple[str | Path, ...] = (host.compiled("host_calls.c", compiler="gcc"), "-Wl,--no-as-needed", *files, *found)
    # One compiler with the BLAS before our libraries, one after: on the command line only their order differs.
    program = host.program(*linked, wide=wide) if host.fc == "gfortran" else host.program(after=linked, wide=wide)
    assert_right(program)


@pytest.mark.parametrize("wide", [False, True], ids=["32", "64"])
def test_nobody_calls_the_blas_of_another(host: Host, *, wide: bool, tmp_path: Path) -> None:
    library = tmp_path / "libhost_blas.so"
    run("gcc", "-shared", host.counting(write_names(tmp_path, everything=False), wide=wide), "-o", library)
    linked = (library, f"-Wl,-rpath,{tmp_path}")
    assert_right(host.program(*linked, wide=wide) if wide else host.program(after=linked, wide=wide))


def test_every_symbol_of_torch_inside_the_program(host: Host, tmp_path: Path) -> None:
    """As in a host with an MKL of its own: not only what PyTorch calls, also what its parts call of each other, and variables."""
    program = host.program(host.counting(write_names(tmp_path, everything=True), wide=True), "-rdynamic", wide=True)
    exported = run("nm", "-D", program)
    assert "mkl_blas_sgemm" in exported
    assert "i_malloc" in exported
    assert_right(program)


def test_host_sees_no_symbol_of_ours(host: Host, tmp_path: Path) -> None:
    """Nothing of the host's BLAS is exported here: names of PyTorch that can be seen afterwards would be PyTorch's."""
    program = host.program(host.counting(write_names(tmp_path, everything=False), wide=False))
    assert "sgemm_" not in run("nm", "-D", program)
    assert_right(program)
