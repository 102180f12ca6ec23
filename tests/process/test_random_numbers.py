"""The program's random numbers are its own, and a network in evaluation mode draws none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
import torch._inductor

from ..fortran import model_files
from ..support import BuildFortran, run
from . import random_networks
from .test_objects_in_use import compile_c

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("random")
    model_files.write_all(folder)
    random_networks.write_all(folder)
    return folder


def test_the_programs_numbers_are_its_own(tmp_path: Path, folder: Path) -> None:
    """20,000 numbers, drawn while models are loaded, tested, copied and saved, are those of a program that does nothing else."""
    shutil.copy(folder / "linear.pt", tmp_path)
    random_networks.write_with_extras_of(folder / "linear.pt", tmp_path / "noise.pt")
    program = tmp_path / "random_numbers"
    compile_c("random_numbers.c", program)
    said = run(program, "20000", tmp_path, "linear.pt", "noise.pt")
    assert int(said.split()[1]) > 1, "models have been loaded meanwhile"


def test_networks_that_draw_are_refused(build_fortran: BuildFortran, fc: str, folder: Path) -> None:
    program = build_fortran(HERE / "random_files.f90", compiler=fc)
    names = [*random_networks.DRAWING, *random_networks.QUIET]
    said = run(program, *names, cwd=folder).splitlines()
    for name, (operation, _) in random_networks.DRAWING.items():
        lines = [line.removeprefix(f"{name} ") for line in said if line.startswith(f"{name} ")]
        assert len(lines) == 3, lines
        assert lines[0].startswith("refused")
        assert f"'{name}' draws random numbers in evaluation mode ({operation})" in lines[0]
        assert "allow_random=.true." in lines[0]
        assert lines[1] == "varying allowed"
        assert lines[2].startswith("stays in training: ")
        assert operation in lines[2]
    for name in random_networks.QUIET:
        assert f"{name} steady" in said, [line for line in said if name in line]


@pytest.mark.long
@pytest.mark.timeout(600)
def test_compiled_code_that_draws_is_refused(build_fortran: BuildFortran, fc: str, tmp_path: Path) -> None:
    """A package that is trusted without a contract is looked into as well."""
    exported = torch.export.export(random_networks.Noise().eval(), (torch.ones(2, 5),))
    torch._inductor.aoti_compile_and_package(exported, package_path=str(tmp_path / "noise.pt2"))
    said = run(build_fortran(HERE / "random_files.f90", compiler=fc), "noise.pt2", cwd=tmp_path).splitlines()
    assert said[0].startswith("noise.pt2 refused")
    assert "draws random numbers in evaluation mode (aoti_torch_cpu_rand" in said[0]
    assert said[1].endswith(" allowed")
