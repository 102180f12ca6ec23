"""Real projects, built after the installation in each way the documentation names, with each compiler."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from ftorch import Installation, find_compiler
from ftorch.compilers import present_compilers

from ..support import BUILD, ROOT, BuildFortran, run

PROJECTS = Path(__file__).resolve().parent / "projects"
SOURCES = {"ftorch": PROJECTS / "main.f90", "ftorch1": PROJECTS / "main1.f90"}
EXPECTED = "sum 3.0 3.0 3.0 3.0 3.0 3.0\n"

apis = pytest.mark.parametrize("api", ["ftorch", "ftorch1"])
# Compiling the whole library takes minutes, and its installation has just done so.
whole_library = pytest.mark.long


def configure(project: str, build: Path, fc: str, *options: str) -> str:
    return run("cmake", "-G", "Ninja", "-S", PROJECTS / project, "-B", build, f"-DCMAKE_Fortran_COMPILER={fc}", *options)


@apis
def test_find_package(fc: str, api: str, tmp_path: Path) -> None:
    place = run(sys.executable, "-m", "ftorch", "--cmake-dir").strip()
    component = "" if api == "ftorch" else api
    said = configure("find_package", tmp_path, fc, f"-DFTorch_DIR={place}", f"-DSOURCE={SOURCES[api]}", f"-DCOMPONENTS={component}")
    assert "compiling the Fortran interface" not in said  # it is installed for this compiler
    run("cmake", "--build", tmp_path)
    assert run(tmp_path / "downstream") == EXPECTED
    run("cmake", "--install", tmp_path, "--prefix", tmp_path / "installed")
    assert run(tmp_path / "installed" / "bin" / "downstream") == EXPECTED
    # Other projects have libraries of these names, which the environment of a user may show first.
    others = tmp_path / "others"
    others.mkdir()
    for name in ("libftorch.so", "libctorch.so"):
        (others / name).write_text("another library\n")
    assert run(tmp_path / "downstream", env={**os.environ, "LD_LIBRARY_PATH": str(others)}) == EXPECTED


@pytest.mark.parametrize("api", [pytest.param("ftorch", marks=pytest.mark.long), "ftorch1"])
def test_find_package_compiles_the_interface_for_a_compiler_without_one(fc: str, api: str, tmp_path: Path) -> None:
    component = "" if api == "ftorch" else api
    said = configure(
        "find_package",
        tmp_path,
        fc,
        f"-DFTorch_DIR={Installation().cmake_dir}",
        "-DFTorch_COMPILE_FORTRAN=ON",
        f"-DSOURCE={SOURCES[api]}",
        f"-DCOMPONENTS={component}",
    )
    assert f"compiling the Fortran interface for {find_compiler(fc).tag}" in said
    run("cmake", "--build", tmp_path)
    assert run(tmp_path / "downstream") == EXPECTED
    assert str(tmp_path) in run("ldd", tmp_path / "downstream")


@pytest.fixture(scope="module")
def with_everything(fc: str) -> Path:
    """Build folder of a project that contains this one."""
    # Compiles everything, so the folder is kept between runs; unoptimized, because that is what takes the time.
    build = BUILD / find_compiler(fc).tag / "fetch_content"
    build.mkdir(parents=True, exist_ok=True)
    with FileLock(build.with_suffix(".lock")):
        options = (
            f"-DFTORCH={ROOT}",
            "-DMPI_C_COMPILER=mpicc.openmpi",
            "-DMPI_Fortran_COMPILER=mpifort.openmpi",
            f"-DPython_EXECUTABLE={sys.executable}",
            "-DCMAKE_BUILD_TYPE=None",
            "-DCMAKE_UNITY_BUILD=ON",
            "-DCMAKE_UNITY_BUILD_BATCH_SIZE=16",
            "-DFTORCH_INSTALL=ON",
            "-DCMAKE_INSTALL_LIBDIR=lib",
        )
        configure("fetch_content", build, fc, *options)
        run("cmake", "--build", build)
    return build


@whole_library
def test_fetch_content(with_everything: Path) -> None:
    assert run(with_everything / "downstream") == EXPECTED
    assert run(with_everything / "downstream1") == EXPECTED
    assert run(with_everything / "ranks") == "linked\n"


@pytest.fixture(scope="module")
def installed(fc: str, with_everything: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder into which ``cmake --install`` has put what people without pip use."""
    folder = tmp_path_factory.mktemp(f"installed-{find_compiler(fc).tag}")
    run("cmake", "--install", with_everything, "--prefix", folder)
    return folder


def files(root: Path, tag: str) -> set[str]:
    """Files of an installation, but for what belongs to Python, to another Fortran compiler or to an MPI."""
    found = {path.relative_to(root) for part in ("lib", "include", "share") for path in (root / part).rglob("*") if path.is_file()}
    others = {compiler.tag for compiler in present_compilers()} - {tag} | {"openmpi", "mpich"}
    return {str(path) for path in found if not others & set(path.parts)}


@whole_library
def test_cmake_installs_what_the_wheel_has(fc: str, installed: Path) -> None:
    tag = find_compiler(fc).tag
    assert files(installed, tag) == files(Installation().prefix, tag)
    run_paths = {
        library: run("readelf", "-d", installed / "lib" / library)
        for library in ("libctorch_torch.so", "libctorch.so.1", f"{tag}/libftorch.so.0.1")
    }
    torch_folder = str(Path(torch.__file__).parent / "lib")
    assert [library for library, said in run_paths.items() if torch_folder in said] == ["libctorch_torch.so"]
    assert not [library for library, said in run_paths.items() if str(BUILD) in said]


@whole_library
@apis
def test_the_installed_cmake_package(fc: str, api: str, installed: Path, tmp_path: Path) -> None:
    component = "" if api == "ftorch" else api
    said = configure(
        "find_package", tmp_path, fc, f"-DCMAKE_PREFIX_PATH={installed}", f"-DSOURCE={SOURCES[api]}", f"-DCOMPONENTS={component}"
    )
    assert "compiling the Fortran interface" not in said
    run("cmake", "--build", tmp_path)
    assert run(tmp_path / "downstream") == EXPECTED
    assert str(installed) in run("ldd", tmp_path / "downstream")


@whole_library
@apis
def test_the_installed_pkg_config_file(fc: str, api: str, installed: Path, tmp_path: Path) -> None:
    words = (f"FC={fc}", f"OUT={tmp_path}", f"SOURCE={SOURCES[api]}", f"PACKAGE={api}")  # it is made for this compiler
    where = {**os.environ, "PKG_CONFIG_PATH": str(installed / "lib" / "pkgconfig")}
    run("make", "-C", PROJECTS / "pkgconfig", *words, env=where)
    assert run(tmp_path / "downstream") == EXPECTED
    assert str(installed) in run("ldd", tmp_path / "downstream")


@apis
def test_makefile_with_pkg_config(fc: str, api: str, tmp_path: Path) -> None:
    place = Installation()
    run(
        "make",
        "-C",
        PROJECTS / "pkgconfig",
        f"FC={fc}",
        f"OUT={tmp_path}",
        f"SOURCE={SOURCES[api]}",
        f"PACKAGE={api}",
        f"DEFINE=--define-variable=compiler={find_compiler(fc).tag}",
        env={**os.environ, "PKG_CONFIG_PATH": str(place.pkgconfig_dir)},
    )
    assert run(tmp_path / "downstream") == EXPECTED


@apis
def test_printed_flags(fc: str, api: str, build_fortran: BuildFortran) -> None:
    assert run(build_fortran(SOURCES[api], compiler=fc, api=api)) == EXPECTED


def test_a_c_project_gets_the_c_interface(tmp_path: Path) -> None:
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\n"
        "project(c_only LANGUAGES C)\n"
        "find_package(FTorch REQUIRED)\n"
        "add_executable(c_only main.c)\n"
        "target_link_libraries(c_only PRIVATE FTorch::ctorch)\n"
    )
    (tmp_path / "main.c").write_text(
        "#include <ctorch.h>\n"
        "int main(void) {\n"
        "  int64_t alive = -1;\n"
        "  return ctorch_live_handles(CTORCH_HANDLE_ANY, &alive) != CTORCH_SUCCESS || alive != 0;\n"
        "}\n"
    )
    said = run("cmake", "-S", tmp_path, "-B", tmp_path / "b", f"-DFTorch_DIR={Installation().cmake_dir}")
    assert "only the C interface FTorch::ctorch is defined" in said
    run("cmake", "--build", tmp_path / "b")
    run(tmp_path / "b" / "c_only")
