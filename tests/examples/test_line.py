"""Example 04 finds the line, says so when it cannot, and prints what its README shows."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

LINE = Path(__file__).resolve().parents[2] / "examples" / "04_line"

Done = subprocess.CompletedProcess[str]


def run(*words: str | Path) -> Done:
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def line(fc: str, tmp_path_factory: pytest.TempPathFactory, configure: Callable[..., Done]) -> Path:
    """The program, built as the README says."""
    folder = tmp_path_factory.mktemp("line")
    for done in (configure("04_line", folder, fc), run("cmake", "--build", folder), run("ctest", "--test-dir", folder)):
        assert done.returncode == 0, done.stdout + done.stderr
    return folder / "line"


def shown(number: int) -> list[str]:
    """Lines of one of the README's blocks."""
    return (LINE / "README.md").read_text().split("```\n")[number].split("```")[0].strip().splitlines()


def test_it_prints_what_the_readme_shows(line: Path) -> None:
    done = run(line)
    assert [text.split() for text in done.stdout.strip().splitlines()] == [text.split() for text in shown(2)]


@pytest.mark.parametrize("rate", ["0.01", "0.1", "0.18", "0.1802"])
def test_closed_form(line: Path, rate: str) -> None:
    done = run(line, rate)
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"m = +(\S+), c = +(\S+), loss = +(\S+)", done.stdout)
    assert found
    assert [float(number) for number in found.groups()] == pytest.approx([2.05, -1 / 30, 1 / 72], abs=1e-5)


@pytest.mark.parametrize("rate", ["0.1804", "0.19", "1", "1e200"])
def test_divergence_is_detected_and_said(line: Path, rate: str) -> None:
    done = run(line, rate)
    assert done.returncode == 1
    assert "line: diverges: the loss grows" in done.stderr
    assert "it must be below 0.1803" in done.stderr
    if rate == "0.19":
        assert done.stderr.strip().splitlines() == shown(4)[-2:]


@pytest.mark.parametrize("word", ["fast", "-0.1", "0"])
def test_what_is_no_learning_rate(line: Path, word: str) -> None:
    done = run(line, word)
    assert done.returncode == 1
    assert "usage: line [learning_rate]" in done.stderr


def test_the_program_notices_a_wrong_number(fc: str, tmp_path: Path, configure: Callable[..., Done]) -> None:
    source = (LINE / "main.f90").read_text()
    planted = source.replace("prediction = tm * tx + tc", "prediction = tm * tx - tc")
    assert planted != source
    (tmp_path / "main.f90").write_text(planted)
    (tmp_path / "CMakeLists.txt").write_text((LINE / "CMakeLists.txt").read_text())
    assert configure(str(tmp_path), tmp_path / "build", fc).returncode == 0
    assert run("cmake", "--build", tmp_path / "build").returncode == 0
    done = run(tmp_path / "build" / "line")
    assert done.returncode == 1
    assert "line: c is not -1/30" in done.stderr
