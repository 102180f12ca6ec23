"""Example 01 builds the two ways its README says, and prints what the README says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

HELLO = Path(__file__).resolve().parents[2] / "examples" / "01_hello_tensor"


def command(*words: str | Path, cwd: Path) -> str:
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


def shown_in_readme() -> str:
    return (HELLO / "README.md").read_text().split("```\n")[-2]


def test_with_cmake(fc: str, tmp_path: Path, configure: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = configure("01_hello_tensor", tmp_path, fc)
    assert done.returncode == 0, done.stdout + done.stderr
    command("cmake", "--build", tmp_path, cwd=tmp_path)
    assert lines(command(tmp_path / "hello_tensor", cwd=tmp_path)) == lines(shown_in_readme())
    command("ctest", "--test-dir", tmp_path, cwd=tmp_path)


def test_with_the_printed_flags(fc: str, tmp_path: Path) -> None:
    def flags(which: str) -> list[str]:
        return command(sys.executable, "-m", "ftorch", which, "--compiler", fc, cwd=tmp_path).split()

    command(fc, *flags("--fflags"), HELLO / "main.f90", *flags("--ldflags"), "-o", "hello_tensor", cwd=tmp_path)
    assert lines(command(tmp_path / "hello_tensor", cwd=tmp_path)) == lines(shown_in_readme())


def test_the_program_notices_a_wrong_number(fc: str, tmp_path: Path) -> None:
    source = (HELLO / "main.f90").read_text()
    planted = source.replace("twice = tensor + tensor", "twice = tensor + tensor + tensor")
    assert planted != source
    (tmp_path / "main.f90").write_text(planted)
    words = [sys.executable, "-m", "ftorch", "--compiler", fc]
    flags = [command(*words, which, cwd=tmp_path).split() for which in ("--fflags", "--ldflags")]
    command(fc, *flags[0], "main.f90", *flags[1], "-o", "hello_tensor", cwd=tmp_path)
    done = subprocess.run([tmp_path / "hello_tensor"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "hello_tensor: the sum is wrong" in done.stderr
