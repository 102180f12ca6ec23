"""``pt2ts doctor``: a healthy machine is called so; each thing that may be wrong is found, with its remedy."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftorch.compilers import Compiler
from ftorch.doctor import Finding
from ftorch.layout import Installation
from pt2ts.doctor import surroundings, trial_program

from ...support import both_compilers
from ..cli.test_cli import pt2ts_command

PLACE = Installation()


def problems(findings: Iterator[Finding]) -> list[Finding]:
    """Return what is wrong."""
    return [item for item in findings if item.remedy is not None]


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the trials of compilers out, which take seconds."""
    monkeypatch.setattr(trial_program, "present_compilers", lambda: iter(()))


def test_a_healthy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "LD_LIBRARY_PATH"):
        monkeypatch.delenv(name, raising=False)
    done = pt2ts_command("doctor", "--json")
    data = json.loads(done.out)
    assert (done.code, data["healthy"]) == (0, True), data
    topics = [item["topic"] for item in data["findings"]]
    assert {"ftorch", "PyTorch", "CPU capability", "library", "pt2ts", "threads", "LD_LIBRARY_PATH"} <= set(topics)
    tried = [item["text"] for item in data["findings"] if item["topic"] == "trial program"]
    for compiler in both_compilers():
        assert f"{compiler}: compiled, linked and run" in tried


@pytest.mark.usefixtures("nobody")
def test_a_problem_is_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FC", "no-such-fortran")
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    done = pt2ts_command("doctor")
    assert done.code == 1
    assert "'no-such-fortran' was not found" in done.out
    assert "PROBLEM, remedy: install a Fortran compiler" in done.out
    assert "OMP_NUM_THREADS is 'many', which is no number of threads" in done.out
    assert "2 problems found" in done.out


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, []),
        ({"OMP_NUM_THREADS": "2"}, []),
        ({"OMP_NUM_THREADS": "4,2"}, []),
        ({"OMP_NUM_THREADS": "0"}, ["no number of threads"]),
        ({"OMP_NUM_THREADS": "5"}, ["more threads than the 4 cores"]),
        ({"MKL_NUM_THREADS": "64"}, ["MKL_NUM_THREADS=64 asks for more"]),
        ({"OMPI_COMM_WORLD_LOCAL_SIZE": "9999"}, ["9999 MPI ranks with 4 threads each"]),
    ],
)
def test_threads(environment: dict[str, str], words: list[str]) -> None:
    found = problems(surroundings.threads(environment, 4))
    assert len(found) == len(words)
    assert all(word in item.text for item, word in zip(found, words, strict=True))


def test_libraries_in_the_way(tmp_path: Path) -> None:
    assert problems(surroundings.library_paths({"LD_LIBRARY_PATH": f"{tmp_path}:{PLACE.library_dir}"}, PLACE)) == []
    (tmp_path / "libtorch_cpu.so").touch()
    (found,) = problems(surroundings.library_paths({"LD_LIBRARY_PATH": f"/nowhere:{tmp_path}"}, PLACE))
    assert "holds libtorch_cpu.so, which come before" in found.text
    assert found.remedy is not None
    assert f"take {tmp_path} out of LD_LIBRARY_PATH" in found.remedy


def test_versions() -> None:
    assert problems(surroundings.versions("1.2", "1.2")) == []
    (found,) = problems(surroundings.versions("1.2", "1.1"))
    assert found.text == "1.2, and the library is 1.1"


def fake_compiler(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a compiler of an installed interface into the way that does what a script says."""
    command = folder / "gfortran"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    family, _, version = next(tag for tag in PLACE.tags() if tag.startswith("GNU")).partition("-")
    monkeypatch.setattr(trial_program, "present_compilers", lambda: iter([Compiler(command, family, version)]))


def test_a_compiler_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_compiler(tmp_path, "echo 'Fatal Error: no licence' >&2; exit 1", monkeypatch)
    (found,) = problems(trial_program.trials(PLACE))
    assert found.text == "gfortran cannot compile it: Fatal Error: no licence"
    assert found.remedy is not None
    assert "--add-compiler" in found.remedy


@pytest.mark.parametrize(
    ("says", "remedy"),
    [
        ("libftorch.so: cannot open shared object file", "no path of the program leads to"),
        ("doctor: symbol lookup error: undefined symbol: f", "another library of the same name is found first"),
        ("killed", "python -m ftorch --info"),
    ],
)
def test_a_program_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, remedy: str) -> None:
    fake_compiler(tmp_path, f'printf "#!/bin/sh\\necho \\"{says}\\"; exit 127\\n" > doctor; chmod +x doctor', monkeypatch)
    (found,) = problems(trial_program.trials(PLACE))
    assert says in found.text
    assert found.remedy is not None
    assert remedy in found.remedy


def test_a_temporary_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_compiler(tmp_path, "true", monkeypatch)
    monkeypatch.setattr("tempfile.tempdir", os.fspath(tmp_path / "missing"))
    (found,) = problems(trial_program.trials(PLACE))
    assert found.remedy is not None
    assert "TMPDIR" in found.remedy
