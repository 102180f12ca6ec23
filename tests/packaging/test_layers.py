"""The order of folders in docs/architecture.md holds, and what breaks it is found."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ..support import ROOT

PLANTED = {
    "src/ctorch/core/error.cpp": (
        '#include "model/model.h"\n',
        "src/ctorch/core/error.cpp:1: includes model/model.h, and core may not use model",
    ),
    "src/ctorch/tensor/memory.h": (
        "#include <torch/csrc/jit/ir/ir.h>\n",
        "src/ctorch/tensor/memory.h:1: includes torch/csrc/jit/ir/ir.h, which is no public header of PyTorch; "
        "only src/ctorch/compat may",
    ),
    "src/ctorch/io/extra.cpp": ("", "src/ctorch/io/extra.cpp: not in the list of its folder, src/ctorch/io/sources.cmake"),
    "src/ctorch/attic/old.h": ('#include "ctorch.h"\n', "src/ctorch/attic/old.h:1: docs/architecture.md has no row for attic"),
    "src/ftorch/core/text.f90": (
        "  use :: ftorch_model, only: torch_model\n",
        "src/ftorch/core/text.f90:1: uses ftorch_model, and core may not use model",
    ),
    "src/ftorch/core/devices.fypp": (
        "  use :: mpi_f08, only: mpi_comm\n",
        "src/ftorch/core/devices.fypp:1: uses mpi_f08; only src/mpi may",
    ),
    "src/ctorch/host/ranks.h": ("#include <mpi.h>\n", "src/ctorch/host/ranks.h:1: includes mpi.h; only src/mpi may"),
    "src/mpi/core/group.h": (
        '#include "placement/node.h"\n',
        "src/mpi/core/group.h:1: includes placement/node.h, and core may not use placement",
    ),
    "src/mpi/core/error.cpp": (
        "#include <torch/torch.h>\n",
        "src/mpi/core/error.cpp:1: includes torch/torch.h; src/mpi knows ctorch.h alone",
    ),
    "src/mpi/core/extra.fypp": ("", "src/mpi/core/extra.fypp: not in the list of its folder, src/mpi/core/sources.cmake"),
    "docs/architecture.md": ("", "docs/architecture.md: ctorch/core may use model, which is not above it"),
}


def check(folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "check_layers.py", folder], capture_output=True, text=True, check=False, timeout=60
    )
    assert not done.stderr
    return done.returncode, done.stdout


def test_the_order_holds() -> None:
    assert check(ROOT) == (0, "")


@pytest.mark.parametrize("name", PLANTED)
def test_what_breaks_it_is_found(tmp_path: Path, name: str) -> None:
    for folder in ("src/ctorch", "src/ftorch", "src/mpi"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "docs").mkdir()
    page = (ROOT / "docs/architecture.md").read_text()
    (tmp_path / "docs/architecture.md").write_text(page)
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    line, message = PLANTED[name]
    if line or not file.exists():
        file.write_text(line + (file.read_text() if file.exists() else ""))
    else:
        row = next(row for row in page.splitlines() if row.startswith("| `core` ") and row.endswith("`include` |"))
        file.write_text(page.replace(row, row.replace("`include` |", "`include` `model` |")))
    assert check(tmp_path) == (1, message + "\n")
