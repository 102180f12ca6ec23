"""Generated modules keep apart what is theirs and what is the contract's, and notice NaN whatever the host is compiled with."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import torch

import pt2ts
from pt2ts.contract.spec import SPEC_FILE, Spec, Symbol, TensorSpec
from pt2ts.fortran.write import write_fortran
from pt2ts.pytorch import torchscript

from ..support import BuildFortran, printed_flags, run, write_script

HERE = Path(__file__).resolve().parent
STRICT = ("-std=f2018", "-pedantic", "-Werror")

#: What a compiler may do when it is told that there is no NaN.
FAST = {"gfortran": ("-Ofast",), "flang": ("-O3", "-ffast-math")}

#: Strings and comments, whichever begins first.
_NO_CODE = re.compile(r"'(?:[^'\n]|'')*'|\"[^\"\n]*\"|!.*")


def family(compiler: str) -> str:
    return "flang" if "flang" in compiler else compiler


def write_contract(path: Path, inputs: list[TensorSpec], outputs: list[TensorSpec]) -> None:
    """Write a file that has this contract; what is in it beside is never run."""
    spec = Spec(torch.__version__, "a test", path.stem, tuple(inputs), tuple(outputs), {"batch": Symbol()})
    write_script(torchscript.script(torch.nn.Identity()), path, {SPEC_FILE: spec.to_json()})


def tensors(names: list[str], **more: object) -> list[TensorSpec]:
    """Tensors of several kinds, every second one a number for each sample."""
    dtypes = ("float32", "float64", "int64", "bool", "uint8")
    shapes: tuple[tuple[int | str, ...], ...] = (("batch", 5), ("batch",))
    return [
        TensorSpec(name, dtypes[n % len(dtypes)], shapes[n % len(shapes)], range=(1.0, 2.0) if more else None)
        for n, name in enumerate(names)
    ]


def identifiers(source: str) -> set[str]:
    """Every word of the code, in lower case, without comments and strings."""
    return set(re.findall(r"[a-z][a-z0-9_]*", _NO_CODE.sub(" ", source).lower()))


def compile_all(compiler: str, folder: Path, *sources: str) -> None:
    warnings = ("-Wall", "-Wextra") if family(compiler) == "gfortran" else ()
    run(compiler, "-c", *STRICT, *warnings, *printed_flags(compiler, "--fflags"), *sources, cwd=folder)


def test_any_name_of_ours_may_be_a_name_of_the_contract(fc: str, tmp_path: Path) -> None:
    """Whatever words a module and its program consist of, a contract that has all of them for names compiles."""
    write_contract(tmp_path / "plain.pt", tensors(["a", "b", "c", "d", "e", "f"], guard=True), tensors(["g", "h", "i"]))
    texts = write_fortran(tmp_path / "plain.pt", tmp_path / "plain.f90", "plain", guard=True, program=True)
    ours = sorted(set().union(*(identifiers(text.read_text()) for text in texts if text.suffix == ".f90")))
    assert {"outside", "is_inside_real32", "observe_1", "stat", "demonstrate", "run_sample", "run_guarded", "is_left"} <= set(ours)
    folder = tmp_path / "names"
    folder.mkdir()
    # Half of them at a time: gfortran warns of more arguments than it has room for on the stack.
    for side, names in (("in", (ours[::2], ours[1::2])), ("out", (ours[1::2], ours[::2]))):
        path = folder / f"clash_{side}.pt"
        more = [path.stem, f"{path.stem}_guard", "a" * 70, "a" * 71, "2m", "T", "t", "observe_9"]
        write_contract(path, tensors([*names[0], *more], guard=True), tensors([name.upper() for name in names[1]]))
        write_fortran(path, folder / f"{path.stem}.f90", path.stem, guard=True, program=True, force=True)
        compile_all(fc, folder, f"{path.stem}.f90", "main.f90")


class Weather(torch.nn.Module):
    """Two results of one shape, and an input that is one number."""

    def forward(self, air: torch.Tensor, month: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return air * 2 + month, air * 3 + month


def write_weather(path: Path, *outputs: str) -> None:
    pt2ts.export(
        Weather(), [torch.tensor([[271.0, 300.0], [280.0, 290.0]]), torch.tensor(3.0, dtype=torch.float64)], path,
        inputs=["air[batch,2] float32 K 270..310", "month[] float64 1..12"], outputs=list(outputs),
    )  # fmt: skip


@pytest.fixture(scope="module")
def weather(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the module `weather` and files it was made for, or not."""
    folder = tmp_path_factory.mktemp("weather")
    write_weather(folder / "weather.pt", "rain", "outside")
    write_weather(folder / "swapped.pt", "outside", "rain")
    write_fortran(folder / "weather.pt", folder / "weather.f90", guard=True)
    return folder


def start(program: Path, folder: Path, *words: str) -> list[str]:
    done = subprocess.run([program, *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [line.rstrip() for line in done.stdout.splitlines()]


@pytest.mark.parametrize("speed", ["fast", "plain"])
def test_nan_is_counted_however_the_host_is_compiled(speed: str, fc: str, build_fortran: BuildFortran, weather: Path) -> None:
    """In arrays and numbers, of both kinds; and infinity; neither is ever the smallest or largest value."""
    flags = (*STRICT, *(FAST[family(fc)] if speed == "fast" else ()))
    program = build_fortran(weather / "weather.f90", HERE / "generated_guard.f90", compiler=fc, flags=flags)
    lines = start(program, weather, "weather.pt")
    assert lines[0] == "0"
    assert lines[1:4] == ["counts 0 0", "counts 4 0", "counts 4 3"]
    assert [line.partition(", from ")[0] for line in lines[4:]] == [
        "weather: input 'air': 4 outside 270 to 310 in 5 calls",
        "weather: input 'month': 3 outside 1 to 12 in 5 calls",
    ]
    extremes = [[float(number) for number in line.partition(", from ")[2].split(" to ")] for line in lines[4:]]
    assert extremes == [[200, 290], [13, 13]]


def test_a_file_with_other_outputs_is_refused(fc: str, build_fortran: BuildFortran, weather: Path) -> None:
    """Of equal shapes and dtypes: a program would take snow for rain."""
    program = build_fortran(weather / "weather.f90", HERE / "generated_guard.f90", compiler=fc, flags=STRICT)
    assert start(program, weather, "swapped.pt") == [
        "3 weather init: the outputs of 'swapped.pt' are outside, rain, and this module was made for rain, outside; make it again: "
        "pt2ts fortran"
    ]
