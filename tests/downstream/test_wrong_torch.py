"""Another PyTorch than the one the library was built for is an error with a message, not an undefined symbol."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import ftorch

from ..support import BuildFortran, run
from .test_projects import SOURCES

BUILT = ftorch.Installation().torch_version()
BUILT_FOR = f"this library was built for PyTorch {BUILT}"
MAJOR, MINOR = (int(number) for number in BUILT.split(".")[:2])


@pytest.fixture
def moved(tmp_path: Path) -> Path:
    """Copy of the C libraries without PyTorch beside it; programs find it by LD_LIBRARY_PATH."""
    library = tmp_path / "ftorch" / "lib"
    library.mkdir(parents=True)
    for name in ("libctorch.so.1", "libctorch_rebind.so", "libctorch_torch.so"):
        shutil.copy2(ftorch.Installation().library_dir / name, library)
    return library


def compile_c(source: str, library: Path, *flags: str | Path) -> None:
    library.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-x", "c", "-", "-x", "none", "-o", library, *flags], input=source, text=True, check=True
    )


def stand_in(version: str, folder: Path) -> None:
    """Put a library that has found this PyTorch in the place of the implementation."""
    compile_c(f'const char *ctorch_implementation_torch_version(void) {{ return "{version}"; }}', folder / "libctorch_torch.so")


def message(program: Path, library: Path, **more: str) -> str:
    """What the program says before it stops."""
    environment = {**os.environ, "LD_LIBRARY_PATH": str(library), **more}
    done = subprocess.run([program], env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    return done.stderr


def test_no_torch(fc: str, build_fortran: BuildFortran, moved: Path) -> None:
    said = message(build_fortran(SOURCES["ftorch"], compiler=fc), moved)
    assert f"{BUILT_FOR} and cannot use the one it found: libtorch.so: cannot open shared object file" in said
    assert f"install torch=={BUILT}" in said


def test_torch_without_the_symbols(fc: str, build_fortran: BuildFortran, moved: Path) -> None:
    for name in ("libtorch.so", "libtorch_cpu.so", "libc10.so"):
        compile_c("int nothing;", moved.parents[1] / "torch" / "lib" / name)
    said = message(build_fortran(SOURCES["ftorch"], compiler=fc), moved)
    assert f"{BUILT_FOR} and cannot use the one it found" in said
    assert f"install torch=={BUILT}" in said


def test_torch_of_another_minor_version(fc: str, build_fortran: BuildFortran, moved: Path) -> None:
    stand_in(f"{MAJOR}.{MINOR - 1}.1", moved)
    said = message(build_fortran(SOURCES["ftorch"], compiler=fc), moved)
    assert f"{BUILT_FOR} and found PyTorch {MAJOR}.{MINOR - 1}.1; install torch=={BUILT}" in said


def test_libraries_of_two_versions(fc: str, build_fortran: BuildFortran, moved: Path) -> None:
    stand_in(f"{MAJOR}.{MINOR}.9", moved)
    assert "belongs to another version of this library; install both anew" in message(
        build_fortran(SOURCES["ftorch"], compiler=fc), moved
    )


def test_no_room_for_variables_of_threads(fc: str, build_fortran: BuildFortran, moved: Path) -> None:
    """The remedy in the message is one."""
    source = "static __thread char much[8000]; char *ctorch_of_thread(void) { return much; }"
    compile_c(source, moved / "libctorch_torch.so", "-ftls-model=initial-exec")
    program, remedy = build_fortran(SOURCES["ftorch"], compiler=fc), "glibc.rtld.optional_static_tls=16384"
    said = message(program, moved)
    assert "static TLS" in said
    assert f"start the program with GLIBC_TUNABLES={remedy}" in said
    assert "install torch" not in said
    assert "static TLS" not in message(program, moved, GLIBC_TUNABLES=remedy)


def test_an_older_run_time_of_cxx(fc: str, build_fortran: BuildFortran, moved: Path, tmp_path: Path) -> None:
    script = tmp_path / "versions"
    script.write_text("GLIBCXX_9.9.9 { global: newer; };\n")
    newer = tmp_path / "newer" / "libstdc++.so.6"
    compile_c("int newer(void) { return 1; }", newer, f"-Wl,--version-script={script}", "-Wl,-soname,libstdc++.so.6")
    compile_c("int newer(void); int ctorch_newer(void) { return newer(); }", moved / "libctorch_torch.so", newer)
    said = message(build_fortran(SOURCES["ftorch"], compiler=fc), moved)
    assert "GLIBCXX_9.9.9" in said
    assert "an older C++ run time was found first" in said


def test_another_torch_in_the_process(fc: str, build_fortran: BuildFortran, moved: Path, tmp_path: Path) -> None:
    stand_in(f"{MAJOR}.{MINOR + 1}.0", moved)
    other = tmp_path / "other" / "libtorch_cpu.so"
    compile_c("int nothing;", other, "-Wl,-soname,libtorch_cpu.so")
    said = message(build_fortran(SOURCES["ftorch"], compiler=fc), moved, LD_PRELOAD=str(other))
    assert f"{BUILT_FOR} and found PyTorch {MAJOR}.{MINOR + 1}.0; the program has loaded {other} already" in said
    assert f"let the program use torch=={BUILT}" in said


def test_stat_reports_it(fc: str, build_fortran: BuildFortran, moved: Path, tmp_path: Path) -> None:
    source = tmp_path / "with_stat.f90"
    source.write_text(
        "program with_stat\n"
        "  use ftorch\n"
        "  implicit none (type, external)\n"
        "  type(torch_tensor) :: a\n"
        "  integer :: stat\n"
        "  character(len=300) :: errmsg\n"
        "  call torch_tensor_full(a, 1.0, stat=stat, errmsg=errmsg)\n"
        "  print '(i0,1x,a)', merge(1, 0, stat == torch_error_library), trim(errmsg)\n"
        "end program with_stat\n"
    )
    said = run(build_fortran(source, compiler=fc), env={**os.environ, "LD_LIBRARY_PATH": str(moved)})
    assert said.startswith("1 ")
    assert BUILT_FOR in said
