"""A PyTorch that lacks a private part that we use is refused by a sentence, when CMake configures."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import torch

from ..support import ROOT
from .test_torch import torch_folder

COMPAT = ROOT / "src" / "ctorch" / "compat"
CALL = re.compile(r"^ *ftorch_probe_torch\((\S+) (\S+)\s+([^)]*)\)", re.MULTILINE)
LOOP = re.compile(r"^foreach\(kind IN ITEMS ([^)]*)\)\n(.*?)^endforeach", re.MULTILINE | re.DOTALL)


def rows() -> list[tuple[str, str, str]]:
    """Return file of ours, header of PyTorch, name in it."""
    text = (COMPAT / "probe.cmake").read_text().partition("endfunction()")[2]
    text = LOOP.sub(lambda loop: "".join(loop[2].replace("${kind}", kind) for kind in loop[1].split()), text)
    return [(user, header, name) for user, header, names in CALL.findall(text) for name in names.split()]


#: What is asked for depends on the minor version.
HERE = ".".join(torch.__version__.split(".")[:2]) + ".8"


def probe(include: Path, version: str = HERE) -> str:
    """Run the probes and return what they complain about."""
    done = subprocess.run(
        ["cmake", f"-DFTORCH_TORCH_INCLUDE_DIR={include}", f"-DFTORCH_TORCH_VERSION={version}", "-P", COMPAT / "probe.cmake"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return " ".join(done.stderr.split())


def places(include: Path, header: str) -> list[Path]:
    """Return the files of a header: several where it has moved and the old one leads to the new one."""
    return [include / place for place in header.split("|") if (include / place).exists()]


@pytest.fixture(scope="module")
def headers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the headers that are looked at."""
    folder = tmp_path_factory.mktemp("include")
    include = torch_folder() / "include"
    for file in {place.relative_to(include) for _, header, _ in rows() for place in places(include, header)}:
        copy = folder / file
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text((include / file).read_text())
    assert probe(folder) == ""
    return folder


def test_every_private_header_has_a_probe() -> None:
    private = re.compile(r"^#include <((?:torch/csrc|caffe2|c10/core/impl|ATen/ops|ATen/core/dispatch)/\S+)>", re.MULTILINE)
    files = [path for path in COMPAT.iterdir() if path.suffix in (".h", ".cpp")]
    used = {(path.name, header) for path in files for header in private.findall(path.read_text())}
    assert len(used) > 20
    assert used <= {(user, header) for user, header, _ in rows()}
    assert {path.stem for path in files} == {Path(user).stem for user, _, _ in rows()}


@pytest.mark.parametrize(("user", "header", "name"), rows(), ids=lambda text: text.rpartition("/")[2])
def test_what_is_gone_is_named(headers: Path, user: str, header: str, name: str) -> None:
    texts = {file: file.read_text() for file in places(headers, header)}
    if not any(re.search(rf"\b{name}\b", text) for text in texts.values()):
        pytest.skip("this PyTorch does without")
    for file, text in texts.items():
        file.write_text(re.sub(rf"\b{name}\b", "renamed", text))
    said = probe(headers)
    for file, text in texts.items():
        file.write_text(text)
    assert f"PyTorch {HERE} has no {name} in {header}, which src/ctorch/compat/{user} needs" in said


def test_a_header_that_is_gone_is_named(headers: Path) -> None:
    user, header, _ = rows()[0]
    file = headers / header
    text = file.read_text()
    file.unlink()
    said = probe(headers)
    file.write_text(text)
    assert f"PyTorch {HERE} has no header {header}, which src/ctorch/compat/{user} needs" in said


@pytest.mark.parametrize(("version", "tried"), [("2.10.1", False), ("2.11.0", True), ("2.14.9", True), ("2.15.0", False)])
def test_a_version_that_was_never_tried_is_told(headers: Path, version: str, tried: bool) -> None:
    said = probe(headers, version)
    warning = f"PyTorch {version} was never tried with this library, which is made for torch>=2.11,<2.15"
    assert (warning in said) is not tried
