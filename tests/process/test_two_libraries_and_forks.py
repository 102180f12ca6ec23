"""Two libraries in one process, and one library in two processes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch

import ftorch

from ..fortran import model_files
from ..support import BuildFortran, run
from .test_objects_in_use import compile_c

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copies")
    model_files.write_all(folder)
    return folder


def test_two_libraries_in_one_process(tmp_path: Path, folder: Path) -> None:
    installed = Path(ftorch.__file__).parent / "lib"
    paths = []
    for name in ("first", "second"):
        library = tmp_path / name / "ftorch" / "lib"
        library.mkdir(parents=True)
        for file in installed.glob("libctorch*"):
            shutil.copy(file, library)
        (tmp_path / name / "torch").symlink_to(Path(torch.__file__).parent)
        paths.append(library / ftorch.Installation().c_library.name)
    program = tmp_path / "two_libraries"
    compile_c("two_libraries.c", program, link=["-ldl"])
    assert run(program, *paths, folder / "linear.pt").strip() == "both"


def test_a_forked_child_computes_with_one_thread(build_fortran: BuildFortran, fc: str, folder: Path) -> None:
    program = build_fortran(HERE / "forked.f90", compiler=fc)
    said = run(program, cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "2"})
    assert said.strip() == "both have computed"
