"""Programs end as they mean to, with threads in the middle of a call: their own exit code, and nothing printed."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
import torch

from ftorch import Installation

from ..support import BuildFortran, printed_flags, run

HERE = Path(__file__).resolve().parent
CODE = 3
#: What ends in the wrong way does not do so every time.
TIMES = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a model, and with the C program."""
    made = tmp_path_factory.mktemp("endings")
    conv = torch.nn.Sequential(torch.nn.Conv2d(4, 4, 3, padding=1), torch.nn.ReLU()).eval()
    torch.jit.save(torch.jit.script(conv), made / "conv.pt")
    run(
        "gcc",
        "-std=c11",
        "-D_GNU_SOURCE",
        "-pthread",
        *printed_flags("gfortran", "--cflags"),
        HERE / "ending.c",
        "-o",
        made / "ending",
    )
    return made


def _hear_interrupts() -> None:
    """Undo what a shell does to programs in its background: they ignore the key, and so does all that they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def outcomes(folder: Path, *words: str | Path, **environment: str) -> set[tuple[int, str, str]]:
    """Codes and output of some runs."""
    found = set()
    for _ in range(TIMES):
        done = subprocess.run(
            words,
            cwd=folder,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            preexec_fn=_hear_interrupts,
        )
        found.add((done.returncode, done.stdout, done.stderr))
    return found


@pytest.mark.parametrize("threads", [0, 4])
@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("return", CODE),
        ("exit", CODE),
        ("quick_exit", CODE),
        ("close", CODE),
        ("terminate", -signal.SIGTERM),
        ("interrupt", -signal.SIGINT),
    ],
)
def test_c(folder: Path, how: str, code: int, threads: int) -> None:
    assert outcomes(folder, folder / "ending", Installation().c_library, "conv.pt", how, str(threads)) == {(code, "", "")}


@pytest.mark.parametrize("how", ["stop", "error stop", "exit", "quick_exit"])
def test_fortran(folder: Path, fc: str, build_fortran: BuildFortran, how: str) -> None:
    program = build_fortran(HERE / "ending.f90", compiler=fc, flags=("-fopenmp",))
    found = outcomes(folder, program, how, OMP_NUM_THREADS="4", GFORTRAN_ERROR_BACKTRACE="n", NO_STOP_MESSAGE="1")
    # Some compilers say themselves where and why the program stops.
    said = {stderr for _, _, stderr in found}
    assert {(code, stdout) for code, stdout, _ in found} == {(CODE, "")}
    assert len(said) == 1
    (text,) = said
    assert text == "" if how in ("exit", "quick_exit") else "STOP" in text.upper() or text == ""
    assert len(text.splitlines()) <= 2
