"""The command line for compiled packages: options, progress, both formats at once."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch

import pt2ts
from pt2ts.runtime.runner import PackageRunner

from .. import user_modules as modules
from .test_cli import pt2ts_command

INPUT = ("--input", "x[batch,3] float32")


def test_both_formats_side_by_side(tmp_path: Path) -> None:
    options = ("--format", "both", "--layout", "fortran", "--threads", "1", "--batch", "none", "--symbol", "batch=1..64")
    done = pt2ts_command("export", "user_modules:Water", *INPUT, *options, "-o", tmp_path / "m.pt2")
    assert done.code == 0, done.err
    assert sorted(item.name for item in tmp_path.iterdir()) == ["m.pt", "m.pt2"]
    assert "m.pt: agrees with the module" in done.out
    assert "m.pt2: agrees with the module" in done.out
    assert "compiled kernel" in done.out
    assert all(line.startswith("pt2ts: ") for line in done.err.splitlines())
    assert "compiling 'model'" in done.err
    script, package = pt2ts.read_spec(tmp_path / "m.pt"), pt2ts.read_spec(tmp_path / "m.pt2")
    assert [item.name for item in script.outputs] == [item.name for item in package.outputs] == ["cloud", "rain", "snow"]
    assert [item.layout for spec in (script, package) for item in (*spec.inputs, *spec.outputs)] == ["fortran"] * 8
    assert package.symbols == script.symbols == {"batch": pt2ts.Symbol(1, 64)}
    runner, x = PackageRunner(tmp_path / "m.pt2"), torch.randn(5, 3)
    results = runner.call(runner.spec.variants[0])(x)
    for result, name in zip(results, ("cloud", "rain", "snow"), strict=True):
        assert torch.allclose(result, modules.Water()(x)[name])


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--format", "onnx"], 2, ""),
        (["--layout", "column"], 2, ""),
        (["--dtype", "float16"], 2, ""),
        (["--threads", "many"], 2, ""),
        (["--threads", "-1"], 2, ""),
        (["--isa", "avx1024"], 1, "isa is 'avx1024', which is no known instruction set"),
        (["--batch", "1,many"], 1, "cannot read the batch sizes '1,many'"),
        (["--batch", "1,,2"], 1, "cannot read the batch sizes '1,,2'"),
        (["--batch", "0"], 1, "batch has the size 0"),
        (["--batch", "65", "--symbol", "batch=1..64"], 1, "batch has the size 65, outside the bounds batch=1..64"),
        (["--format", "torchscript"], 1, "the file m.pt2 is named like one of format 'pt2'"),
        (["--dtype", "float64"], 1, "is declared float32, but dtype 'float64'"),
    ],
)
def test_options_are_refused(tmp_path: Path, options: list[str], code: int, words: str) -> None:
    done = pt2ts_command("export", "user_modules:Alias", *INPUT, *options, "-o", tmp_path / "m.pt2")
    assert done.code == code
    assert words in done.err
    assert "Traceback" not in done.err
    assert not list(tmp_path.iterdir())


def test_options_of_packages_mean_nothing_for_torchscript(tmp_path: Path) -> None:
    for options in (["--isa", "native"], ["--threads", "2"], ["--batch", "1"], ["--with-fallback"]):
        done = pt2ts_command("export", "user_modules:Alias", *INPUT, *options, "-o", tmp_path / "m.pt")
        assert done.code == 1
        assert "means nothing for a TorchScript file" in done.err


def test_a_package_is_no_source_of_a_module(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "p.pt2", "w") as file:
        file.writestr("p/data/aotinductor/model/m.so", b"")
    done = pt2ts_command("export", tmp_path / "p.pt2", *INPUT, "-o", tmp_path / "m.pt2")
    assert done.code == 1
    assert "is a compiled package" in done.err
    assert "pt2ts tune" in done.err


def test_what_cannot_be_compiled_is_told_with_its_line(tmp_path: Path) -> None:
    done = pt2ts_command("export", "user_modules:Branch", *INPUT, "-o", tmp_path / "m.pt2")
    assert done.code == 1
    lines = [line for line in done.err.splitlines() if not line.startswith("pt2ts: reading")]
    assert lines[0].startswith("pt2ts: forward cannot be compiled: forward decides by the values of a tensor")
    assert lines[1].endswith("if x.sum() > 0:")
    assert lines[2].startswith("  hint: use torch.where")
    assert len(lines) == 3
