"""Model files: the JSON of the contract, atomic writing, damaged files, warnings."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import warnings
import zipfile
from pathlib import Path

import pytest
import torch

import pt2ts
from pt2ts.container import reading, writing
from pt2ts.pytorch import torchscript

from ...support import write_script
from .. import user_modules as modules

X = torch.ones(2, 3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.pt"


def member(path: Path, name: str) -> bytes:
    """Return an extra file, read with nothing of ours."""
    with zipfile.ZipFile(path) as file:
        return next(file.read(item) for item in file.namelist() if item.endswith(f"/extra/{name}"))


def test_json_is_what_the_library_reads(path: Path) -> None:
    pt2ts.export(modules.Alias(), X, path, inputs=["x[batch,3] float32 K 1..2 -- °C"], description="größer")
    data = json.loads(member(path, "ftorch_spec.json").decode("utf-8"))
    tensor = {"name": "x", "dtype": "float32", "shape": ["batch", 3], "units": "K", "layout": "torch"}
    assert data["inputs"] == [{**tensor, "range": [1.0, 2.0], "description": "°C"}]
    assert data.pop("outputs")[0]["shape"] == ["batch", 3]
    del data["inputs"]
    assert data == {
        "format": 1,
        "torch": torch.__version__.split("+")[0],
        "producer": f"pt2ts {pt2ts.__version__}",
        "name": "model",
        "description": "größer",
        "symbols": {"batch": {"min": 1, "max": None}},
        "normalization": "inside",
        "isa": None,
        "golden": True,
        "network": {"parameters": 0, "flops": 0, "layers": [{"name": "", "type": "Alias", "parameters": 0, "shape": ["batch", 3]}]},
    }


def test_golden_sample_is_a_dictionary_of_plain_tensors(path: Path) -> None:
    pt2ts.export(modules.Alias(), X.T, path)
    content = torch.load(io.BytesIO(member(path, "ftorch_golden.pt")), weights_only=True)
    assert set(content) == {"inputs", "outputs"}
    assert all(type(tensor) is torch.Tensor and tensor.is_contiguous() for tensor in content["inputs"] + content["outputs"])


def test_the_same_export_gives_the_same_bytes(tmp_path: Path) -> None:
    net = modules.Column()
    for name in ("a.pt", "b.pt"):
        pt2ts.export(net, torch.ones(4, 5), tmp_path / name, name="same")
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


@pytest.mark.parametrize("name", ["größe μ 海.pt", "x" * 250 + ".pt", "no_extension", "a b.pt"])
def test_unusual_file_names(tmp_path: Path, name: str) -> None:
    pt2ts.export(modules.Alias(), X, tmp_path / name)
    assert pt2ts.read_spec(tmp_path / name).inputs[0].name == "x"
    assert [item.name for item in tmp_path.iterdir()] == [name]


def test_the_new_file_has_ordinary_permissions(path: Path) -> None:
    (path.parent / "plain").touch()
    pt2ts.export(modules.Alias(), X, path)
    assert path.stat().st_mode == (path.parent / "plain").stat().st_mode


# -------------------------------------------------------------------------------------------------------- atomic writing


def test_failed_check_leaves_the_old_file(path: Path) -> None:
    pt2ts.export(modules.Alias(), X, path)
    old = path.read_bytes()
    with pytest.raises(pt2ts.CheckError):
        pt2ts.export(modules.BakedBatch(), torch.ones(2, 5), path)
    assert path.read_bytes() == old
    assert [item.name for item in path.parent.iterdir()] == ["model.pt"]


def test_failing_disk_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(pt2ts.ExportError, match="No space left on device"):
        pt2ts.export(modules.Alias(), X, path)
    assert path.read_bytes() == b"old"
    assert [item.name for item in path.parent.iterdir()] == ["model.pt"]


def test_killed_writer_leaves_the_old_file(path: Path) -> None:
    path.write_bytes(b"old")
    program = f"""
        import os, signal, pathlib, torch
        from pt2ts.container import writing
        from pt2ts.pytorch import torchscript
        script = torchscript.script(torch.nn.Linear(3, 2))
        with writing.replacing({str(path)!r}) as (new,):
            with new.open() as file:
                torchscript.save(script, file)
            os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"


def test_readers_never_see_half_a_file(path: Path) -> None:
    pt2ts.export(modules.Alias(), X, path)
    old = path.read_bytes()
    script = torchscript.script(modules.Column())
    with writing.replacing(path) as (new,):
        with new.open() as file:
            torchscript.save(script, file)
        assert path.read_bytes() == old
    assert path.read_bytes() != old


def test_a_replaced_file_keeps_what_it_was_to_others(tmp_path: Path) -> None:
    path, link = tmp_path / "real" / "model.pt", tmp_path / "link"
    path.parent.mkdir()
    path.write_bytes(b"old")
    path.chmod(0o640)
    os.setxattr(path, "user.note", b"mine")
    owner = (12345, 54321) if os.geteuid() == 0 else (os.getuid(), os.getgid())
    os.chown(path, *owner)
    link.symlink_to(path)
    writing.write_files({link: b"new"})
    assert link.is_symlink()
    assert path.read_bytes() == b"new"
    found = path.stat()
    assert (found.st_mode & 0o7777, found.st_uid, found.st_gid) == (0o640, *owner)
    assert os.getxattr(path, "user.note") == b"mine"
    assert len(list(path.parent.iterdir())) == 1


@pytest.mark.parametrize("links", [True, False])
def test_several_files_are_replaced_all_or_none(tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last name is a folder's by the time it is taken: the files before are the old ones again."""
    if not links:  # as on file systems without hard links

        def refuse(*_: object) -> None:
            raise OSError(1, "Operation not permitted")

        monkeypatch.setattr(Path, "hardlink_to", refuse)
    old, fresh, last = tmp_path / "old.pt", tmp_path / "fresh.pt", tmp_path / "last.pt2"
    old.write_bytes(b"old")

    contents = dict.fromkeys((old, fresh, last), b"new")
    complaint = pytest.raises(pt2ts.ExportError, match=r"cannot write .*last\.pt2: Is a directory")
    with complaint, writing.replacing(*contents) as drafts:
        for draft in drafts:
            with draft.open() as file:
                file.write(b"new")
        last.mkdir()
    assert old.read_bytes() == b"old"
    assert sorted(item.name for item in tmp_path.iterdir()) == ["last.pt2", "old.pt"]
    last.rmdir()
    writing.write_files(contents)
    assert {item.name: item.read_bytes() for item in tmp_path.iterdir()} == dict.fromkeys(
        ("old.pt", "fresh.pt", "last.pt2"), b"new"
    )


# -------------------------------------------------------------------------------------------------------- damaged files


def test_plain_torchscript_has_no_spec(path: Path) -> None:
    write_script(torchscript.script(modules.Alias()), path, {})
    with pytest.raises(pt2ts.SpecError, match="carries no spec"):
        pt2ts.read_spec(path)


def test_missing_and_damaged_files(path: Path) -> None:
    with pytest.raises(pt2ts.LoadError, match="there is no file"):
        pt2ts.read_spec(path)
    pt2ts.export(modules.Alias(), X, path)
    whole = path.read_bytes()
    for damaged, words in (
        (whole[: len(whole) // 2], "is truncated or corrupt"),
        (whole[100:], "is no model file"),
        (b"", "is empty"),
        (b"text" * 100, "is no model file"),
    ):
        path.write_bytes(damaged)
        with pytest.raises(pt2ts.LoadError, match=words) as caught:
            pt2ts.inspect(path)
        assert "hint:" in str(caught.value)
    with pytest.raises(pt2ts.LoadError, match="is not a file"):
        pt2ts.read_spec(path.parent)


def test_changed_weights(path: Path) -> None:
    net = torch.nn.Linear(3, 2)
    pt2ts.export(net, X, path)
    weights = net.weight.detach().numpy().tobytes()
    path.write_bytes(path.read_bytes().replace(weights, bytes(len(weights))))
    with pytest.raises(pt2ts.LoadError, match=r"is corrupt: the checksum of '.*/data/.*' is wrong"):
        pt2ts.inspect(path)


def test_two_contracts(path: Path) -> None:
    """Every reader would choose one, and not all the same."""
    pt2ts.export(torch.nn.Linear(3, 2), X, path)
    whole, text = path.read_bytes(), pt2ts.read_spec(path).to_json()
    for name, words in (
        ("other/extra/ftorch_spec.json", "its members lie in several folders"),
        ("m/extra/ftorch_spec.json", "it has two members"),
    ):
        path.write_bytes(whole)
        with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as file:
            warnings.simplefilter("ignore")
            root = file.namelist()[0].partition("/")[0]
            file.writestr(name.replace("m/", f"{root}/", 1) if name.startswith("m/") else name, text)
        for read in (pt2ts.read_spec, pt2ts.inspect, reading.load_script):
            with pytest.raises(pt2ts.LoadError, match=words):
                read(path)


def test_module_without_forward(path: Path) -> None:
    write_script(torchscript.script(modules.Mute()), path, {})
    with pytest.raises(pt2ts.LoadError, match="has no forward"):
        pt2ts.inspect(path)


def zip_of(name: str) -> bytes:
    """Return an archive of one empty file."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr(f"model/{name}", b"")
    return content.getvalue()


def saved(item: object, *, old: bool = False) -> bytes:
    """Return what ``torch.save`` writes."""
    content = io.BytesIO()
    torch.save(item, content, _use_new_zipfile_serialization=not old)
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "words", "hint"),
    [
        (saved(modules.Column().state_dict()), "holds weights", "--weights"),
        (saved(modules.Column().state_dict(), old=True), "holds weights", "--weights"),
        (saved({"model": modules.Column().state_dict(), "epoch": 3}), "holds weights", "--weights"),
        (saved(modules.Column()), "holds a pickled module", "--trust-pickle"),
        (b"\x80\x04nothing", "holds a pickled module", "--trust-pickle"),
        (zip_of("models/model.json"), "is a plain torch.export file", "pt2ts export"),
        (zip_of("word/document.xml"), "is a zip archive but no PyTorch model", "pt2ts export"),
    ],
)
def test_other_kinds_of_files(path: Path, content: bytes, words: str, hint: str) -> None:
    path.write_bytes(content)
    for read in (pt2ts.inspect, pt2ts.read_spec, pt2ts.read_golden, pt2ts.verify):
        with pytest.raises(pt2ts.LoadError) as caught:
            read(path)
        assert words in caught.value.message
        assert hint in caught.value.hint
        assert "plain TorchScript" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"{", "cannot be read"),
        (b"[]", "cannot be read"),
        (b'{"format": 2}', "format 2"),
        (b'{"format": 1}', "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_damaged_contract(path: Path, text: bytes, words: str) -> None:
    write_script(torchscript.script(modules.Alias()), path, {"ftorch_spec.json": text})
    with pytest.raises(pt2ts.SpecError, match=words):
        pt2ts.read_spec(path)


def test_unknown_dtype_in_a_contract(path: Path) -> None:
    spec = pt2ts.export(modules.Alias(), X, path)
    text = spec.to_json().replace("float32", "float8")
    with pytest.raises(pt2ts.SpecError, match="float8"):
        pt2ts.Spec.from_json(text)


def test_damaged_golden_sample(path: Path) -> None:
    write_script(torchscript.script(modules.Alias()), path, {"ftorch_golden.pt": b"not tensors"})
    with pytest.raises(pt2ts.SpecError, match="golden sample cannot be read"):
        pt2ts.read_golden(path)


# ------------------------------------------------------------------------------------------------------------- warnings


def test_only_the_deprecation_of_torchscript_is_silenced(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pt2ts.export(modules.Column(), torch.ones(4, 5), path)
        pt2ts.export(modules.Keywords(), X, path)
        pt2ts.read_spec(path)
        with pytest.raises((DeprecationWarning, FutureWarning)):  # the latter from 2.14 on
            torch.jit.script(modules.Alias())
    with torchscript.silent(), pytest.warns(DeprecationWarning, match="something else"):
        warnings.warn("something else is deprecated", DeprecationWarning, stacklevel=1)


def test_later_category_of_the_warning_is_silenced_too() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with torchscript.silent():
            warnings.warn("`torch.jit.script` is deprecated. Please switch.", FutureWarning, stacklevel=1)


def test_warnings_of_the_users_module_get_through(path: Path) -> None:
    class Warns(torch.nn.Module):
        def forward(self, x: torch.Tensor, **_: float) -> torch.Tensor:
            warnings.warn("mind the gap", UserWarning, stacklevel=1)
            return x

    with pytest.warns(UserWarning, match="mind the gap"):
        pt2ts.export(Warns(), X, path, format=pt2ts.TorchScript(method="trace"))
