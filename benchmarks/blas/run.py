"""What the BLAS of a program costs PyTorch, and what keeping it out of PyTorch saves: three layers of 128, 64 columns, one thread.

Run as ``python benchmarks/blas/run.py``. It takes Debian's ``libblas3``, the reference BLAS, which the program is linked to before
the library. Once more with a libctorch_rebind that turns nothing back: then PyTorch computes with what the program brought.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from torch import nn

import ftorch
import pt2ts

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.shared.build import COMPILER, interface_flags
from benchmarks.shared.measure import ENVIRONMENT
from benchmarks.shared.report import processor

HERE = Path(__file__).resolve().parent
WIDTH, COLUMNS = 128, 64


def reference_blas() -> Path:
    """Return Debian's reference BLAS."""
    system = subprocess.run(["gcc", "-print-file-name=libc.so"], check=True, capture_output=True, text=True).stdout.strip()
    library = Path(system).resolve().parent / "blas" / "libblas.so.3"
    if not library.exists():
        raise SystemExit(f"there is no {library}: install libblas3")
    return library


def build(program: Path, *before: str) -> None:
    """Compile the program, with libraries that come before ours."""
    flags, libraries = interface_flags("--fflags"), interface_flags("--ldflags")
    source = str(HERE / "calls.f90")
    command = [COMPILER["fortran"], "-O2", *flags, f"-J{program.parent}", source, *before, *libraries, "-o", str(program)]
    subprocess.run(command, check=True)


def open_libraries(folder: Path) -> Path:
    """Copy the installed libraries, with a libctorch_rebind whose constructor does not run."""
    libraries = folder / "ftorch" / "lib"
    libraries.mkdir(parents=True)
    for file in (Path(ftorch.__file__).parent / "lib").glob("libctorch*"):
        shutil.copy(file, libraries)
    (folder / "torch").symlink_to(Path(torch.__file__).parent)
    sources, target = HERE.parents[1] / "src" / "ctorch", libraries / "libctorch_rebind.so"
    options = ["-O2", "-fPIC", "-shared", "-Dconstructor=unused", f"-I{sources}", f"-Wl,-soname,{target.name}"]
    subprocess.run(["gcc", *options, str(sources / "loader" / "rebind.c"), "-o", str(target), "-ldl"], check=True)
    return libraries


def time(program: Path, file: Path, **environment: str) -> float:
    """Return microseconds of a call."""
    command = [str(program), str(file), str(COLUMNS), str(WIDTH)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | ENVIRONMENT | environment)
    return float(done.stdout)


def main() -> None:
    """Print a table."""
    blas = reference_blas()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file, alone, linked = folder / "layers.pt", folder / "alone", folder / "linked"
        torch.manual_seed(0)
        layers = [layer for _ in range(3) for layer in (nn.Linear(WIDTH, WIDTH), nn.ReLU())]
        pt2ts.export(nn.Sequential(*layers), torch.randn(COLUMNS, WIDTH), file, inputs=[f"x[batch,{WIDTH}] float32"])
        build(alone)
        build(linked, "-Wl,--no-as-needed", str(blas), f"-Wl,-rpath,{blas.parent}")
        print(f"infer, microseconds, the least of 300; {processor()}, PyTorch {torch.__version__}\n")
        print(f"| program without a BLAS | {time(alone, file):.0f} |")
        print(f"| with the reference BLAS | {time(linked, file):.0f} |")
        print(f"| the same, nothing turned back | {time(linked, file, LD_LIBRARY_PATH=str(open_libraries(folder))):.0f} |")


if __name__ == "__main__":
    main()
