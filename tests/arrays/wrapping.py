"""Builds the façade with f90wrap and imports it; a build that is already there for the same sources and library is used again."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.f2py

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = ROOT / "build" / "tests" / "arrays"
NAME = "facade"


def installed(option: str) -> list[str]:
    """Return flags that the installed package prints for gfortran; f90wrap's output is in its dialect."""
    done = subprocess.run(
        [sys.executable, "-m", "ftorch", option, "--compiler", "gfortran"], check=True, capture_output=True, text=True
    )
    return shlex.split(done.stdout)


def load_facade() -> ModuleType:
    """Return the extension module of the façade."""
    compile_flags, link_flags = installed("--fflags"), installed("--ldflags")
    tables = sorted((ROOT / "src" / "types").glob("*.fypp"))
    folder = CACHE / _fingerprint([*HERE.glob("*.fypp"), HERE / "kind_map", Path(__file__), *tables], compile_flags + link_flags)
    folder.mkdir(parents=True, exist_ok=True)
    library = folder / f"_{NAME}.so"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # parallel test workers wait for the first one
        if not library.exists():
            _build(folder, library, compile_flags, link_flags)
    found = importlib.util.spec_from_file_location(f"_{NAME}", library)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def _fingerprint(files: list[Path], flags: list[str]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    # A library that was rebuilt may have other module files behind the same flags.
    folders = [Path(flag[2:]) for flag in flags if flag.startswith(("-I", "-L"))]
    stamps = sorted(f"{file}:{file.stat().st_mtime_ns}" for folder in folders for file in folder.glob("*ftorch*") if file.is_file())
    digest.update("\0".join([*flags, *stamps, sys.version, np.__version__]).encode())
    return digest.hexdigest()[:16]


def _build(folder: Path, library: Path, compile_flags: list[str], link_flags: list[str]) -> None:
    def run(*command: object) -> None:
        done = subprocess.run([str(word) for word in command], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"

    python = [sys.executable, "-m"]
    run(*python, "fypp", "-I", ROOT / "src" / "types", "-l", 132, HERE / f"{NAME}.fypp", f"{NAME}.f90")
    run(*python, "f90wrap", "--direct-c", "-k", HERE / "kind_map", "--auto-raise-error", "stat,errmsg", "-m", NAME, f"{NAME}.f90")
    run("gfortran", "-std=f2018", "-Wall", "-Wextra", "-fPIC", "-g", *compile_flags, "-c", f"{NAME}.f90")
    run("gfortran", "-fPIC", "-w", *compile_flags, "-c", f"f90wrap_{NAME}.f90")
    f2py = Path(numpy.f2py.get_include())
    includes = [f"-I{folder}" for folder in (np.get_include(), f2py, sysconfig.get_paths()["include"])]
    run("gcc", "-fPIC", "-w", *includes, "-c", f"_{NAME}.c", f2py / "fortranobject.c")
    objects = [f"{NAME}.o", f"f90wrap_{NAME}.o", f"_{NAME}.o", "fortranobject.o"]
    run("gfortran", "-shared", *objects, *link_flags, "-o", "unfinished.so")
    (folder / "unfinished.so").rename(library)
