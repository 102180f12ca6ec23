"""The library against PyTorch's build for CUDA, on a machine without a GPU: with NVIDIA's compiler and libraries, and without."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from ftorch import find_compiler

from ..downstream.test_projects import EXPECTED, SOURCES
from ..support import BUILD, ROOT, TESTED, run

SITE = BUILD / "cuda" / "site"
#: What of NVIDIA's toolkit PyTorch does not bring with it.
COMPILER = ("nvidia-cuda-nvcc", "nvidia-cuda-crt", "nvidia-nvvm", "nvidia-cuda-cccl")


def pip_install(folder: Path, *wanted: str) -> None:
    run(sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, *wanted)


@pytest.fixture(scope="session")
def toolkit() -> Path:
    """Install the newest PyTorch for CUDA and the toolkit of its version of CUDA: 8 GB. Return the folder of the toolkit."""
    SITE.mkdir(parents=True, exist_ok=True)
    with FileLock(SITE.with_suffix(".lock")):
        if not (SITE / "torch").exists():
            pip_install(SITE, f"torch{TESTED}")
        found = re.search(r"^cuda.* = '((\d+)\.\d+)'", (SITE / "torch" / "version.py").read_text(), re.MULTILINE)
        assert found, "this PyTorch is not built for CUDA"
        folder = SITE / "nvidia" / f"cu{found[2]}"
        if not (folder / "bin" / "nvcc").exists():
            apart = SITE.with_name("compiler")  # into a folder that is there pip would not add
            pip_install(apart, "--no-deps", *(f"{name}=={found[1]}.*" for name in COMPILER))
            shutil.copytree(apart / "nvidia" / folder.name, folder, dirs_exist_ok=True)
            # The packages are for running programs: names that a linker looks for are not among them.
            for library in (folder / "lib").glob("*.so.*"):
                name = library.with_name(library.name.partition(".so.")[0] + ".so")
                name.unlink(missing_ok=True)
                name.symlink_to(library.name)
            (folder / "lib64").symlink_to("lib")
    return folder


@pytest.mark.long
@pytest.mark.parametrize(("with_toolkit", "how"), [(True, "own CMake package"), (False, "libraries")], ids=["toolkit", "none"])
def test_it_is_built_and_runs(toolkit: Path, tmp_path: Path, with_toolkit: bool, how: str) -> None:
    path = os.environ["PATH"]
    environment = {**os.environ, "PATH": f"{toolkit}/bin:{path}" if with_toolkit else path, "CUDA_PATH": str(toolkit)}
    if not with_toolkit:
        del environment["CUDA_PATH"]
    headers = [] if with_toolkit else ["-DFTORCH_CUDA_INCLUDE_DIR="]  # those of the toolkit lie beside PyTorch
    build = tmp_path / "build"
    said = run(
        "cmake", "-G", "Ninja", "-S", ROOT, "-B", build, f"-DPython_EXECUTABLE={sys.executable}", "-DCMAKE_UNITY_BUILD=ON",
        f"-DTorch_DIR={SITE}/torch/share/cmake/Torch", f"-DCMAKE_INSTALL_PREFIX={tmp_path / 'place'}", *headers,
        env=environment,
    )  # fmt: skip
    assert f"found by its {how}" in " ".join(said.split())
    assert f"CUDA graphs and memory limits: {'with the headers' if with_toolkit else 'left out'}" in said
    run("cmake", "--build", build, env=environment)
    run("cmake", "--install", build, env=environment)
    tag = find_compiler("gfortran").tag
    lib, modules = tmp_path / "place" / "lib", tmp_path / "place" / "include" / "ftorch" / tag
    flags = [f"-L{lib / tag}", f"-L{lib}", f"-Wl,-rpath,{lib / tag}:{lib}", "-lftorch", "-lctorch"]
    run("gfortran", f"-I{modules}", SOURCES["ftorch"], *flags, "-o", tmp_path / "program")
    assert run(tmp_path / "program") == EXPECTED
    # The library of the device is loaded with the others, so that its kernels are there where a GPU is.
    needed = run("readelf", "-d", lib / "libctorch_torch.so")
    assert "[libtorch_cuda.so]" in needed
    assert "[libcudart" not in needed
    # Graphs are compiled in where CUDA's headers are.
    assert ("CUDAGraph" in run("nm", "--dynamic", "--undefined-only", lib / "libctorch_torch.so")) == with_toolkit
