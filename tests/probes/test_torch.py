"""PyTorch is found by asking Python, unless the user says where it is; and its own CMake package may fail."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ..support import ROOT, run

SYSTEMS = Path("/usr/bin/cmake").exists()
FOUND = re.compile(r"PyTorch (\S+) in (\S+), found by its (own CMake package|libraries)")


def torch_folder() -> Path:
    spec = importlib.util.find_spec("torch")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def configure(build: Path, *options: str, cmake: str = "cmake") -> str:
    done = subprocess.run([cmake, "-G", "Ninja", "-S", ROOT, "-B", build, *options], capture_output=True, text=True, check=False)
    return " ".join((done.stdout + done.stderr).split())


@pytest.fixture
def cuda_wheel(tmp_path: Path) -> Path:
    """Tree like that of a CUDA wheel on a machine without the CUDA toolkit: its TorchConfig.cmake stops the configuration."""
    made = tmp_path / "torch"
    package = made / "share" / "cmake" / "Torch"
    package.mkdir(parents=True)
    shutil.copy(torch_folder() / "share" / "cmake" / "Torch" / "TorchConfigVersion.cmake", package)
    (package / "TorchConfig.cmake").write_text('message(FATAL_ERROR "CUDA toolkit not found")\n')
    (made / "include").symlink_to(torch_folder() / "include")
    (made / "lib").mkdir()
    for library in (torch_folder() / "lib").glob("*.so*"):
        (made / "lib" / library.name).symlink_to(library)
    for name in ("torch_cuda", "c10_cuda"):
        (made / "lib" / f"lib{name}.so").unlink(missing_ok=True)  # of a PyTorch for CUDA
        (made / "lib" / f"lib{name}.so").symlink_to(torch_folder() / "lib" / "libc10.so")
    return made


# The system's is an older one, often the oldest that is documented, and writes no log into a folder that is not there.
@pytest.mark.parametrize("cmake", ["cmake", pytest.param("/usr/bin/cmake", marks=pytest.mark.skipif(not SYSTEMS, reason="none"))])
def test_of_the_active_python(tmp_path: Path, cmake: str) -> None:
    said = configure(tmp_path, f"-DPython_EXECUTABLE={sys.executable}", "-DBUILD_SHARED_LIBS=OFF", cmake=cmake)
    found = FOUND.search(said)
    assert found
    assert Path(found[2]) == torch_folder()
    assert found[3] == "own CMake package" or torch.version.cuda  # whose package wants a toolkit that fits
    assert "BUILD_SHARED_LIBS=OFF has no effect here" in said


def test_one_run_time_of_openmp(tmp_path: Path) -> None:
    """Clang brings LLVM's, as these answers of CMake say; PyTorch's wheel has GCC's."""
    libomp = next(Path("/usr/lib").glob("llvm-*/lib/libomp.so*"))
    answers = ("-DOpenMP_CXX_FLAGS=-fopenmp", "-DOpenMP_CXX_LIB_NAMES=omp", f"-DOpenMP_omp_LIBRARY={libomp}")
    said = configure(tmp_path, f"-DPython_EXECUTABLE={sys.executable}", *answers)
    assert "has LLVM's run time of OpenMP, and PyTorch in" in said
    assert "-DCMAKE_CXX_COMPILER=g++" in said


def test_user_wins_and_libraries_serve_when_the_package_fails(cuda_wheel: Path, tmp_path: Path) -> None:
    build = tmp_path / "b"
    said = configure(build, f"-DPython_EXECUTABLE={sys.executable}", f"-DTorch_DIR={cuda_wheel}/share/cmake/Torch")
    found = FOUND.search(said)
    assert found, said
    assert Path(found[2]) == cuda_wheel
    assert found[3] == "libraries"
    # Nothing in our code names the CUDA libraries, so the linker must be told to keep them.
    link = run("ninja", "-C", build, "-t", "commands", "ctorch_torch").splitlines()[-1]
    kept = link.partition("--no-as-needed")[2]
    for name in ("torch", "torch_cpu", "c10", "torch_cuda", "c10_cuda"):
        assert f"{cuda_wheel}/lib/lib{name}.so" in kept


def test_prefix_path_wins(cuda_wheel: Path, tmp_path: Path) -> None:
    said = configure(tmp_path / "b", f"-DPython_EXECUTABLE={sys.executable}", f"-DCMAKE_PREFIX_PATH={cuda_wheel}")
    found = FOUND.search(said)
    assert found, said
    assert Path(found[2]) == cuda_wheel


def test_absent(tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    fypp = Path(sys.executable).with_name("fypp")
    said = configure(tmp_path / "b", f"-DPython_EXECUTABLE={python}", f"-DFTORCH_FYPP={fypp}")
    assert f"PyTorch was not found. {python} has none" in said
    assert "-DTorch_DIR=" in said
    isolated = configure(tmp_path / "i", f"-DPython_EXECUTABLE={python}", "-DSKBUILD=2", f"-DFTORCH_FYPP={fypp}")
    assert "PyTorch was not found: " in isolated
    assert "pip install --no-build-isolation ." in isolated
