"""The command line: what it prints, where, and with which exit code."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import pt2ts
from pt2ts.cli.app import app, main
from pt2ts.pytorch import torchscript

from ...support import write_script
from .. import user_modules as modules

HERE = Path(__file__).parents[1]  # modules to export lie there


class Result(NamedTuple):
    """What a run of the command line left behind."""

    code: int
    out: str
    err: str


def in_process_of_its_own(*arguments: object, cwd: Path = HERE) -> Result:
    """Run ``python -m pt2ts`` as a shell does."""
    command = [sys.executable, "-m", "pt2ts", *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    return Result(done.returncode, done.stdout, done.stderr)


def pt2ts_command(*arguments: object, cwd: Path = HERE) -> Result:
    """Run the command line in this process, which saves the seconds of importing torch."""
    out, err = io.StringIO(), io.StringIO()
    command = ["pt2ts", *map(str, arguments)]
    with chdir(cwd), redirect_stdout(out), redirect_stderr(err), mock.patch.object(sys, "argv", command):
        try:
            main()
            code: object = 0
        except SystemExit as stop:
            code = stop.code or 0
    assert isinstance(code, int)
    return Result(code, out.getvalue(), err.getvalue())


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.pt"
    torch.manual_seed(0)
    example = 180 + 140 * torch.rand(4, 5)
    pt2ts.export(modules.Column(), example, path, inputs=["column[batch,5] float32 K 180..320 -- temperature"])
    return path


# ---------------------------------------------------------------------------------------------------------------- export


def test_export_from_a_factory_with_arguments_and_weights(tmp_path: Path) -> None:
    net = modules.make_column(width=16)
    torch.nn.init.constant_(next(net.parameters()), 0.25)
    torch.save({"state_dict": net.state_dict(), "epoch": 3}, tmp_path / "w.pt")
    done = in_process_of_its_own(
        "export", "user_modules:make_column", "--arg", "width=16", "--arg", "depth=one", "--weights", tmp_path / "w.pt",
        "--input", "column[batch,5] float32 K 180..320 -- temperature", "--result", "heating K/s", "--symbol", "batch=1..1024",
        "--name", "convection", "--description", "for a test", "--provenance", "data=ERA5, 1979 = first year",
        "--provenance", "licence=CC BY 4.0", "-o", tmp_path / "m.pt",
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    spec = pt2ts.read_spec(tmp_path / "m.pt")
    assert (spec.name, spec.description) == ("convection", "for a test")
    assert spec.provenance == {"data": "ERA5, 1979 = first year", "licence": "CC BY 4.0"}
    assert re.search(r"licence\s+.*CC BY 4\.0", pt2ts_command("inspect", tmp_path / "m.pt").out)
    assert spec.inputs[0].units == "K"
    assert spec.outputs[0].name == "heating"
    assert spec.symbols == {"batch": pt2ts.Symbol(1, 1024)}
    golden = pt2ts.read_golden(tmp_path / "m.pt")
    assert golden is not None
    assert torch.allclose(golden.outputs[0], net.eval()(golden.inputs[0]))
    assert "column" in done.out
    assert "[batch, 5]" in done.out


def test_export_from_saved_files(tmp_path: Path) -> None:
    declared = ["--input", "column[batch,5] float32", "-o", tmp_path / "m.pt"]
    write_script(torchscript.script(modules.Column()), tmp_path / "script.pt", {})
    assert pt2ts_command("export", tmp_path / "script.pt", *declared).code == 0
    torch.save(modules.Column(), tmp_path / "pickle.pt")
    refused = pt2ts_command("export", tmp_path / "pickle.pt", *declared, cwd=HERE.parent)
    assert refused.code == 1
    assert "is pickled" in refused.err
    assert "--trust-pickle" in refused.err
    assert pt2ts_command("export", tmp_path / "pickle.pt", *declared, "--trust-pickle", cwd=HERE.parent).code == 0


def test_export_with_example_files(tmp_path: Path) -> None:
    a, b = np.ones((2, 3), dtype=np.float32), np.ones((3, 4), dtype=np.float32)
    np.savez(tmp_path / "x.npz", b=b, a=a)
    torch.save([torch.from_numpy(a), torch.from_numpy(b)], tmp_path / "x.pt")
    for name in ("x.npz", "x.pt"):
        done = pt2ts_command(
            "export", "user_modules:TwoSizes", "--example", tmp_path / name, "--fixed-batch", "--no-golden", "-o", tmp_path / "m.pt"
        )
        assert done.code == 0, done.err
        spec = pt2ts.read_spec(tmp_path / "m.pt")
        assert [item.shape for item in spec.inputs] == [(2, 3), (3, 4)]
        assert not spec.golden


def test_module_is_looked_for_in_the_current_folder(tmp_path: Path) -> None:
    (tmp_path / "module_of_this_folder.py").write_text("import torch\nmade = torch.nn.Tanh()\n")
    done = pt2ts_command("export", "module_of_this_folder:made", "--input", "x[batch,2] float64", "-o", "m.pt", cwd=tmp_path)
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere:f"], "there is no Python module 'nowhere'"),
        (["user_modules.py:make_column"], "named by dots, without .py: user_modules:make_column"),
        (["./sub/user_modules:Alias"], "named by dots, without .py: sub.user_modules:Alias\n"),
        (["../user_modules:Alias"], "user_modules:Alias; its folder must be the current one"),
        (["user_modules:Nothing"], "'user_modules' has no 'Nothing'"),
        (["user_modules:make_colum"], "did you mean 'make_column'?"),
        (["user_modules.py"], "user_modules:FACTORY"),
        (["user_modules:not_a_module"], "gives something of type int, not a torch.nn.Module"),
        (["pt2ts.nn:Noise", "--arg", "kind=gauss"], "failed: kind is 'gauss'"),
        (["user_modules:make_column", "--arg", "depth=two"], "failed: ValueError: depth two is unknown"),
        (["user_modules:make_column", "--arg", "height=2"], "unexpected keyword argument 'height'"),
        (["user_modules:make_column", "--arg", "width"], "cannot read the argument 'width'"),
        (["user_modules:make_column", "--weights", "missing.pt"], "there is no file 'missing.pt' with weights"),
        (["user_modules:make_column", "--weights", "user_modules.py"], "'user_modules.py' holds no weights"),
        (["missing.pt"], "there is no file 'missing.pt'"),
        (["user_modules.py"], "user_modules.py is no model file"),
        (["user_modules.py", "--arg", "a=1"], "constructor arguments mean nothing"),
        (["user_modules:Alias", "--example", "missing.npz"], "there is no file 'missing.npz' with example inputs"),
        (["user_modules:Alias", "--example", "user_modules.py"], "holds no example inputs"),
        (["user_modules:Alias", "--symbol", "batch"], "cannot read the symbol 'batch'"),
        (["user_modules:Fails"], "fails on the example inputs"),
    ],
)
def test_export_refuses_in_one_line(tmp_path: Path, arguments: list[str], words: str) -> None:
    done = pt2ts_command("export", *arguments, "--input", "x[batch,5] float32", "-o", tmp_path / "m.pt")
    assert done.code == 1
    assert done.out == ""
    assert done.err.startswith("pt2ts: ")
    assert words in done.err
    assert "Traceback" not in done.err
    assert len(done.err.splitlines()) <= 3
    assert not list(tmp_path.iterdir())


def test_a_package_that_the_module_imports_is_missing(tmp_path: Path) -> None:
    (tmp_path / "module_that_needs_more.py").write_text("import no_such_package.part\n")
    done = pt2ts_command("export", "module_that_needs_more:made", "--input", "x[batch,2] float64", "-o", "m.pt", cwd=tmp_path)
    assert done.code == 1
    assert "'module_that_needs_more' imports 'no_such_package', which is not installed" in done.err


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["user_modules:BakedBatch", "--input", "x[batch,5] float32"], "or pass --fixed-batch"),
        (["user_modules:Branch", "--input", "x[batch,5] float32"], "pass --method trace"),
        (
            ["torch.nn:Linear", "--arg", "in_features=4", "--arg", "out_features=2", "--input", "x[n] float32"],
            "by a number (--input), give its bounds (--symbol), or pass --fixed-batch",
        ),
        (["user_modules:Column", "--input", "column[batch,5] float64"], "or convert the network, --dtype float64"),
    ],
)
def test_hints_speak_of_options(tmp_path: Path, arguments: list[str], option: str) -> None:
    done = pt2ts_command("export", *arguments, "-o", tmp_path / "m.pt")
    assert done.code == 1
    assert option in done.err.splitlines()[-1]


def test_a_device_that_is_not_there(tmp_path: Path) -> None:
    kind = "xpu" if torch.cuda.is_available() else "cuda"
    words = ["user_modules:Column", "--input", "column[batch,5] float32", "-o", tmp_path / "m.pt2", "--device", kind]
    done = pt2ts_command("export", *words)
    assert done.code == 4
    assert "give --with-fallback: the TorchScript form of a package runs on every device" in done.err.splitlines()[-1]


def test_weights_of_another_shape(tmp_path: Path) -> None:
    torch.save(modules.make_column(width=4).state_dict(), tmp_path / "w.pt")
    done = pt2ts_command(
        "export", "user_modules:make_column", "--weights", tmp_path / "w.pt", "--input", "x[batch,5] float32", "-o", "m.pt"
    )
    assert done.code == 1
    assert "do not fit the module" in done.err
    assert "net.0.weight is [8, 5], in the file [4, 5]" in done.err


def test_inputs_must_be_told(tmp_path: Path) -> None:
    done = pt2ts_command("export", "user_modules:Alias", "-o", tmp_path / "m.pt")
    assert done.code == 1
    assert "nothing says what the inputs are" in done.err


# --------------------------------------------------------------------------------------------------------------- inspect


def test_inspect_in_a_pipe_is_plain_text(model: Path) -> None:
    done = in_process_of_its_own("inspect", model)
    assert (done.code, done.err) == (0, "")
    assert done.out.isascii()
    assert "\x1b" not in done.out
    facts = dict(line.split(None, 1) for line in done.out.split("\n\n")[0].splitlines() if not line.startswith("size '"))
    assert facts["model"] == "model"
    assert facts["parameters"] == "91"
    assert facts["made"].startswith("by")
    assert "input 1   column  float32  [batch, 5]  K      180 to 320  temperature" in done.out


def test_inspect_as_json(model: Path) -> None:
    done = pt2ts_command("inspect", "--json", model)
    data = json.loads(done.out)
    assert data["spec"] == pt2ts.read_spec(model).to_dict()
    assert data["parameters"] == 91
    assert data["bytes"] == model.stat().st_size
    assert data["golden"]["inputs"] == [[4, 5]]


def test_inspect_plain_torchscript(tmp_path: Path) -> None:
    write_script(torchscript.script(modules.Column()), tmp_path / "m.pt", {})
    done = pt2ts_command("inspect", tmp_path / "m.pt")
    assert done.code == 0
    assert "none (plain TorchScript)" in done.out
    assert json.loads(pt2ts_command("inspect", "--json", tmp_path / "m.pt").out)["spec"] is None


def test_export_takes_weights_for_what_they_are(tmp_path: Path) -> None:
    torch.save(modules.make_column().state_dict(), tmp_path / "w.pt")
    done = pt2ts_command("export", tmp_path / "w.pt", "--input", "x[batch,5] float32", "-o", tmp_path / "m.pt")
    assert done.code == 1
    assert "holds weights" in done.err
    assert "--weights" in done.err


def test_results_are_named_by_key(tmp_path: Path) -> None:
    results = ["--result", "wind m/s", "--result", "heat W/m2"]
    done = pt2ts_command("export", "user_modules:Named", "--input", "x[batch,3] float32 -1..1", *results, "-o", tmp_path / "m.pt")
    assert (done.code, done.err) == (0, "")
    assert [(item.name, item.units) for item in pt2ts.read_spec(tmp_path / "m.pt").outputs] == [("heat", "W/m2"), ("wind", "m/s")]


def test_remarks_are_one_line_each(tmp_path: Path) -> None:
    done = pt2ts_command("export", "user_modules:Logarithm", "--input", "x[batch,3] float32 -2..-1", "-o", tmp_path / "m.pt")
    assert done.code == 0
    assert done.err == "pt2ts: warning: output 'output' contains NaN (12 of 12 values for the example inputs)\n"
    for command, start in (("inspect", "output"), ("verify", "golden")):
        row = next(line for line in pt2ts_command(command, tmp_path / "m.pt").out.splitlines() if line.startswith(start))
        assert row == row.strip()
    # As it was at export, so the golden sample is met; but no answer for numbers that are declared to be ordinary.
    verified = pt2ts_command("verify", tmp_path / "m.pt")
    assert verified.code == 1
    assert "ok, contains NaN" in verified.out
    assert "output 'output' is NaN for inputs inside their ranges" in verified.err
    assert "contains NaN" in pt2ts_command("inspect", tmp_path / "m.pt").out
    assert json.loads(pt2ts_command("inspect", "--json", tmp_path / "m.pt").out)["golden"]["remarks"] == ["contains NaN"]


@pytest.mark.parametrize("name", ["missing.pt", "user_modules.py", "."])
def test_inspect_refuses(name: str) -> None:
    done = pt2ts_command("inspect", name)
    assert done.code == 1
    assert done.err.startswith("pt2ts: ")
    assert "Traceback" not in done.err


# ------------------------------------------------------------------------------------------------------------- all of it


def test_help_names_every_command_and_option() -> None:
    runner = CliRunner()
    text = runner.invoke(app, ["--help"]).output
    assert all(name in text for name in ("export", "inspect", "verify", "--version"))
    text = runner.invoke(app, ["export", "--help"]).output
    for option in ("--arg", "--weights", "--input", "--result", "--symbol", "--example", "--method", "--output"):
        assert option in text


def test_no_arguments_show_the_help() -> None:
    done = in_process_of_its_own()
    assert "Commands" in done.out + done.err
    assert done.code == 2


def test_help_needs_no_torch() -> None:
    program = "import sys, pt2ts.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_version() -> None:
    assert in_process_of_its_own("--version").out == f"pt2ts {pt2ts.__version__}\n"


@pytest.mark.parametrize("arguments", [["export"], ["nonsense"], ["inspect"], ["inspect", "--nonsense", "x"]])
def test_wrong_use_is_exit_code_2(arguments: list[str]) -> None:
    done = in_process_of_its_own(*arguments)
    assert done.code == 2
    assert "Traceback" not in done.err
