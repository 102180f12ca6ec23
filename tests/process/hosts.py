"""Hosts of the tests: programs linked to libraries of their own, and to ours."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import torch

from ..support import printed_flags, run, shared_folder, sources_of_pt2ts
from . import blas_networks

HERE = Path(__file__).resolve().parent
TORCH = Path(torch.__file__).parent / "lib"
SYSTEM = Path(run("gcc", "-print-file-name=libc.so")).resolve().parent


@cache
def models() -> Path:
    """Folder of the model files."""
    return shared_folder("blas", [Path(blas_networks.__file__).read_bytes(), *sources_of_pt2ts()], blas_networks.write_models)


def started(program: Path, **environment: str) -> str:
    """What a program prints, among the models; it must end well."""
    done = subprocess.run(
        [program],
        cwd=models(),
        env={**os.environ, "OMP_NUM_THREADS": "2", **environment},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout[-1000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def assert_right(program: Path, **environment: str) -> None:
    """Run a host: it finds no fault with its own side, and prints PyTorch's numbers twice."""
    lines = started(program, **environment).splitlines()
    wanted = blas_networks.expected()
    assert [line.split()[0] for line in lines] == 2 * list(wanted)
    for line in lines:
        name, *numbers = line.split()
        tolerance = 1e-5 if name in ("TorchScript", "package") else 1e-12
        np.testing.assert_allclose([float(n) for n in numbers], wanted[name], rtol=tolerance, err_msg=name)


class Host:
    """Builds hosts with one Fortran compiler."""

    def __init__(self, fc: str, folder: Path) -> None:
        self.fc, self.folder, self.programs = fc, folder, 0
        self.flags = printed_flags(fc, "--fflags")
        self.link = printed_flags(fc, "--ldflags")

    def compiled(self, source: str, *flags: str, compiler: str = "") -> Path:
        """Object file of a source of this folder."""
        key = hashlib.sha256(repr(flags).encode()).hexdigest()[:8]
        target = self.folder / f"{source}-{key}.o"
        if not target.exists():
            run(compiler or self.fc, *flags, *(() if compiler else self.flags), "-c", HERE / source, "-o", target, cwd=self.folder)
        return target

    def program(
        self, *before: str | Path, after: tuple[str | Path, ...] = (), flags: tuple[str, ...] = (), wide: bool = False
    ) -> Path:
        """Link the host with objects and libraries that come before ours in the line, or after."""
        product = self.compiled("host_product.f90", *(("-fdefault-integer-8",) if wide else ()))
        self.programs += 1
        program = self.folder / f"host{self.programs}"
        main = self.compiled("blas_host.f90", *flags)
        run(self.fc, *flags, main, product, *before, *self.link, *after, "-o", program, cwd=self.folder)
        return program

    def counting(self, names: Path, *, wide: bool) -> Path:
        """Object file of a BLAS that counts its calls and knows all these names."""
        kind = "int64_t" if wide else "int32_t"
        return self.compiled("host_blas.c", "-fPIC", "-w", f"-DINTEGER={kind}", f'-DNAMES="{names}"', compiler="gcc")


def symbols_of_torch() -> list[tuple[str, str, int]]:
    """Name, type and size of all that libtorch_cpu offers under a name of C."""
    lines = (line.split() for line in run("readelf", "--dyn-syms", "-W", TORCH / "libtorch_cpu.so").splitlines())
    found = [(w[7], w[3], int(w[2], 0)) for w in lines if len(w) == 8 and w[4] == "GLOBAL" and w[6] not in ("UND", "Ndx")]
    return [symbol for symbol in found if re.fullmatch(r"(?!_Z)[A-Za-z_]\w*", symbol[0])]


def write_names(folder: Path, *, everything: bool) -> Path:
    """Write names for `host_blas.c`: those of BLAS and LAPACK, or all but what compiled packages call, which only PyTorch has."""
    wanted = re.compile(r"(?!aoti_|main$|dgemm_$).*" if everything else r"(?!dgemm_$)(cblas_\w+|[sdcz][a-z]\w{1,6}_|xerbla_?)")
    lines = []
    for name, kind, size in symbols_of_torch():
        if wanted.fullmatch(name) and kind == "OBJECT":
            lines.append(f"VARIABLE({name}, {max(size, 1)})")
        elif wanted.fullmatch(name):
            lines.append(f"FUNCTION({name})")
    assert len(lines) > (1000 if everything else 50)
    names = folder / "names.inc"
    names.write_text("\n".join(lines))
    return names
