"""The source that `pt2ts fortran` writes: names, types, layout, long lines, refusals. What it computes: tests/fortran."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import pt2ts
from pt2ts.container import reading
from pt2ts.contract.dtypes import DTYPES
from pt2ts.contract.spec import SPEC_FILE
from pt2ts.fortran.fold import WIDTH, fold
from pt2ts.fortran.kinds import check_kind, elements
from pt2ts.fortran.names import Namer, check_module_name, identifier, module_name
from pt2ts.fortran.kinds import real_literal
from pt2ts.fortran.write import write_fortran

from ...fortran import package_files
from ...support import BuildFortran, write_script
from ..cli.test_cli import pt2ts_command

IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,62}$")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model file."""
    path = tmp_path_factory.mktemp("fortran") / "drag.pt"
    torch.manual_seed(0)
    net = torch.nn.Linear(5, 3)
    pt2ts.export(net, torch.randn(4, 5), path, inputs=["wind[batch,5] float32 m/s -90..90"], outputs=["drag m/s2"])
    return path


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("sst", "sst"),
        ("Température 2m", "temperature_2m"),
        ("air.rain", "air_rain"),
        ("2m", "x2m"),
        ("θ", "theta"),
        ("Λ_straße", "lambda_strasse"),
        ("__x__", "x"),
        ("温度", "spare"),
        ("a" * 200, "a" * 59),
    ],
)
def test_identifier(text: str, name: str) -> None:
    assert identifier(text, "spare") == name
    assert IDENTIFIER.match(name)


@pytest.mark.parametrize("word", ["end", "stat", "ERRMSG", "model", "size", "Real", "torch_tensor", "ftorch", "init", "if"])
def test_names_that_mean_something_get_a_mark(word: str) -> None:
    assert Namer().name(word, "spare") == f"{word.lower()}_"


def test_names_differ_for_fortran() -> None:
    namer = Namer(["taken"])
    given = [namer.name(text, "spare") for text in ("T", "t", "t_2", "T.", "taken", "温", "度", "end", "END", "a" * 80, "a" * 81)]
    assert len(set(given)) == len(given)
    assert all(IDENTIFIER.match(name) for name in given), given


def test_module_names() -> None:
    assert module_name("run") == "run_model"
    assert module_name("sst-emulator") == "sst_emulator"
    assert check_module_name("SST_Mod") == "sst_mod"
    for wrong in ("2x", "a b", "x" * 64, "", "é"):
        with pytest.raises(pt2ts.DeclarationError, match="is no name for a Fortran module"):
            check_module_name(wrong)
    for used in ("run", "ftorch", "torch_x", "main", "Model"):
        with pytest.raises(pt2ts.DeclarationError, match="is used inside it"):
            check_module_name(used)


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (0.1, "real64", "0.1_real64"),
        (270, "real32", "270.0_real32"),
        (-1e300, "real32", "-huge(1.0_real32)"),
        (1e-300, "real32", "0.0_real32"),
        (1e20, "real64", "1.0e+20_real64"),
    ],
)
def test_real_literals(value: float, kind: str, text: str) -> None:
    assert real_literal(value, kind) == text


def test_every_dtype_has_a_type() -> None:
    for dtype in DTYPES:
        for kind in (None, "real32", "real64"):
            assert elements(dtype, check_kind(kind)).declaration


def test_long_lines_are_folded_between_words_and_strings_stay_whole() -> None:
    text = "it's a long text, with commas " * 3
    quoted = text.replace("'", "''")
    statement = f"    call something('{quoted}', " + ", ".join(f"argument_{n}=value_{n}" for n in range(30)) + ")"
    comment = "    !! " + "word " * 60 + "x" * 300
    lines = fold(f"{statement}\n{comment}\nshort = 1").split("\n")
    assert all(len(line) <= WIDTH for line in lines)
    joined = "".join(line.removesuffix("&").strip() + " " for line in lines if not line.lstrip().startswith("!"))
    assert "".join(joined.split()) == "".join(f"{statement} short = 1".split())
    assert f"'{quoted}'" in joined
    assert sum(line.count("word") for line in lines if line.startswith("    !! ")) == 60
    assert lines[-1] == "short = 1"


def test_comments_count_bytes() -> None:
    assert all(len(line.encode()) <= WIDTH for line in fold("  !! " + "°" * 400 + " µm" * 90).split("\n"))


def test_arguments_are_documented(model: Path) -> None:
    source = pt2ts.fortran_module(model)
    assert "module drag\n" in source
    assert "real(real32), intent(in), target :: wind(:, :)" in source
    assert "Extents (5, batch): wind(i, j) is element [j, i] of the model's wind[batch, 5]. m/s; range -90 to 90" in source
    assert "Extents (3): drag(i) is element [1, i] of the model's drag[batch, 3]. m/s2" in source
    assert "call model%infer(wind, drag, permute_dims=[2, 1], output_permute_dims=[2, 1], stat=stat, errmsg=errmsg)" in source


def test_kind_and_guard(model: Path) -> None:
    source = pt2ts.fortran_module(model, "other", kind="real64", guard=True)
    assert "module other\n" in source
    assert "real(real64), intent(in), target :: wind(:, :)" in source
    assert "convert=.true." in source
    assert "call observe_1(wind)" in source
    assert "count(.not. is_inside_real64(values, -90.0_real64, 90.0_real64), kind=int64)" in source


def test_a_package_for_fortran_order_keeps_the_order(column: Path) -> None:
    source = pt2ts.fortran_module(column)
    assert "Extents (batch, 5): column(i, j) is element [i, j] of the model's column[batch, 5]. K" in source
    assert "permute_dims" not in source


def test_text_of_the_contract_cannot_leave_its_comment(tmp_path: Path) -> None:
    """A line break in a description would make Fortran of what comes after it."""
    path = tmp_path / "odd.pt"
    declared = [pt2ts.Declaration("x", ("batch", 5), "float32", "K\nstop", None, "one\r\nstop\u2028error stop\x00")]
    pt2ts.export(torch.nn.Linear(5, 3), torch.randn(4, 5), path, inputs=declared, description="first\nend module\nstop")
    source = pt2ts.fortran_module(path)
    assert "K stop. one stop error stop" in source
    assert all(re.match(r"\s*!", line) for line in source.split("\n") if "stop" in line.split("!")[0] or "end module\n" in line)
    assert source.count("end module") == 2  # in the comment, and at the end


def test_the_same_bytes_again(model: Path, tmp_path: Path) -> None:
    options = {"kind": "real64", "guard": True, "program": True}
    written = [path.read_bytes() for path in write_fortran(model, tmp_path / "drag.f90", **options)]  # type: ignore[arg-type]
    again = [path.read_bytes() for path in write_fortran(model, tmp_path / "drag.f90", **options)]  # type: ignore[arg-type]
    assert written == again
    assert sorted(path.name for path in tmp_path.iterdir()) == ["CMakeLists.txt", "drag.f90", "main.f90"]
    assert all(len(line) <= WIDTH for text in written for line in text.split(b"\n"))
    assert str(tmp_path).encode() not in b"".join(written)


def test_command(model: Path, tmp_path: Path) -> None:
    done = pt2ts_command("fortran", model, "-o", tmp_path / "Drag Model.f90", "--kind", "real32", "--program", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert "Drag Model.f90" in done.out
    assert "module drag_model\n" in (tmp_path / "Drag Model.f90").read_text()
    assert "use :: drag_model, only:" in (tmp_path / "main.f90").read_text()


@pytest.mark.parametrize("foreign", ["scheme.f90", "main.f90", "CMakeLists.txt"])
def test_nothing_written_by_hand_is_overwritten(model: Path, tmp_path: Path, foreign: str) -> None:
    """Not even the other files are written; --force overwrites."""
    (tmp_path / foreign).write_text("program mine\nend program\n")
    command = ("fortran", model, "-o", tmp_path / "scheme.f90", "--program")
    done = pt2ts_command(*command)
    assert done.code == 1
    assert f"{foreign} was not made by pt2ts fortran, and is left as it is" in done.err
    assert [path.name for path in tmp_path.iterdir()] == [foreign]
    assert (tmp_path / foreign).read_text() == "program mine\nend program\n"
    assert pt2ts_command(*command, "--force").code == 0
    assert pt2ts_command(*command).code == 0  # now they are ours
    assert len(list(tmp_path.iterdir())) == 3


Ask = Callable[[Path, Path], tuple[object, ...]]


@pytest.mark.parametrize(
    ("ask", "code", "fragment"),
    [
        (lambda model, out: (model, "-o", out / "x.f90", "--kind", "real16"), 2, "real16"),
        (lambda model, _: (model,), 2, "--output"),
        (lambda model, out: (model, "-o", out / "x.f90", "--module", "2x"), 1, "'2x' is no name for a Fortran module"),
        (lambda model, out: (model, "-o", out / "main.f90", "--program"), 1, "cannot both be in main.f90"),
        (lambda model, out: (model, "-o", out / "none" / "x.f90"), 1, "cannot write"),
        (lambda model, out: (model.with_name("none.pt"), "-o", out / "x.f90"), 1, "there is no file"),
        (lambda model, out: (model, "-o", out), 1, "cannot write"),
    ],
)
def test_refusals(model: Path, tmp_path: Path, ask: Ask, code: int, fragment: str) -> None:
    done = pt2ts_command("fortran", *ask(model, tmp_path))
    assert done.code == code
    assert fragment in done.err
    assert list(tmp_path.iterdir()) == []


def test_files_that_have_no_module(tmp_path: Path) -> None:
    plain = tmp_path / "plain.pt"
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), plain)
    with pytest.raises(pt2ts.SpecError, match="carries no spec"):
        pt2ts.fortran_module(plain)


def test_a_training_package_has_the_module_of_its_network(column: Path, tmp_path: Path) -> None:
    """With a procedure more, and without the sizes that only its targets have."""
    path = tmp_path / "column.pt2"
    members, spec = package_files.read(column)
    assert "take_weights" not in pt2ts.fortran_module(column)
    symbols = {**spec["symbols"], "of_targets": {"min": 1, "max": None}}
    package_files.write(path, members, {**spec, "kind": "training", "symbols": symbols})
    source = pt2ts.fortran_module(path)
    assert "public :: init, run, finalize, self_test, self_test_tolerance, take_weights\n" in source
    assert "call model%take_weights(trainer, stat=stat, errmsg=errmsg)" in source
    assert "Size batch is 1 or more." in source
    assert "of_targets" not in source


def test_without_golden_sample(tmp_path: Path) -> None:
    """The program makes values of its own, and does not ask for a test that cannot be."""
    path = tmp_path / "column.pt"
    pt2ts.export(torch.nn.Linear(5, 3), torch.randn(4, 5), path, inputs=["x[batch,5] float32 2..4"], golden=False)
    write_fortran(path, tmp_path / "column.f90", program=True)
    main = (tmp_path / "main.f90").read_text()
    assert "self_test" not in main
    assert "! The middle of its range\n    x = 3.0_real32" in main
    assert "self_test_tolerance" not in (tmp_path / "column.f90").read_text()


def test_unknown_kind(model: Path) -> None:
    with pytest.raises(pt2ts.DeclarationError, match="kind is 'real16'"):
        pt2ts.fortran_module(model, kind="real16")


class Minus(torch.nn.Module):
    """The order of its inputs is all that matters."""

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return a - b


#: A name with everything that strings of Fortran and JSON have rules for.
ODD = 'it\'s "Té"\\ / \t b: {['

DRIVER = """
program other_inputs
  use :: minus, only: init, finalize
  use :: ftorch, only: torch_live_handles
  implicit none (type, external)
  character(len=1000) :: file, errmsg
  integer :: number, stat
  do number = 1, command_argument_count()
    call get_command_argument(number, file)
    errmsg = ''
    call init(file, stat, errmsg)
    print '(i0, 1x, a)', stat, trim(errmsg)
    if (stat /= 0 .and. torch_live_handles() /= 0) error stop 'the refused model is left over'
    call finalize()
  end do
  if (torch_live_handles() /= 0) error stop 'handles are left over'
  if (command_argument_count() == 1) call init(file)
end program other_inputs
"""


def write_minus(path: Path, *names: str) -> None:
    declared = [pt2ts.Declaration(name, ("batch", 3), "float32") for name in names]
    pt2ts.export(Minus(), [torch.randn(4, 3)] * 2, path, inputs=declared)


def test_a_file_with_other_inputs_is_refused(fc: str, build_fortran: BuildFortran, tmp_path: Path) -> None:
    """Of equal shapes and dtypes, which nobody else would notice; with a message that names both."""
    write_minus(tmp_path / "minus.pt", ODD, "second")
    write_minus(tmp_path / "swapped.pt", "second", ODD)
    write_minus(tmp_path / "renamed.pt", ODD, "other")
    # Keys in another order and no blanks, as the library writes a contract that it has changed.
    script, spec = reading.load_script(tmp_path / "minus.pt"), pt2ts.read_spec(tmp_path / "minus.pt").to_dict()
    compact = json.dumps(spec, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    write_script(script, tmp_path / "compact.pt", {SPEC_FILE: compact})
    write_script(script, tmp_path / "plain.pt", {})

    (tmp_path / "minus.f90").write_text(pt2ts.fortran_module(tmp_path / "minus.pt"))
    (tmp_path / "other_inputs.f90").write_text(DRIVER)
    strict = ("-std=f2018", "-pedantic", "-Werror") + (("-Wall", "-Wextra") if fc == "gfortran" else ())
    program = build_fortran(tmp_path / "minus.f90", tmp_path / "other_inputs.f90", compiler=fc, flags=strict)

    def start(*files: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([program, *files], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    done = start("minus.pt", "compact.pt", "plain.pt", "swapped.pt", "renamed.pt")
    assert done.returncode == 0, done.stderr
    made_for = f"and this module was made for {ODD}, second; make it again: pt2ts fortran"
    assert [line.rstrip() for line in done.stdout.splitlines()] == [
        "0", "0", "0",
        f"3 minus init: the inputs of 'swapped.pt' are second, {ODD}, {made_for}",
        f"3 minus init: the inputs of 'renamed.pt' are {ODD}, other, {made_for}",
    ]  # fmt: skip
    stopped = start("swapped.pt")
    assert stopped.returncode == 1
    assert "the inputs of 'swapped.pt' are" in stopped.stderr
