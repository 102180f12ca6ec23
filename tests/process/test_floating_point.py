"""Floating point: all threads of a call compute as the caller does, without its traps; afterwards each has its own state back."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import pt2ts
from pt2ts.container.package import SPEC, read_members, save

from ..support import ROOT, BuildFortran, run, shared_folder, sources_of_pt2ts

HERE = Path(__file__).resolve().parent
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "4"}
#: Flags that set the state of a program before it starts, and the mode that adds what has no flag.
FLAGS: dict[str, dict[str, tuple[tuple[str, ...], str]]] = {
    "gfortran": {"fast": (("-Ofast",), "plain"), "trapping": (("-ffpe-trap=invalid,zero,overflow",), "plain")},
    "flang": {"fast": (("-O3", "-ffast-math"), "plain"), "trapping": (("-O3", "-ffast-math"), "traps")},
}
ORDERS = ("call", "host", "inside")
MODES = ("plain", "traps", "flush")
#: What the contract of a model says about subnormal numbers.
CONTRACTS = {"silent": None, "flushing": True, "keeping": False}

Program = Callable[..., Path]


class Hundredth(torch.nn.Module):
    """What is divided by a hundred is subnormal, and beside it NaN and infinity arise."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        strange = torch.log(-x.abs()) / (x - x)
        return torch.where(strange == strange, x * 1e-2, x * 1e-2)


class Linear(torch.nn.Module):
    """One that becomes a kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.eye(8) * 1e-2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(torch.nn.functional.linear(x, self.weight))


def write_models(folder: Path) -> None:
    inputs = ["x[batch,8] float32"]
    pt2ts.export(Hundredth(), torch.ones(4, 8), folder / "hundredth.pt", inputs=inputs)
    pt2ts.export(Hundredth(), torch.ones(4, 8), folder / "hundredth.pt2", inputs=inputs, format=pt2ts.Package(threads=4, batch=()))
    for name, flush in CONTRACTS.items():
        pt2ts.export(Linear(), torch.ones(4, 8), folder / f"{name}.pt", inputs=inputs, flush_denormals=flush)
    # Compiled once: nothing but the contract differs.
    spec = pt2ts.export(Linear(), torch.ones(4, 8), folder / "silent.pt2", inputs=inputs, format=pt2ts.Package(batch=(32,)))
    members = {name: content for name, content in read_members(folder / "silent.pt2").items() if name != SPEC}
    for name in ("flushing", "keeping"):
        with (folder / f"{name}.pt2").open("wb") as file:
            save(file, members, replace(spec, flush_denormals=CONTRACTS[name]))


@pytest.fixture(scope="session")
def models() -> Path:
    """Folder with TorchScript files, packages with threads, and packages with a kernel."""
    return shared_folder("floating", [Path(__file__).read_bytes(), *sources_of_pt2ts()], write_models)


@pytest.fixture(scope="session")
def program(fc: str, build_fortran: BuildFortran, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Build a program of this folder, with OpenMP and with what reads a thread's word of control."""
    helper = tmp_path_factory.mktemp("float") / "float_word.o"
    run("cc", "-O1", "-c", HERE / "float_word.c", "-o", helper)

    def build(name: str, *flags: str) -> Path:
        return build_fortran(helper, HERE / name, compiler=fc, flags=("-g", "-fopenmp", *flags))

    return build


def said(program: Path, *arguments: str, folder: Path | None = None) -> str:
    return run(program, *arguments, cwd=folder, env=ENVIRONMENT).splitlines()[-1]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("calls", [("operations", "hundredth.pt"), ("hundredth.pt2", "operations")])
def test_all_orders(program: Program, models: Path, order: str, mode: str, calls: tuple[str, str]) -> None:
    """A call, a region of the host, or calls within a region come first; operations and models as they do in both formats."""
    assert said(program("floating_point.f90"), order, mode, *calls, folder=models) == "each has its own"


@pytest.mark.parametrize("state", ["fast", "trapping"])
@pytest.mark.parametrize("order", ORDERS)
def test_state_of_the_program(fc: str, program: Program, models: Path, order: str, state: str) -> None:
    """What the compiler's flags set before the program starts."""
    flags, mode = FLAGS["gfortran" if fc == "gfortran" else "flang"][state]
    calls = ("operations", "hundredth.pt", "hundredth.pt2")
    assert said(program("floating_point.f90", *flags), order, mode, *calls, folder=models) == "each has its own"


@pytest.mark.parametrize("suffix", ["pt", "pt2"])
def test_subnormal_numbers(program: Program, models: Path, suffix: str) -> None:
    """The program decides, else the contract, else the host; slow calls are counted."""
    files = [f"{name}.{suffix}" for name in ("silent", "flushing", "keeping")]
    assert said(program("subnormals.f90"), *files, folder=models) == "decided and counted"


def test_there_is_a_kernel(models: Path) -> None:
    """The packages of the test before are what they are taken for."""
    spec = pt2ts.inspect(models / "silent.pt2").spec
    assert spec is not None
    assert "kernel" in {variant.kind for variant in spec.variants}


@pytest.mark.parametrize("name", CONTRACTS)
def test_contract(models: Path, name: str) -> None:
    for suffix in ("pt", "pt2"):
        report = pt2ts.inspect(models / f"{name}.{suffix}")
        assert report.spec is not None
        assert report.spec.flush_denormals is CONTRACTS[name]
        assert ("subnormal numbers" in dict(report.facts())) == (CONTRACTS[name] is not None)


def build_teams(folder: Path) -> None:
    """Build regions as GCC and as Clang make them, and a program that calls them as PyTorch's are called."""
    sources = ROOT / "src" / "ctorch"
    run("cc", "-O1", "-fPIC", "-fopenmp", "-shared", HERE / "parallel_regions.c", "-o", folder / "gnu.so")
    run("cc", "-O1", "-fPIC", "-fopenmp", "-DAS_CLANG", "-c", HERE / "parallel_regions.c", "-o", folder / "clang.o")
    run("cc", "-shared", folder / "clang.o", "-o", folder / "clang.so", "-l:libomp.so.5")
    run("cc", "-O1", f"-I{sources}", "-c", sources / "loader" / "rebind.c", "-o", folder / "rebind.o")
    run("c++", "-std=c++20", "-O1", f"-I{sources}", HERE / "parallel_regions_in_calls.cpp", sources / "host" / "float_call.cpp",
        folder / "rebind.o", "-o", folder / "teams", "-ldl", "-pthread")  # fmt: skip


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="reads the word of control of x86-64")
@pytest.mark.parametrize("word", ["1f80", "9fc0", "1900", "9900", "5f80", "1fbf", "19b0"])
@pytest.mark.parametrize("order", ["call", "host"])
def test_regions_of_both_run_times(order: str, word: str) -> None:
    """Masked, flushing, trapping, both, rounding up, with all flags, with traps and flags; libgomp and libomp in one process."""
    decisive = [(HERE / name).read_bytes() for name in ("parallel_regions.c", "parallel_regions_in_calls.cpp")]
    decisive += [
        path.read_bytes() for pattern in ("host/float_*", "loader/rebind.*") for path in (ROOT / "src" / "ctorch").glob(pattern)
    ]
    folder = shared_folder("teams", [*decisive, Path(__file__).read_bytes()], build_teams)
    assert run("./teams", order, word, "./gnu.so", "./clang.so", cwd=folder) == "each has its own\n"


def first_bits(binary: Path, times: int) -> set[str]:
    """Return what fresh processes print, two of them at a time."""
    printed: set[str] = set()
    for _ in range(times // 2):
        pair = [subprocess.Popen([binary], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        for process in pair:
            printed.add(process.communicate(timeout=120)[0])
            assert process.returncode == 0
    return printed


def test_first_call_in_parallel(program: Program) -> None:
    """PyTorch's vector mathematics chooses its code at the first call of each function, which must not be several at once."""
    assert len(first_bits(program("first_in_parallel.f90"), 12)) == 1


@pytest.mark.long
def test_first_call_in_parallel_often(program: Program) -> None:
    assert len(first_bits(program("first_in_parallel.f90"), 500)) == 1
