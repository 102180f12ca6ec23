"""Example 03 builds as its README says, prints what it says, and notices a wrong derivative."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Done = subprocess.CompletedProcess[str]
Configure = Callable[..., Done]
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "03_autograd"


def command(*words: str | Path) -> Done:
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)


def numbers_agree(shown: str, printed: str) -> bool:
    """Whether words are equal, and numbers to what rounding leaves of the last residual."""
    try:
        return float(printed) == pytest.approx(float(shown), rel=1e-6, abs=1e-9)
    except ValueError:
        return shown == printed


@pytest.fixture(scope="module")
def built(fc: str, tmp_path_factory: pytest.TempPathFactory, configure: Configure) -> Path:
    """Build folder of the example."""
    folder = tmp_path_factory.mktemp("tangent")
    done = configure("03_autograd", folder, fc)
    assert done.returncode == 0, done.stdout + done.stderr
    done = command("cmake", "--build", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_it_prints_what_the_readme_says(built: Path) -> None:
    done = command(built / "tangent", built / "material.pt")
    assert done.returncode == 0, done.stderr
    shown = (EXAMPLE / "README.md").read_text().split("```\n")[-2].split()
    printed = done.stdout.split()
    assert len(shown) == len(printed)
    assert [pair for pair in zip(shown, printed, strict=True) if not numbers_agree(*pair)] == []
    assert command("ctest", "--test-dir", built).returncode == 0


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("measured = finite_differences", "measured = 1.000001_real64 * finite_differences", "the tangent is wrong"),
        ("solution(tangent, wanted", "solution(1.5_real64 * tangent, wanted", "Newton did not converge"),
    ],
)
def test_it_notices(fc: str, built: Path, tmp_path: Path, configure: Configure, right: str, wrong: str, message: str) -> None:
    planted = tmp_path / "planted"
    shutil.copytree(EXAMPLE, planted)
    source = (planted / "main.f90").read_text()
    assert right in source
    (planted / "main.f90").write_text(source.replace(right, wrong))
    done = configure(planted, tmp_path / "build", fc)
    assert done.returncode == 0, done.stdout + done.stderr
    done = command("cmake", "--build", tmp_path / "build", "--target", "tangent")
    assert done.returncode == 0, done.stdout + done.stderr
    done = command(tmp_path / "build" / "tangent", built / "material.pt")
    assert done.returncode == 1
    assert message in done.stderr


def test_usage(built: Path) -> None:
    done = command(built / "tangent")
    assert done.returncode == 1
    assert "usage: tangent MODEL.pt" in done.stderr
