"""`pt2ts new`: the project runs at once, by the very commands of its README."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from pt2ts.errors import ExportError
from pt2ts.starter.project import TEMPLATE, Format, make_project

from ..python.cli.test_cli import pt2ts_command
from ..support import BuildFortran
from ..support import run as run_command

FILES = {"CMakeLists.txt", "README.md", "main.f90", "train.py"}
#: How many commands a README may ask for.
MOST = 6


def commands(folder: Path) -> list[str]:
    block = re.search(r"```sh\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    assert block
    return block[1].strip().split("\n")


def follow(folder: Path) -> str:
    """Run what the README says; return what the last command printed."""
    quiet = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
    out = ""
    for line in commands(folder):
        done = subprocess.run(line, shell=True, cwd=folder, env=quiet, capture_output=True, text=True, timeout=570, check=False)  # noqa: S602 - as a reader does
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        out = done.stdout
    return out


def expected(folder: Path) -> list[list[float]]:
    """The numbers that main.f90 prints, from its loop in Python."""
    model = runpy.run_path(str(folder / "train.py"))["build_model"]().eval()
    model.load_state_dict(torch.load(folder / "weights.pt"))
    column, level = np.arange(1, 101)[:, None], np.arange(20)[None, :]
    temperature = 280 + 0.2 * column - 2.0 * level
    lines = []
    for hour in range(25):
        if hour % 6 == 0:
            lines.append([hour, temperature.mean(), temperature[:, 0].mean(), temperature[:, -1].mean()])
        with torch.no_grad():
            temperature = temperature + model(torch.from_numpy(temperature).float()).double().numpy()
    return lines


def check(folder: Path, out: str) -> None:
    have = [[float(number) for number in re.findall(r"-?\d+\.?\d*", line)] for line in out.splitlines() if line.startswith("hour")]
    assert np.allclose(have, expected(folder), atol=2e-3)
    assert "outside" not in out  # the columns stay within what the network was trained for


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A project whose README was followed, and what its program printed."""
    folder = tmp_path_factory.mktemp("starter") / "my scheme"
    assert pt2ts_command("new", folder).code == 0
    return folder, follow(folder)


def test_readme_commands(project: tuple[Path, str]) -> None:
    folder, out = project
    assert len(commands(folder)) <= MOST
    check(folder, out)


def test_without_a_warning(project: tuple[Path, str], fc: str, build_fortran: BuildFortran) -> None:
    """The sources compile with every compiler, and none has anything to say."""
    folder, out = project
    flags = ("-std=f2018", "-pedantic", "-Werror", *(("-Wall", "-Wextra") if fc == "gfortran" else ()))
    program = build_fortran(folder / "scheme_mod.f90", folder / "main.f90", compiler=fc, flags=flags)
    said = run_command(program, folder / "scheme.pt")
    numbers = re.compile(r"-?\d+\.\d+")
    assert np.allclose([float(n) for n in numbers.findall(said)], [float(n) for n in numbers.findall(out)], atol=2e-3)


@pytest.mark.long
def test_readme_commands_for_a_package(tmp_path: Path) -> None:
    assert pt2ts_command("new", tmp_path / "compiled", "--format", "pt2").code == 0
    check(tmp_path / "compiled", follow(tmp_path / "compiled"))


@pytest.mark.parametrize("format_", list(Format))
def test_files(tmp_path: Path, format_: Format) -> None:
    """An empty folder may be there; nothing of the template's marks is left."""
    make_project(tmp_path, format_)
    assert {path.name for path in tmp_path.iterdir()} == FILES
    texts = "".join(path.read_text() for path in tmp_path.iterdir())
    assert not re.search(r"@[A-Z]+@", texts)
    assert ("scheme.pt2" in texts) is (format_ is Format.PT2)
    assert {path.name for path in TEMPLATE.iterdir() if path.is_file()} == FILES


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = pt2ts_command("new", tmp_path)
    assert done.code == 1
    assert "is not empty, and is left as it is" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(ExportError, match="File exists"):
        make_project(tmp_path / "mine.txt")
    with pytest.raises(ExportError, match="cannot make the folder"):
        make_project(tmp_path / "mine.txt" / "below")


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pt2ts.container.writing.os.fsync", full)
    with pytest.raises(ExportError, match="No space left on device"):
        make_project(tmp_path / "project")
    assert list(tmp_path.iterdir()) == []
