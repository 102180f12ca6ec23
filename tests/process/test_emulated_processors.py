"""On processors that this machine is not: QEMU runs the program on older ones, and code for newer ones is not run there.

There `/proc/cpuinfo` still tells of the machine's own processor, as in some containers.
"""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

import pytest
import torch
from torch import nn

import pt2ts

from ..fortran.misuse.table import DEVICE
from ..support import ROOT, BuildFortran

RUN_PACKAGE = Path(__file__).resolve().parents[1] / "fortran" / "run_package.f90"
#: Without AVX; with AVX2; both, from another maker.
OLDEST, USUAL, OTHER = "Nehalem", "Haswell-v4", "EPYC-Rome"


class Whole(nn.Module):
    """Whole numbers, of which every processor makes the same sums."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 3)
        with torch.no_grad():
            self.linear.weight.copy_(torch.arange(1.0, 4).outer(torch.arange(1.0, 6)))
            self.linear.bias.copy_(torch.arange(3.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.linear(x)
        return y


class Sorted(Whole):
    """The same, by way of an operation for which there are no kernels."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.linear(x).cumsum(1).diff(dim=1, prepend=torch.zeros(x.shape[0], 1))
        return y


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    x = torch.randn(4, 5)
    pt2ts.export(Whole(), x, folder / "script.pt")
    pt2ts.export(Whole(), x, folder / "kernels.pt2")
    pt2ts.export(Whole(), x, folder / "oldest.pt2", format=pt2ts.Package(isa="x86-64-v2"))
    pt2ts.export(Whole(), x, folder / "fallback.pt2", format=pt2ts.Package(fallback=True))
    inductor = pt2ts.export(Sorted(), x, folder / "inductor.pt2")
    assert {variant.kind for variant in inductor.variants or ()} == {"aoti"}
    return folder


@pytest.fixture(scope="module")
def program(build_fortran: BuildFortran) -> Path:
    return build_fortran(RUN_PACKAGE, compiler="gfortran", flags=("-g",))


def run_on(processor: str, program: Path, file: Path) -> str:
    done = subprocess.run(["qemu-x86_64", "-cpu", processor, program, file], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "live 0" in done.stdout
    return done.stdout.partition("\n")[0].rstrip()


@pytest.mark.long
@pytest.mark.parametrize("processor", [USUAL, OTHER])
def test_with_avx2(program: Path, files: Path, processor: str) -> None:
    """The code for AVX-512, which the machine may have, is passed over."""
    for name in ("kernels", "fallback", "oldest"):
        assert run_on(processor, program, files / f"{name}.pt2") == "stat 0 model b1"
    assert run_on(processor, program, files / "inductor.pt2") == "stat 0 small b1"
    assert run_on(processor, program, files / "script.pt") == "stat 0 torchscript torchscript"


@pytest.mark.long
def test_without_avx(program: Path, files: Path) -> None:
    """What the processor lacks is named, and what needs less runs."""
    for name in ("kernels", "inductor"):
        refused = run_on(OLDEST, program, files / f"{name}.pt2")
        assert refused.startswith(f"stat {DEVICE} ")
        assert "lacks avx, avx2, bmi1, bmi2, fma" in refused
    assert run_on(OLDEST, program, files / "oldest.pt2") == "stat 0 model b1"
    assert run_on(OLDEST, program, files / "fallback.pt2") == "stat 0 fallback fallback"
    assert run_on(OLDEST, program, files / "script.pt") == "stat 0 torchscript torchscript"


@pytest.mark.long
@pytest.mark.parametrize("name", ["host/float_call.cpp", "io/sha256.cpp", "loader/rebind.c", "model/package/isa.cpp"])
def test_what_knows_the_processor_compiles_for_arm(name: str) -> None:
    packages = Path(sysconfig.get_path("purelib"))
    sources = ROOT / "src" / "ctorch"
    language = ["gcc", "-std=gnu11"] if name.endswith(".c") else ["g++", "-std=c++20"]
    command = [f"aarch64-linux-gnu-{language[0]}", language[1], "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{sources}"]
    given = [f"-isystem{packages / folder}" for folder in ("ftorch/include", "torch/include")]
    subprocess.run([*command, *given, sources / name], check=True)
