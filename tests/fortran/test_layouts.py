"""Files for arrays in Fortran's order, in both formats: the same modules, the same numbers, and no copy on the way in."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import pt2ts
from pt2ts.contract.spec import SPEC_FILE
from pt2ts.fortran.render import render_module
from pt2ts.pytorch import torchscript

from ..support import BuildFortran, shared_folder, sources_of_pt2ts, write_script
from . import generated_driver
from .test_generated_modules import Made, agree, evaluate, strict, write_values

ORDER: dict[str, pt2ts.TorchScript | pt2ts.Package] = {
    "pt": pt2ts.TorchScript(layout="fortran"),
    "pt2": pt2ts.Package(layout="fortran", threads=1, batch=()),
}


class Levels(nn.Module):
    """Inputs and outputs of one, two and three dimensions, of which every index counts."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 4)
        with torch.no_grad():
            self.layer.weight.copy_(torch.arange(20.0).reshape(4, 5) / 16)
            self.layer.bias.copy_(torch.arange(4.0))

    def forward(self, ta: Tensor, field: Tensor, angle: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        rows = torch.arange(field.size(1), dtype=field.dtype)[:, None] * 100
        marked = field + rows + torch.arange(field.size(2), dtype=field.dtype) + angle[:, None, None]
        return torch.tanh(self.layer(ta)) * angle[:, None], marked, angle + ta[:, 0] + 10 * ta[:, 1]


class Series(nn.Module):
    """From one dimension to two: the input alone does not tell the order."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, None] + torch.arange(3.0)


class Kernel(nn.Module):
    """What compiled kernels compute, in the kind of the host too."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 3)
        with torch.no_grad():
            self.layer.weight.copy_(torch.arange(15.0).reshape(3, 5) / 8)
            self.layer.bias.copy_(torch.arange(3.0))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.layer(x) / 8)


#: Network, inputs, outputs, and the options of its modules.
CASES: dict[str, tuple[type[nn.Module], list[str], list[str], dict[str, Any]]] = {
    "levels": (
        Levels, ["ta[batch,5] float32 K", "field[batch,3,4] float32", "angle[batch] float32"],
        ["tendency K/s", "marked", "flux"], {},
    ),
    "series": (Series, ["x[batch] float32"], ["y"], {}),
    "kernel": (Kernel, ["x[batch,5] float32 K"], ["y"], {"kind": "real64"}),
}  # fmt: skip


def values(inputs: Sequence[str], seed: int) -> list[Tensor]:
    source = torch.Generator().manual_seed(seed)
    shapes = [text.partition("[")[2].partition("]")[0].split(",") for text in inputs]
    return [torch.rand([6, *map(int, shape[1:])], generator=source) for shape in shapes]


@pytest.fixture(scope="session")
def folder() -> Path:
    """Model files of both formats, compiled in this run or an earlier one."""

    def make(place: Path) -> None:
        for name, (network, inputs, outputs, _) in CASES.items():
            for suffix, form in ORDER.items():
                pt2ts.export(network(), values(inputs, 0), place / f"{name}.{suffix}", inputs=inputs, outputs=outputs, format=form)

    return shared_folder("layouts", [*sources_of_pt2ts(), Path(__file__).read_bytes()], make)


@pytest.fixture(scope="session")
def made(folder: Path) -> dict[str, Made]:
    found = {}
    for name, (network, inputs, _, options) in CASES.items():
        for suffix in ORDER:
            path, module = folder / f"{name}.{suffix}", network().eval()
            found[f"{name}_{suffix}"] = evaluate(path, module, values(inputs, 1), 1e-5, f"{name}_{suffix}_mod", **options)
    return found


@pytest.mark.parametrize("name", CASES)
def test_modules_of_both_formats_are_the_same(made: dict[str, Made], name: str) -> None:
    texts = [
        render_module(made[f"{name}_{suffix}"].view)
        .replace(f"{name}_{suffix}_mod", "a_module")
        .replace(f"{name}.{suffix}", "a_file")
        for suffix in ORDER
    ]
    assert texts[0] == texts[1]
    assert "permute_dims" not in texts[0]
    assert "is element [i, j] of the model's" in texts[0]


def test_arrays_have_the_dimensions_of_the_model(folder: Path) -> None:
    source = pt2ts.fortran_module(folder / "levels.pt")
    assert "Extents (batch, 5): ta(i, j) is element [i, j] of the model's ta[batch, 5]. K" in source
    assert "Extents (batch, 3, 4): marked(i, j, k) is element [i, j, k] of the model's marked[batch, 3, 4]" in source
    assert "Extents (batch, 3): y(i, j) is element [i, j]" in pt2ts.fortran_module(folder / "series.pt")


@pytest.fixture(scope="session")
def results(
    fc: str, build_fortran: BuildFortran, made: dict[str, Made], folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Folder with the results of all modules, which one program has run; it replays the golden samples as well."""
    place = tmp_path_factory.mktemp("layouts")
    for file in folder.iterdir():
        (place / file.name).symlink_to(file)
    sources = []
    for name, case in made.items():
        sources.append(place / f"{case.view.name}.f90")
        sources[-1].write_text(render_module(case.view))
        write_values(place, name, case)
    sources.append(place / "driver.f90")
    sources[-1].write_text(generated_driver.driver({name: (case.view, case.inputs, case.outputs) for name, case in made.items()}))
    program = build_fortran(*sources, compiler=fc, flags=strict(fc))
    done = subprocess.run([program], cwd=place, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stdout + done.stderr
    return place


@pytest.mark.parametrize("suffix", ORDER)
@pytest.mark.parametrize("name", CASES)
def test_numbers_are_those_of_pytorch(name: str, suffix: str, made: dict[str, Made], results: Path) -> None:
    """On a batch and on a single sample."""
    case = made[f"{name}_{suffix}"]
    for form, outputs in {"batch": case.outputs, "sample": case.sample_outputs}.items():
        for number, (port, want) in enumerate(zip(case.view.outputs, outputs, strict=True), len(case.inputs) + 1):
            have = generated_driver.from_bytes(port, (results / f"{name}_{suffix}.{form}.{number}").read_bytes(), want)
            agree(have, want, case.tolerance)


class Twice(nn.Module):
    """The network that the contract is made for."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 2.0


class Sees(nn.Module):
    """The same, and it looks at where its input lies."""

    def forward(self, x: Tensor) -> Tensor:
        if x.stride(0) != 1:
            raise ValueError("this is no array of Fortran's order")
        return x * 2.0


@pytest.mark.parametrize("golden", [True, False])
@pytest.mark.parametrize("layout", ["fortran", "torch"])
def test_a_script_sees_the_array_itself(fc: str, build_fortran: BuildFortran, tmp_path: Path, layout: str, golden: bool) -> None:
    """Not a copy in another order: neither in the calls with which it is warmed up, nor in those of the program."""
    path = tmp_path / "sees.pt"
    form = pt2ts.TorchScript(layout=layout)  # type: ignore[arg-type]
    spec = pt2ts.export(Twice(), torch.rand(4, 5), path, inputs=["x[batch,5] float32"], outputs=["y"], golden=golden, format=form)
    kept = pt2ts.read_golden(path)
    extra: dict[str, str | bytes] = {SPEC_FILE: json.dumps(spec.to_dict())}
    if kept is not None:
        extra["ftorch_golden.pt"] = pt2ts.contract.golden.to_bytes(kept)
    write_script(torchscript.script(Sees()), path, extra)
    (tmp_path / "sees.f90").write_text(pt2ts.fortran_module(path, "sees"))
    (tmp_path / "main.f90").write_text(MAIN if layout == "fortran" else MAIN.replace("(4, 5)", "(5, 4)"))
    program = build_fortran(tmp_path / "sees.f90", tmp_path / "main.f90", compiler=fc, flags=strict(fc))
    done = subprocess.run([program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    if layout == "fortran":
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == ["T", "T"]
    else:
        assert "this is no array of Fortran's order" in done.stdout + done.stderr


MAIN = """program main
  use, intrinsic :: iso_fortran_env, only: real32
  use :: sees, only: init, run
  implicit none (type, external)
  call demonstrate()
contains
  subroutine demonstrate()
    real(real32), target :: x(4, 5), y(4, 5)
    character(len=1000) :: message
    integer :: stat
    call random_number(x)
    call init('sees.pt', stat, message)
    if (stat /= 0) then
      print '(a)', trim(message)
      return
    end if
    call run(x, y)
    print '(l1)', all(abs(y - 2 * x) < 1e-6)
    call run(x(2, :), y(1, :))
    print '(l1)', all(abs(y(1, :) - 2 * x(2, :)) < 1e-6)
  end subroutine demonstrate
end program main
"""
