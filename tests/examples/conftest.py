"""What the tests of the examples share."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SST = EXAMPLES / "02_sst_emulator"
sys.path.insert(0, str(SST))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the model file and the reference of a quick training: two passes instead of 40."""
    folder = tmp_path_factory.mktemp("sst_trained")
    subprocess.run([sys.executable, SST / "train.py", "--epochs", "2", "--output", folder], check=True, capture_output=True)
    return folder


@pytest.fixture
def reproducible() -> Iterator[None]:
    """Undo what training sets for the whole process."""
    import torch

    threads = torch.get_num_threads()
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)
