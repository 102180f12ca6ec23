"""Programs whose columns live on a device by OpenACC, OpenMP and CUDA Fortran: compiled as far as the compilers here can, and run.

Without a device OpenACC and OpenMP run the same loops on the host. CUDA Fortran is only read: flang knows the language, and has no
module ``cudafor``, of which `cudafor.cuf` declares what the program uses.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from torch import nn

import pt2ts

from ..gpu.run import directive_flags
from ..support import BuildFortran, printed_flags, run

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("columns") / "model.pt"
    pt2ts.export(nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 3)), torch.randn(2, 5), path, inputs=["x[batch,5]"])
    return path


def test_openacc_and_openmp(fc: str, build_fortran: BuildFortran, model: Path) -> None:
    for name, flags in directive_flags(fc).items():
        assert run(build_fortran(HERE / f"{name}.f90", compiler=fc, flags=flags), model).startswith("computed on the ")


def read(folder: Path, compiler: str) -> subprocess.CompletedProcess[str]:
    """Let flang read the program in a folder, with the modules it needs."""
    line: list[str | Path] = [compiler, "-fc1", "-fsyntax-only", "-x", "cuda", *printed_flags(compiler, "--fflags")]
    run(*line, HERE / "cudafor.cuf", cwd=folder)
    return subprocess.run([*line, "cuda.cuf"], cwd=folder, capture_output=True, text=True, check=False, timeout=600)


def test_cuda_fortran(fc: str, tmp_path: Path) -> None:
    if "flang" not in fc:
        line: list[str | Path] = [fc, "-fsyntax-only", "-x", "f95", *printed_flags(fc, "--fflags"), HERE / "cuda.cuf"]
        done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600)
        assert done.returncode != 0, "gfortran has learned the language: let it read the program"
        return
    shutil.copy(HERE / "cuda.cuf", tmp_path)
    done = read(tmp_path, fc)
    assert done.returncode == 0, done.stderr
    # It is really read: an array that is not on the device is noticed.
    text = (tmp_path / "cuda.cuf").read_text()
    (tmp_path / "cuda.cuf").write_text(text.replace("device, target :: x(5, n)", "target :: x(5, n)"))
    assert "has no CUDA data attribute" in read(tmp_path, fc).stderr
