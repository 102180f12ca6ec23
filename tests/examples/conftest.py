"""What the tests of the examples share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SST = EXAMPLES / "02_sst_emulator"
sys.path[:0] = [str(SST), str(EXAMPLES)]  # for `course`, and for the modules of the example

CMake = Callable[..., "subprocess.CompletedProcess[str]"]


def command(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command; the test looks at what it returns."""
    quiet = {**os.environ, "OMP_WAIT_POLICY": "passive"}  # tests run side by side: no spinning
    return subprocess.run(words, cwd=cwd, env=quiet, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="session")
def configure() -> CMake:
    """Configure an example as its README says, in a build folder of ours."""
    place = command(sys.executable, "-m", "ftorch", "--cmake-dir").stdout.strip()

    def run(example: str, build: Path, compiler: str, *options: str) -> subprocess.CompletedProcess[str]:
        given = (f"-DCMAKE_PREFIX_PATH={place}", f"-DCMAKE_Fortran_COMPILER={compiler}", f"-DPython3_EXECUTABLE={sys.executable}")
        return command("cmake", "-S", EXAMPLES / example, "-B", build, *given, *options)

    return run


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the model file and the reference of a quick training: two passes instead of 40."""
    folder = tmp_path_factory.mktemp("sst_trained")
    done = command(sys.executable, SST / "train.py", "--epochs", "2", "--output", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def reproducible() -> Iterator[None]:
    """Undo what training sets for the whole process."""
    threads = torch.get_num_threads()
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)
