"""``pt2ts convert``: packages from TorchScript files, the same numbers; a file that fails does not stop the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import pt2ts
from pt2ts.container import writing
from pt2ts.pytorch import torchscript
from pt2ts.verification.diff import diff

from .. import faulty_modules as modules
from .. import user_modules as modules_with_loops
from ..cli.test_cli import Result, pt2ts_command

FAST = ("--batch", "none", "--threads", "1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "a.pt"
    write(file, modules.Layers())
    return file


def write(file: Path, module: torch.nn.Module) -> None:
    pt2ts.export(
        module, torch.rand(3, 4), file, inputs=["x[batch,4] float32 K 0..1 -- temperature"], outputs=["y K/s"],
        symbols={"batch": (1, 64)}, description="for a test", name="heating", normalization="host",
    )  # fmt: skip


def convert(*arguments: object) -> Result:
    return pt2ts_command("convert", *arguments, "--module", "faulty_modules:Layers", *FAST)


def test_a_batch_of_files(path: Path, tmp_path: Path) -> None:
    trained = modules.Layers()
    torch.nn.init.ones_(trained.two.bias)
    write(path, trained)
    write(tmp_path / "changed.pt", modules.OutputOrder())
    (tmp_path / "text.pt").write_text("no model")
    writing.write_script(torchscript.script(modules.Layers()), tmp_path / "plain.pt", {}, lambda _: None)
    out = tmp_path / "out"
    out.mkdir()
    names = ("changed.pt", "missing.pt", "a.pt", "text.pt", "plain.pt")
    done = convert(*(tmp_path / name for name in names), "-o", out)
    assert done.code == 1
    assert sorted(item.name for item in out.iterdir()) == ["a.pt2"], done.err
    verdicts = {Path(line.split()[0]).name: line.split()[-1] for line in done.out.splitlines()[1:]}
    assert verdicts == {name: "verified" if name == "a.pt" else "FAILED" for name in names}
    for words in (
        "the module does not do what", "output 'y' differs by", "there is no file", "is no model file", "carries no spec",
    ):  # fmt: skip
        assert words in done.err
    assert [item for item in diff(path, out / "a.pt2") if item.matters] == []
    spec = pt2ts.read_spec(out / "a.pt2")
    assert (spec.name, spec.description, spec.normalization) == ("heating", "for a test", "host")
    assert spec.symbols == {"batch": pt2ts.Symbol(1, 64)}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--module", "nowhere:f"], "there is no Python module 'nowhere'"),
        (["--module", "faulty_modules:Layers", "--arg", "width=3"], "unexpected keyword argument 'width'"),
        (["--module", "faulty_modules:Layers", "-o", "nowhere"], "there is no folder nowhere"),
        (["--module", "faulty_modules:Layers", "--layout", "column"], "layout is 'column'"),
        (["--module", "faulty_modules:Layers", "--isa", "avx1024"], "no known instruction set"),
        (["--module", "faulty_modules:Layers", "--batch", "many"], "cannot read the batch sizes 'many'"),
        (["--module", "faulty_modules:Norm"], "do not fit the module"),
        (["--module", "user_modules:Branch"], "do not fit the module"),
    ],
)
def test_mistakes(path: Path, options: list[str], words: str) -> None:
    done = pt2ts_command("convert", path, *options)
    assert done.code == 1
    assert words in done.err
    assert "Traceback" not in done.err
    assert [item.name for item in path.parent.iterdir()] == ["a.pt"]


def test_what_cannot_be_compiled(tmp_path: Path) -> None:
    pt2ts.export(modules_with_loops.Loop(), torch.rand(2, 3), tmp_path / "i.pt")
    done = pt2ts_command("convert", tmp_path / "i.pt", "--module", "user_modules:Loop", *FAST)
    assert done.code == 1
    assert "forward cannot be compiled: forward decides by the values of a tensor" in done.err
    assert [item.name for item in tmp_path.iterdir()] == ["i.pt"]


def test_two_files_of_one_name(path: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    write(tmp_path / "other" / "a.pt", modules.Layers())
    done = convert(path, tmp_path / "other" / "a.pt", "-o", tmp_path)
    assert done.code == 1
    assert "would all become" in done.err
    assert not list(tmp_path.glob("*.pt2"))


def test_a_package_is_converted_already(column: Path, tmp_path: Path) -> None:
    done = pt2ts_command("convert", column, "-o", tmp_path, "--module", "faulty_modules:Layers", "--json")
    assert done.code == 1
    (result,) = json.loads(done.out)["results"]
    assert "is a compiled package already" in result["error"]["message"]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pt2ts.exporting.convert.tempfile.TemporaryDirectory", refuse)  # root may write everywhere
    done = convert(path)
    assert done.code == 1
    assert "a.pt2: Permission denied" in done.err


def test_files_must_be_named() -> None:
    assert pt2ts_command("convert", "--module", "faulty_modules:Layers").code == 2
