"""An edit of a table expands anew what was made from it."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from ..support import ROOT, run

TABLES = ["src/types/dtypes.fypp", "src/bindings/forms.py", "src/bindings/optimizers.py", "template.h.fypp"]


@pytest.mark.parametrize("table", TABLES)
def test_tables_are_tracked(tmp_path: Path, table: str) -> None:
    for folder in ("types", "bindings"):
        shutil.copytree(ROOT / "src" / folder, tmp_path / "src" / folder)
    shutil.copy(ROOT / "src" / "ctorch" / "include" / "ctorch_types.h.fypp", tmp_path / "template.h.fypp")
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\n"
        "project(expansion LANGUAGES NONE)\n"
        f"include({ROOT / 'cmake' / 'FTorchFypp.cmake'})\n"
        'ftorch_fypp("${PROJECT_BINARY_DIR}/types.h" template.h.fypp)\n'
        'add_custom_target(expanded ALL DEPENDS "${PROJECT_BINARY_DIR}/types.h")\n'
    )
    build = tmp_path / "build"
    run("cmake", "-G", "Ninja", f"-DPython_EXECUTABLE={sys.executable}", "-S", tmp_path, "-B", build)
    assert "Expanding types.h" in run("ninja", "-C", build)
    assert "no work to do" in run("ninja", "-n", "-C", build)
    later = time.time() + 10
    os.utime(tmp_path / table, (later, later))
    assert "Expanding types.h" in run("ninja", "-n", "-C", build)
