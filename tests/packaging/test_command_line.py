"""`python -m ftorch`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ftorch
from ftorch.__main__ import main
from ftorch.compilers import how_to_get

from ..support import ROOT, run

PLACE = ftorch.Installation()
Output = pytest.CaptureFixture[str]


def test_flags_come_in_one_line(fc: str, capsys: Output) -> None:
    assert main(["--fflags", "--ldflags", "--cflags", "--compiler", fc]) == 0
    tag = ftorch.find_compiler(fc).tag
    words = capsys.readouterr().out.split()
    assert words == [
        f"-I{PLACE.include_dir}",
        f"-I{PLACE.include_dir}/ftorch/{tag}",
        f"-L{PLACE.library_dir}/{tag}",
        f"-L{PLACE.library_dir}",
        f"-Wl,-rpath,{PLACE.library_dir}/{tag}",
        f"-Wl,-rpath,{PLACE.library_dir}",
        "-lftorch",
        "-lctorch",
    ]


def test_modules_of_ftorch1_come_first(fc: str, capsys: Output) -> None:
    assert main(["--fflags", "--api", "ftorch1", "--compiler", fc]) == 0
    modules = PLACE.module_dir(ftorch.find_compiler(fc).tag)
    assert capsys.readouterr().out.split() == [f"-I{modules}/ftorch1", f"-I{modules}"]


def test_compiler_from_the_environment(fc: str, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FC", fc)
    assert main(["--fflags"]) == 0
    assert ftorch.find_compiler(fc).tag in capsys.readouterr().out


def test_folders(capsys: Output) -> None:
    assert main(["--cmake-dir", "--pkgconfig-dir", "--prefix"]) == 0
    cmake, pkgconfig, prefix = map(Path, capsys.readouterr().out.split())
    assert (cmake / "FTorchConfig.cmake").is_file()
    assert (pkgconfig / "ftorch.pc").is_file()
    assert (prefix / "include" / "ctorch.h").is_file()


def test_nothing_asked(capsys: Output) -> None:
    assert main([]) == 2
    assert "--fflags" in capsys.readouterr().out


def test_absent_compiler(capsys: Output) -> None:
    assert main(["--fflags", "--compiler", "no-such-fortran"]) == 1
    assert "ftorch: the Fortran compiler 'no-such-fortran' was not found" in capsys.readouterr().err


def test_something_that_is_no_compiler(capsys: Output) -> None:
    assert main(["--fflags", "--compiler", "make"]) == 1
    assert "'make' is no Fortran compiler that CMake knows: it says 'GNU Make" in capsys.readouterr().err


def test_compiler_without_interface(tmp_path: Path, capsys: Output) -> None:
    future = tmp_path / "gfortran-99"
    future.write_text("#!/bin/sh\necho 'GNU Fortran (Debian 99.1.0-1) 99.1.0'\n")
    future.chmod(0o755)
    assert main(["--ldflags", "--compiler", str(future)]) == 1
    said = capsys.readouterr().err
    assert "no Fortran interface for GNU-99.1.0" in said
    assert f"python -m ftorch --add-compiler {future}" in said


def test_interface_of_an_earlier_version_does_not_count(tmp_path: Path) -> None:
    tag = ftorch.find_compiler("gfortran").tag
    (tmp_path / "lib" / tag).mkdir(parents=True)
    place = ftorch.Installation(tmp_path)
    stamp = place.fortran_library_dir(tag) / "version"
    stamp.write_text(f"{ftorch.__version__}\n")
    assert place.tags() == [tag]
    stamp.write_text("0.0.9\n")
    assert place.tags() == []


def test_refused_compiler_is_not_added(tmp_path: Path, capsys: Output) -> None:
    broken = tmp_path / "gfortran-99"
    broken.write_text('#!/bin/sh\n[ "$1" = --version ] && exec gfortran --version\necho not today >&2\nexit 1\n')
    broken.chmod(0o755)
    assert main(["--add-compiler", str(broken)]) == 1
    said = capsys.readouterr().err
    assert "is not able to compile a simple test program" in said
    assert said.count("\n") < 40  # the reason, and not all that CMake said
    log = Path(said.rpartition("All that was said: ")[2].strip())
    assert "not today" in log.read_text()
    shutil.rmtree(log.parent)


def test_flags_of_the_compiler(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FC", "gfortran -m64")
    assert main(["--fflags"]) == 0
    assert str(PLACE.module_dir(ftorch.find_compiler("gfortran").tag)) in capsys.readouterr().out
    assert ftorch.find_compiler().flags == ("-m64",)
    assert main(["--fflags", "--compiler", "gfortran -fdefault-integer-8"]) == 1
    said = capsys.readouterr().err
    assert f"no Fortran interface for {ftorch.find_compiler('gfortran').tag}-i8" in said
    assert "-fdefault-integer-8'" in said.partition("--add-compiler ")[2]


def test_cmake_is_asked_which_compiler_it_is(tmp_path: Path, capsys: Output) -> None:
    """One that CMake takes for Intel's, of which nothing is said in this package."""
    ifx = tmp_path / "ifx"
    ifx.write_text(
        "#!/bin/sh\n"
        '[ "$1" = --version ] && echo "ifx (IFX) 2025.1.0" && exit 0\n'
        'exec gfortran -cpp -D__INTEL_LLVM_COMPILER=20250100 "$@"\n'
    )
    ifx.chmod(0o755)
    compiler = ftorch.find_compiler(f"{ifx} -g")
    assert (compiler.tag, compiler.flags) == ("IntelLLVM-2025.1.0", ("-g",))
    assert main(["--fflags", "--compiler", str(ifx)]) == 1
    said = capsys.readouterr().err
    assert "no Fortran interface for IntelLLVM-2025.1.0" in said
    assert f"python -m ftorch --add-compiler {ifx}" in said


def test_an_installation_that_cannot_be_written(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda _, mode: mode != os.W_OK)
    assert main(["--add-compiler", "gfortran"]) == 1
    said = capsys.readouterr().err
    assert f"{PLACE.library_dir} cannot be written by this user; a folder of your own will do: python -m ftorch" in said
    assert "--prefix ~/ftorch" in said


@pytest.mark.long
def test_a_folder_of_ones_own(fc: str, tmp_path: Path, capsys: Output) -> None:
    assert main(["--add-compiler", fc, "--prefix", str(tmp_path / "mine")]) == 0
    assert str(tmp_path / "mine" / "lib") in capsys.readouterr().out
    assert main(["--fflags", "--ldflags", "--compiler", fc, "--prefix", str(tmp_path / "mine")]) == 0
    flags = capsys.readouterr().out.split()
    assert not [word for word in flags if word.startswith(f"-I{PLACE.prefix}")]
    program = tmp_path / "program"
    run(fc, ROOT / "tests" / "downstream" / "projects" / "main.f90", *flags, "-o", program, cwd=tmp_path)
    assert run(program, env={}).startswith("sum 3.0")
    assert str(tmp_path / "mine") in run("ldd", program)


def test_hints_suit_the_python_of_a_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "EXTERNALLY-MANAGED").touch()
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    assert how_to_get("cmake") == f"install it, for example with: {sys.executable} -m pip install cmake"  # in an environment
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    assert "-m venv ~/ftorch && ~/ftorch/bin/python -m pip install cmake" in how_to_get("cmake")
    (tmp_path / "EXTERNALLY-MANAGED").unlink()
    assert "venv" not in how_to_get("cmake").partition("with: ")[2].removeprefix(sys.executable)


def test_doctor(capsys: Output) -> None:
    assert main(["--info"]) == 0
    said = capsys.readouterr().out
    for topic in ("ftorch:", "Python:", "PyTorch:", "CPU capability:", "library:", "devices:", "Fortran compiler:", "cmake:"):
        assert f"\n{topic}" in f"\n{said}"
    assert "PROBLEM" not in said


def test_doctor_finds_what_is_wrong() -> None:
    environment = {**os.environ, "FC": "no-such-fortran"}
    with pytest.raises(AssertionError, match=r"(?s)no-such-fortran' was not found.*PROBLEM, remedy: install a Fortran compiler"):
        run(sys.executable, "-m", "ftorch", "--info", env=environment)


@pytest.mark.parametrize("word", ["--info", "--help", "--prefix"])
def test_a_reader_who_has_seen_enough_is_no_error(word: str) -> None:
    """As in `python -m ftorch --info | head -1`; the pipe is closed before the first line."""
    receiver, sender = os.pipe()
    os.close(receiver)
    with os.fdopen(sender, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "ftorch", word], stdout=closed, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert done.stderr == ""
    assert done.returncode in (0, 1)  # argparse itself prints the help
