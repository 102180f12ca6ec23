"""The C interface from C: the header is C99, and no misuse does more than return a status and a message."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ..fortran import model_files
from ..support import BUILD, ROOT, printed_flags, run

HERE = Path(__file__).resolve().parent
HEADERS = sorted(path.name.removesuffix(".fypp") for path in (ROOT / "src" / "ctorch" / "include").glob("*.h*"))
STRICT = ("-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror")


def compiled(source: Path, program: Path, *extra: str) -> subprocess.CompletedProcess[str]:
    """Compile a C program and link it to libctorch only: neither libtorch nor a Fortran compiler's library."""
    link = [word for word in printed_flags("gfortran", "--ldflags") if word != "-lftorch"]
    command = [
        "gcc",
        *STRICT,
        "-g",
        *extra,
        *printed_flags("gfortran", "--cflags"),
        str(source),
        *link,
        "-lctorch",
        "-o",
        str(program),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A good model file, then damaged ones: cut off anywhere, one bit or a run of bytes changed anywhere."""
    folder = tmp_path_factory.mktemp("c")
    model_files.write_all(folder)
    good = folder / "linear.pt"
    data = good.read_bytes()
    chance = random.Random(1)  # noqa: S311 - the same damage every time
    made = [good]
    for number in range(120):
        damaged = bytearray(data)
        at = chance.randrange(len(data))
        if number % 3 == 0:
            del damaged[at:]
        elif number % 3 == 1:
            damaged[at] ^= 1 << chance.randrange(8)
        else:
            run = min(chance.randrange(1, 40), len(data) - at)
            damaged[at : at + run] = chance.randbytes(run)
        made.append(folder / f"damaged{number}.pt")
        made[-1].write_bytes(damaged)
    return made


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("compiler", [("gcc", "-std=c99"), ("g++", "-std=c++17", "-xc++")], ids=["c99", "c++17"])
def test_header_stands_alone(tmp_path: Path, header: str, compiler: tuple[str, ...]) -> None:
    source = tmp_path / "header.c"
    source.write_text(f'#include "{header}"\n#include "{header}"\nint main(void) {{ return 0; }}\n')
    command = [*compiler, *STRICT[1:], *printed_flags("gfortran", "--cflags"), "-fsyntax-only", str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_misuse(tmp_path: Path, files: list[Path]) -> None:
    program = tmp_path / "misuse"
    built = compiled(HERE / "misuse.c", program)
    assert built.returncode == 0, built.stderr
    done = subprocess.run([program, *files], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert int(done.stdout.split()[-4]) > 230, "the checks have run"


def test_links_neither_torch_nor_python(tmp_path: Path) -> None:
    program = tmp_path / "misuse"
    assert compiled(HERE / "misuse.c", program).returncode == 0
    libraries = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    assert "libctorch.so" in libraries
    for foreign in ("torch_cpu", "libc10", "libpython", "libgomp", "libgfortran", "libstdc++", "not found"):
        assert foreign not in libraries


@pytest.mark.long
def test_sanitizers(tmp_path: Path, files: list[Path]) -> None:
    """Address, leak and undefined-behaviour sanitizers find nothing in the library nor in the program that misuses it."""
    build = BUILD / "sanitize"
    python = f"-DPython_EXECUTABLE={sys.executable}"
    cmake, ninja = shutil.which("cmake"), shutil.which("ninja")
    assert cmake
    assert ninja
    options = ("-DFTORCH_SANITIZE=ON", "-DCMAKE_UNITY_BUILD=ON", python, f"-DCMAKE_MAKE_PROGRAM={ninja}")
    run(cmake, "-G", "Ninja", "-S", ROOT, "-B", build, *options)
    subprocess.run([ninja, "-j2", "-C", build, "ctorch", "ctorch_torch"], check=True, capture_output=True)

    link = [f"-L{build / 'lib'}", "-lctorch", f"-Wl,-rpath,{build / 'lib'}"]
    sanitize = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined")
    program, leaking = tmp_path / "misuse", tmp_path / "leaking"
    include = printed_flags("gfortran", "--cflags")
    run("gcc", *STRICT, "-g", *sanitize, *include, HERE / "misuse.c", *link, "-o", program)
    settings = {
        **os.environ,
        "LSAN_OPTIONS": f"suppressions={HERE / 'leaks_of_torch.supp'}",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "ASAN_OPTIONS": "detect_leaks=1:exitcode=99",
    }
    done = subprocess.run([program, *files], env=settings, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]

    # The sanitizers would have told: a program that forgets memory fails under the same settings.
    source = tmp_path / "leaking.c"
    source.write_text("#include <stdlib.h>\nint main(void) { char *volatile p = malloc(9); p = NULL; return p != NULL; }\n")
    run("gcc", *sanitize, source, "-o", leaking)
    assert subprocess.run([leaking], env=settings, capture_output=True, check=False).returncode == 99
