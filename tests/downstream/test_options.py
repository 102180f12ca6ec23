"""Programs compiled with options that change what default kinds are, what is standard, and when code is generated."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from ftorch import find_compiler

from ..fortran.model_files import Linear
from ..support import printed_flags, run, write_script

SOURCE = Path(__file__).resolve().parent / "options.f90"
WIDE = "-fdefault-integer-8"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """File of a network, and what the program prints."""
    network = Linear().eval()
    path = tmp_path_factory.mktemp("model") / "linear.pt"
    write_script(torch.jit.script(network), path)
    return path, [f"{network(torch.ones(2, 5)).sum().item():.4f}", "2", "3.0"]


@pytest.mark.parametrize("options", ["-std=f2018 -pedantic", "-fdefault-real-8", "-flto"])
def test_options(fc: str, options: str, model: tuple[Path, list[str]], tmp_path: Path) -> None:
    if options == "-flto" and fc != "gfortran":
        pytest.skip("flang needs a linker of its own for that")
    program = tmp_path / "program"
    words = options.split()
    run(fc, *words, *printed_flags(fc, "--fflags"), SOURCE, *printed_flags(fc, "--ldflags"), "-o", program, cwd=tmp_path)
    assert run(program, model[0]).split() == model[1]


@pytest.mark.long
def test_wide_integers(fc: str, model: tuple[Path, list[str]], tmp_path: Path) -> None:
    """Integers and logicals of 8 bytes need module files that were compiled so."""
    compiler, prefix = f"{fc} {WIDE}", ("--prefix", tmp_path / "wide")
    tool = (sys.executable, "-m", "ftorch")
    run(*tool, "--add-compiler", compiler, *prefix)
    assert (tmp_path / "wide" / "lib" / f"{find_compiler(fc).tag}-i8").is_dir()
    first, last = (run(*tool, option, "--compiler", compiler, *prefix).split() for option in ("--fflags", "--ldflags"))
    program = tmp_path / "program"
    run(fc, WIDE, *first, SOURCE, *last, "-o", program, cwd=tmp_path)
    assert run(program, model[0]).split() == model[1]
