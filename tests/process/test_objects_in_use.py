"""Objects that one thread deletes, replaces, saves or loads while others compute with them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from ..fortran import model_files
from ..support import BUILD, ROOT, printed_flags, run

HERE = Path(__file__).resolve().parent
SOURCES = ROOT / "src" / "ctorch"
STRICT = ("-std=gnu11", "-Wall", "-Wextra", "-Werror", "-pthread", "-g")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("in_use")
    model_files.write_all(folder)
    return folder / "linear.pt"


def link_of_installed() -> list[str]:
    """Words that link a C program to the installed libctorch."""
    return [word for word in printed_flags("gfortran", "--ldflags") if word != "-lftorch"] + ["-lctorch"]


def compile_c(source: str, program: Path, *flags: str, link: Sequence[str] | None = None) -> None:
    """Compile a program of this folder, with the installed library unless ``link`` has another one."""
    words = [*flags, *printed_flags("gfortran", "--cflags"), str(HERE / source), *(link_of_installed() if link is None else link)]
    run("gcc", *STRICT, *words, "-o", program)


def compute_and_delete(
    program: Path, model: Path, folder: Path, rounds: tuple[int, int], settings: dict[str, str] | None = None
) -> None:
    done = subprocess.run(
        [program, model, folder, *map(str, rounds)],
        env={**os.environ, "OMP_NUM_THREADS": "1", **(settings or {})},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=1500,
    )
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-12000:]}"
    counts = re.fullmatch(r"answers (\d+) refused (\d+)", done.stdout.strip())
    assert counts
    assert int(counts[1]) > sum(rounds), "the threads have computed"


def test_threads_delete_what_others_use(tmp_path: Path, model: Path) -> None:
    program = tmp_path / "objects_in_use"
    compile_c("objects_in_use.c", program)
    compute_and_delete(program, model, tmp_path, (3000, 60))


@pytest.mark.parametrize("sanitizer", ["thread", "address,undefined"])
def test_table_of_handles(tmp_path: Path, sanitizer: str) -> None:
    program = tmp_path / "handle_table"
    sources = (HERE / "handle_table.cpp", SOURCES / "core" / "reclaim.cpp")
    flags = ("-std=c++20", "-O1", "-g", "-pthread", f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all", f"-I{SOURCES}")
    run("g++", *flags, *printed_flags("gfortran", "--cflags"), *sources, "-o", program)
    run(program)


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("sanitizer", ["address", "thread"])
def test_sanitizers_see_no_use_after_free(tmp_path: Path, model: Path, sanitizer: str) -> None:
    """The same threads, with the library built for a sanitizer; PyTorch's own code is not, and is left out of the report."""
    build = BUILD / f"sanitize-{sanitizer}"
    cmake, ninja = shutil.which("cmake"), shutil.which("ninja")
    assert cmake
    assert ninja
    options = (f"-DFTORCH_SANITIZE={sanitizer}", "-DCMAKE_UNITY_BUILD=ON", f"-DPython_EXECUTABLE={sys.executable}")
    run(cmake, "-G", "Ninja", "-S", ROOT, "-B", build, *options, f"-DCMAKE_MAKE_PROGRAM={ninja}")
    subprocess.run([ninja, "-j2", "-C", build, "ctorch", "ctorch_torch"], check=True, capture_output=True)
    # The sanitizer looks for what throws exceptions when the program starts; a program in C has it only from the library, later.
    link = [f"-L{build / 'lib'}", "-lctorch", f"-Wl,-rpath,{build / 'lib'}", "-Wl,--no-as-needed", "-lstdc++"]
    settings = {
        "ASAN_OPTIONS": "detect_leaks=0:exitcode=99",
        "TSAN_OPTIONS": f"exitcode=99:suppressions={HERE / 'threads_of_torch.supp'}:ignore_noninstrumented_modules=1",
    }
    program = tmp_path / "objects_in_use"
    compile_c("objects_in_use.c", program, f"-fsanitize={sanitizer}", link=link)
    compute_and_delete(program, model, tmp_path, (300, 20), settings)


def test_a_list_with_a_stale_tensor_releases_the_others(tmp_path: Path) -> None:
    program = tmp_path / "expressions_in_lists"
    compile_c("expressions_in_lists.c", program)
    assert run(program).split() == ["before", "0", "after", "0"]
