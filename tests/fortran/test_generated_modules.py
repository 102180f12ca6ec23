"""Generated Fortran modules: they compile without a warning, pass their self test and give what PyTorch gives."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from filelock import FileLock

import pt2ts
from pt2ts.fortran.kinds import check_kind
from pt2ts.fortran.render import fortran_module, render_module
from pt2ts.fortran.view import ModuleView, module_view
from pt2ts.fortran.write import write_fortran

from ..support import BuildFortran
from . import generated_driver, model_files, package_files
from .generated_models import CASES
from .misuse.table import ARGUMENT, FILE, HANDLE

HERE = Path(__file__).resolve().parent

#: Every warning is an error.
STRICT = {
    "gfortran": ("-std=f2018", "-Wall", "-Wextra", "-pedantic", "-Werror"),
    "flang": ("-std=f2018", "-pedantic", "-Werror"),
}


Done = subprocess.CompletedProcess[str]


class Made(NamedTuple):
    """A model file, its module, other inputs than the golden ones and what PyTorch makes of them."""

    view: ModuleView
    inputs: Sequence[torch.Tensor]
    outputs: Sequence[torch.Tensor]
    sample_outputs: Sequence[torch.Tensor]
    tolerance: float


def strict(compiler: str) -> tuple[str, ...]:
    return STRICT["flang" if "flang" in compiler else compiler]


def flat(result: object) -> list[torch.Tensor]:
    """Results in the order of a contract: dictionaries by sorted key."""
    if isinstance(result, torch.Tensor):
        return [result]
    items = [result[key] for key in sorted(result)] if isinstance(result, dict) else result
    assert isinstance(items, (list, tuple))
    return [tensor for item in items for tensor in flat(item)]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where model files, sources and values lie."""
    return tmp_path_factory.mktemp("generated")


@pytest.fixture(scope="session")
def made(folder: Path) -> dict[str, Made]:
    """All cases: exported, with values of their own in files."""
    found = {}
    for name, case in CASES.items():
        module, path = case.make().eval(), folder / f"{name}.pt"
        example = case.example(torch.Generator().manual_seed(0))
        pt2ts.export(module, example, path, inputs=case.inputs, outputs=case.outputs, name=name, **case.more)
        found[name] = evaluate(path, module, case.example(torch.Generator().manual_seed(1)), case.tolerance, **case.options)
    path = package_files.write_columns(folder, package_spec(folder))
    a, b = torch.randn(2, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found["columns"] = evaluate(path, package_files.Columns(), [a, b], 1e-12, "columns_package")
    for name, case_made in found.items():
        write_values(folder, name, case_made)
    return found


def package_spec(folder: Path) -> dict[str, object]:
    """Contract of a network of one input, from which the package of the tests takes what is common to all."""
    batch = torch.arange(10.0).reshape(2, 5)
    pt2ts.export(model_files.Linear(), batch, folder / "linear.pt", inputs=["state[batch,5] float32 K"], outputs=["rate"])
    return pt2ts.read_spec(folder / "linear.pt").to_dict()


def evaluate(
    path: Path,
    module: torch.nn.Module,
    inputs: Sequence[torch.Tensor],
    tolerance: float,
    name: str | None = None,
    *,
    kind: str | None = None,
    guard: bool = False,
) -> Made:
    view = module_view(path, name or f"{path.stem}_mod", check_kind(kind), guard=guard)
    first = [tensor[:1] if port.batched else tensor for port, tensor in zip(view.inputs, inputs, strict=True)]
    with torch.no_grad():
        return Made(view, inputs, flat(module(*inputs)), flat(module(*first)), tolerance)


def write_values(folder: Path, name: str, case: Made) -> None:
    for number, (port, tensor) in enumerate(zip(case.view.inputs, case.inputs, strict=True), 1):
        (folder / f"{name}.batch.{number}").write_bytes(generated_driver.to_bytes(port, tensor))
        first = tensor[:1] if port.batched else tensor
        (folder / f"{name}.sample.{number}").write_bytes(generated_driver.to_bytes(port, first))


@pytest.fixture(scope="session")
def results(
    fc: str, build_fortran: BuildFortran, made: dict[str, Made], folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Folder with the results of all modules, which one program has run."""
    sources = []
    for case in made.values():
        sources.append(folder / f"{case.view.name}.f90")
        sources[-1].write_text(render_module(case.view))
    sources.append(folder / "driver.f90")
    sources[-1].write_text(generated_driver.driver({name: (case.view, case.inputs, case.outputs) for name, case in made.items()}))
    with FileLock(folder / "lock"):
        program = build_fortran(*sources, compiler=fc, flags=strict(fc))
    place = tmp_path_factory.mktemp("values")
    for file in folder.iterdir():
        (place / file.name).symlink_to(file)
    done = subprocess.run([program], cwd=place, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "done\n"
    return place


@pytest.mark.parametrize("name", [*CASES, "columns"])
def test_agrees_with_pytorch(name: str, made: dict[str, Made], results: Path) -> None:
    """On a batch and on a single sample; the self test and the count of handles are checked by the program."""
    case = made[name]
    forms = {"batch": case.outputs} | ({"sample": case.sample_outputs} if case.view.batch else {})
    for form, outputs in forms.items():
        for number, (port, want) in enumerate(zip(case.view.outputs, outputs, strict=True), len(case.inputs) + 1):
            have = generated_driver.from_bytes(port, (results / f"{name}.{form}.{number}").read_bytes(), want)
            agree(have, want, case.tolerance)


def agree(have: torch.Tensor, want: torch.Tensor, tolerance: float) -> None:
    wide = torch.complex128 if want.is_complex() else torch.float64
    gap = float((have.to(wide) - want.to(wide)).abs().max())
    assert gap <= tolerance * float(want.to(wide).abs().max()), (have, want)


@pytest.mark.parametrize("file", ["columns.pt2", "columns.pt"])
def test_every_index(fc: str, build_fortran: BuildFortran, made: dict[str, Made], folder: Path, file: str) -> None:
    """On fields that are not square, in both memory orders: a program that knows which index is which says so."""
    assert made["columns"].view.file == "columns.pt2"
    path, script = folder / "reversed_order.pt", folder / "columns.pt"
    with FileLock(folder / "lock"):
        if not path.exists():
            pt2ts.export(Marked(), torch.zeros(2, 3, 5), path, inputs=["field[batch,3,5] float32"], outputs=["marked"])
            pt2ts.export(
                Pair(), [torch.zeros(2, 3, dtype=torch.float64)] * 2, script, inputs=["a[batch,3]", "b[batch,3]"],
                outputs=["sum", "difference"], format=pt2ts.TorchScript(layout="fortran"),
            )  # fmt: skip
    (folder / "reversed_order.f90").write_text(pt2ts.fortran_module(path))
    (folder / "fortran_order.f90").write_text(pt2ts.fortran_module(folder / file, "fortran_order"))
    sources = (folder / "reversed_order.f90", folder / "fortran_order.f90", HERE / "generated_index.f90")
    program = build_fortran(*sources, compiler=fc, flags=strict(fc))
    done = subprocess.run([program, file], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("every index is in its place\n", "")


class Marked(torch.nn.Module):
    """100 row + column + value."""

    def forward(self, field: torch.Tensor) -> torch.Tensor:
        rows = torch.arange(field.size(1), dtype=field.dtype)[:, None]
        return 100 * rows + torch.arange(field.size(2), dtype=field.dtype) + field


class Pair(torch.nn.Module):
    """What `package_files.Columns` computes, as TorchScript takes it."""

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        steps = torch.arange(3, dtype=a.dtype)
        return a * 2**steps + b, (a - b) + steps


FAILURES = {
    "not_loaded": (HANDLE, "model is not initialised"),
    "no_file": (FILE, "cannot open 'nowhere.pt'"),
    "finalized": (HANDLE, "model is not initialised"),
    "wrong_shape": (ARGUMENT, "input 1 'sst' (K): expected float32 [batch, 4, 6], got float64 [2, 4, 5]"),
    "two_batches": (ARGUMENT, "input 2 'mask': expected bool [batch, 4, 6], got bool [1, 4, 6]; batch is 2 in another input"),
    "backwards": (ARGUMENT, "dimension 1 runs backwards"),
    "short_output": (ARGUMENT, "output 1 'next' (K): the model returns float32 [1, 4, 6]"),
}


@pytest.fixture(scope="session")
def mistakes(fc: str, build_fortran: BuildFortran, made: dict[str, Made], folder: Path) -> Callable[..., Done]:
    """Run scenarios of generated_mistakes.f90."""
    source = folder / "fields_mod.f90"
    source.write_text(render_module(made["fields"].view))
    program = build_fortran(source, HERE / "generated_mistakes.f90", compiler=fc, flags=strict(fc))

    def start(*scenarios: str) -> Done:
        done = subprocess.run([program, *scenarios], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
        assert 0 <= done.returncode < 126, done.stderr
        return done

    return start


def test_failures_are_reported(mistakes: Callable[..., Done]) -> None:
    """With the status and the words of the library; the program goes on, and nothing is left over."""
    done = mistakes(*FAILURES)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    for line, (scenario, (status, fragment)) in zip(lines, FAILURES.items(), strict=True):
        assert line.startswith(f"{scenario} {status} ")
        assert fragment in line


def test_without_stat_the_program_stops(mistakes: Callable[..., Done]) -> None:
    done = mistakes("stops")
    assert done.returncode == 1
    assert "input 1 'sst' (K): expected float32 [batch, 4, 6]" in done.stderr


def test_guard(mistakes: Callable[..., Done]) -> None:
    """Bounds belong to the range; NaN does not; both forms of run are counted once; what was never outside is not reported."""
    words = [line.split() for line in mistakes("guard", "missed").stdout.splitlines()]
    assert [" ".join(line) for line in words if line[0] != "fields_mod:"] == [
        "counts 3 1 2", "sstmonth", "counts 0 0", "guard 0", "missed 0",
    ]  # fmt: skip
    reports = [" ".join(line) for line in words if line[0] == "fields_mod:"]
    assert [report.partition(", from ")[0] for report in reports] == [
        "fields_mod: input 'sst': 3 outside 270 to 310 in 2 calls",
        "fields_mod: input 'month': 1 outside 1 to 12 in 2 calls",
    ]
    # Compilers write as many zeros as they like.
    extremes = [[float(number) for number in report.partition(", from ")[2].split(" to ")] for report in reports]
    assert extremes == [[200, 400.5], [13, 13]]


@pytest.mark.parametrize(
    "name", ["dense", "integers", "fields", *(pytest.param(name, marks=pytest.mark.long) for name in ("half", "complex_double"))]
)
def test_program(fc: str, build_fortran: BuildFortran, made: dict[str, Made], folder: Path, tmp_path: Path, name: str) -> None:
    """It runs the golden sample, where that is small enough to be written out, and prints its first results."""
    view = made[name].view
    write_fortran(folder / view.file, tmp_path / f"{view.name}.f90", kind=view.kind, program=True)
    program = build_fortran(tmp_path / f"{view.name}.f90", tmp_path / "main.f90", compiler=fc, flags=strict(fc))
    done = subprocess.run([program, folder / view.file], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    first, *lines = done.stdout.splitlines()
    assert first.startswith("self test, largest difference:")
    assert [line.partition(":")[0] for line in lines] == [port.spec.name for port in view.outputs]
    if name == "dense":
        assert view.golden
        numbers = [float(word) for word in lines[0].partition(":")[2].split()]
        agree(torch.tensor(numbers), view.golden.outputs[0][0, :4], 1e-6)


@pytest.mark.parametrize("suffix", ["pt", "pt2"])
def test_one_sample_may_be_a_section(fc: str, build_fortran: BuildFortran, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"sections.{suffix}"
    pt2ts.export(torch.nn.Linear(5, 3), torch.randn(2, 5), path, inputs=["x[batch,5]"])
    source = tmp_path / "sections_mod.f90"
    source.write_text(fortran_module(path, "sections_mod", kind="real64"))
    program = build_fortran(source, HERE / "generated_sections.f90", compiler=fc)
    done = subprocess.run([program, path.name], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "right\n"), done.stderr
