"""The configure-time probes accept the compilers that are right and refuse the others by name, with the reason."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ftorch import find_compiler

from ..support import ROOT, both_compilers

PROBES = ROOT / "cmake" / "probes"

Configure = Callable[..., tuple[int, str]]
Break = Callable[[str, str, str], Path]


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    """Run the probes with a compiler and return the exit status and what CMake said, in one line."""

    def run(compiler: str | Path, *options: str) -> tuple[int, str]:
        project = Path(__file__).parent / "project"
        command: list[str | Path] = ["cmake", "-S", project, "-B", tmp_path / "b", f"-DCMAKE_Fortran_COMPILER={compiler}", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    return run


@pytest.fixture
def broken(tmp_path: Path) -> Break:
    """Make a gfortran with an error: it reads a probe with one text replaced by another."""

    def make(probe: str, old: str, new: str) -> Path:
        text = (PROBES / probe).read_text()
        assert old in text
        tampered = tmp_path / probe
        tampered.write_text(text.replace(old, new))
        script = tmp_path / "broken-gfortran"
        script.write_text(
            "#!/bin/bash\n"
            'arguments=()\nfor a in "$@"; do\n'
            f'  case $a in *{probe}) a={shlex.quote(str(tampered))} ;; esac\n  arguments+=("$a")\ndone\n'
            'exec gfortran "${arguments[@]}"\n'
        )
        script.chmod(0o755)
        return script

    return make


@pytest.mark.parametrize(("family", "variant"), [("GNU", "results-kept"), ("LLVMFlang", "results-finalized")])
def test_accepted(configure: Configure, family: str, variant: str) -> None:
    compiler = next(c for c in map(find_compiler, both_compilers()) if c.family == family)
    status, said = configure(compiler.command)
    assert status == 0, said
    assert f"accepted {compiler.tag} as {variant}" in said


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("call probe_array(a(4:1:-1, 3), 3", "call probe_array(a(1:4, 3), 3", "a section with negative stride with an address"),
        ("call probe_double(a(1:4:3, 2:6:2), 2", "call probe_double(a(1:2, 2:6:2), 2", "a section with stride 8 instead of 24"),
        (
            "call probe_array(p, 5, c_loc(a(1, 1)),",
            "call probe_array(p, 5, c_loc(a(3, 1)),",
            "a pointer of c_f_pointer with an address",
        ),
        ("call probe_pointer(found, c_loc(a))", "error stop 3", "the probe 'descriptors' stopped with 3: ERROR STOP 3"),
        ("call probe_array(array, 1,", "call probe_array(array(:), 1,", "does not compile the probe 'descriptors'"),
        (
            "call probe_pointer(found, c_loc(a))",
            "call probe_pointer(found, c_loc(a(2, 1)))",
            "that C has set shows wrong elements",
        ),
    ],
)
def test_wrong_descriptors(configure: Configure, broken: Break, old: str, new: str, reason: str) -> None:
    compiler = broken("descriptors.f90", old, new)
    status, said = configure(compiler)
    assert status == 1
    assert f"The Fortran compiler GNU {find_compiler('gfortran').version} ({compiler}) cannot be used:" in said
    assert reason in said


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("a%state = 2", "used_after_finalization = .true.", "finalizes the result of a function before the result is used"),
        ("call nested()", "error stop 7", "the probe 'finalization' stopped with 7"),
    ],
)
def test_odd_finalization(configure: Configure, broken: Break, old: str, new: str, reason: str) -> None:
    compiler = broken("finalization.f90", old, new)
    status, said = configure(compiler)
    assert status == 1
    assert f"({compiler}) cannot be used:" in said
    assert reason in said


def test_finalization_of_some_results_does_no_harm(configure: Configure, broken: Break) -> None:
    """They are released when they are read, as where none is finalized."""
    status, said = configure(broken("finalization.f90", "counts(2) = finalized", "counts(2) = 1"))
    assert status == 0, said
    assert "as results-kept" in said


def test_header_of_another_compiler(configure: Configure) -> None:
    flang = find_compiler(both_compilers()[1]).command.resolve()
    header = flang.parents[1] / "include" / "flang" / "ISO_Fortran_binding.h"
    status, said = configure("gfortran", f"-DFTORCH_ISO_FORTRAN_BINDING={header}")
    assert status == 1
    assert "cannot be used: it describes" in said


def test_missing_header(configure: Configure, tmp_path: Path) -> None:
    # Reached by another path, the compiler has no header beside it.
    flang = find_compiler(both_compilers()[1])
    script = tmp_path / "flang-elsewhere"
    script.write_text(f'#!/bin/sh\nexec {flang.command} "$@"\n')
    script.chmod(0o755)
    status, said = configure(script)
    assert status == 1
    major = flang.version.partition(".")[0]
    assert f"its header ISO_Fortran_binding.h was not found (on Debian: the package libflang-{major}-dev)" in said


def test_verdicts_can_be_given_for_cross_compilation(configure: Configure) -> None:
    status, said = configure("gfortran", "-DFTORCH_FUNCTION_RESULTS=finalized")
    assert status == 0, said
    assert "as results-finalized" in said
