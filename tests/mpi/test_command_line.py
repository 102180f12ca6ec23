"""`python -m ftorch` with an MPI: which one is meant, and words where it cannot be used."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import ftorch
from ftorch.__main__ import main

from ..support import run
from .jobs import tag, the_mpi

Output = pytest.CaptureFixture[str]


def test_flags_come_first(fc: str, kind: str, capsys: Output) -> None:
    place, own = ftorch.Installation(), tag(fc)
    assert main(["--fflags", "--ldflags", "--compiler", fc, "--mpi", str(the_mpi(kind).fortran)]) == 0
    words = capsys.readouterr().out.split()
    assert words[:2] == [f"-I{place.include_dir}/ftorch/{own}/{kind}", f"-I{place.include_dir}/ftorch/{own}"]
    assert words[2] == f"-L{place.library_dir}/{own}/{kind}"
    assert words[-3:] == ["-lftorch_mpi", "-lftorch", "-lctorch"]


def test_the_mpi_of_the_environment(kind: str, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPIFC", f"mpifort.{kind}")
    assert main(["--ldflags", "--mpi"]) == 0
    assert f"/{kind} " in capsys.readouterr().out
    monkeypatch.setenv("MPIFC", "mpifort.none")
    assert main(["--ldflags", "--mpi"]) == 1
    assert "the MPI's compiler 'mpifort.none' was not found" in capsys.readouterr().err


def test_kinds(kind: str) -> None:
    mpi = the_mpi(kind)
    assert (mpi.kind, mpi.c.name) == (kind, f"mpicc.{kind}")
    assert mpi.title.startswith({"openmpi": "Open MPI 4", "mpich": "MPICH 4"}[kind])
    assert mpi.compiler().family == "GNU"


def test_report(fc: str, kind: str) -> None:
    lines = [line for line in run(sys.executable, "-m", "ftorch", "--info").splitlines() if line.startswith("MPI:")]
    (line,) = [line for line in lines if the_mpi(kind).title in line]
    assert "ftorch_mpi ready for " in line
    assert tag(fc) in line


@pytest.fixture
def wrappers(tmp_path: Path) -> Path:
    """Return the folder of an MPI's wrappers, which compile with a header of the test's."""
    for name in ("mpifort", "mpicc"):
        compiler = {"mpifort": "gfortran", "mpicc": f"gcc -I{tmp_path}"}[name]
        (tmp_path / name).write_text(f'#!/bin/sh\nexec {compiler} "$@"\n')
        (tmp_path / name).chmod(0o755)
    return tmp_path


def refusal(capsys: Output, *words: str) -> str:
    assert main(list(words)) == 1
    return capsys.readouterr().err


def test_another_mpi(wrappers: Path, capsys: Output) -> None:
    (wrappers / "mpi.h").write_text("#define LAM_MPI 7\n")
    assert "neither Open MPI nor one of MPICH's family" in refusal(capsys, "--fflags", "--mpi", f"{wrappers}/mpifort")


@pytest.mark.parametrize(
    ("header", "kind", "title"),
    [
        ('#define MPICH_VERSION "3.4"\n#define I_MPI_VERSION "2021.9.0"\n', "mpich", "Intel MPI 2021.9.0"),
        ('#define MPICH_VERSION "3.4"\n', "mpich", "MPICH 3.4"),
    ],
)
def test_relatives_of_mpich(wrappers: Path, header: str, kind: str, title: str) -> None:
    (wrappers / "mpi.h").write_text(header)
    mpi = ftorch.find_mpi(f"{wrappers}/mpifort")
    assert (mpi.kind, mpi.title) == (kind, title)


def test_a_kind_that_was_not_added(wrappers: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    (wrappers / "mpi.h").write_text('#define MPICH_VERSION "3.4"\n')
    monkeypatch.setattr(ftorch.Installation, "mpis", lambda self, tag: ["openmpi"])  # noqa: ARG005
    said = refusal(capsys, "--ldflags", "--mpi", f"{wrappers}/mpifort")
    assert "(there: openmpi); add it with: python -m ftorch --add-mpi" in said


def test_no_such_mpi(wrappers: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "the MPI's compiler 'mpifort.none' was not found" in refusal(capsys, "--fflags", "--mpi", "mpifort.none")
    (wrappers / "gcc").symlink_to("/usr/bin/gcc")
    assert "is no compiler of an MPI known to this command" in refusal(capsys, "--fflags", "--mpi", f"{wrappers}/gcc")
    (wrappers / "mpicc").unlink()
    assert "but not the C compiler of the same MPI" in refusal(capsys, "--fflags", "--mpi", f"{wrappers}/mpifort")
    monkeypatch.setenv("MPICC", "mpicc.openmpi")
    assert ftorch.find_mpi(f"{wrappers}/mpifort").kind == "openmpi"


def test_the_interface_comes_first(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ftorch.Installation, "tags", lambda self: [])  # noqa: ARG005
    said = refusal(capsys, "--add-mpi", "mpifort.openmpi")
    assert "comes first: python -m ftorch --add-compiler" in said
