"""Nothing is written to the program's standard output or error, whatever PyTorch would like to say."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ..support import BuildFortran

HERE = Path(__file__).resolve().parent


def test_warnings_go_nowhere(fc: str, build_fortran: BuildFortran) -> None:
    done = subprocess.run(
        [build_fortran(HERE / "output.f90", compiler=fc)], capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
