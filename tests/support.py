"""What tests use beside fixtures: the compilers, the folders, and running commands."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path

import torch
from filelock import FileLock

from ftorch import find_compiler
from ftorch.compilers import Compiler, present_compilers
from pt2ts.container.writing import replacing
from pt2ts.contract.words import CHECKS
from pt2ts.pytorch import torchscript
from pt2ts.verification.outcome import Outcome
from pt2ts.verification.verify import verify

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "tests"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: Which versions of PyTorch the tests are run with, as pip is told it: >=2.11,<2.15.
TESTED = next(wanted.removeprefix("torch") for wanted in PROJECT["dependencies"] if wanted.startswith("torch>"))

BuildFortran = Callable[..., Path]


def use_gfortran_of_caller() -> None:
    """Let ``gfortran`` be what the variable FC names, such as ``gfortran-13``: the tests say gfortran."""
    named = Path((os.environ.get("FC") or "gfortran").split()[0])
    found = shutil.which(named)
    if found is None or not named.name.startswith("gfortran-"):
        return
    folder = BUILD / "commands" / named.name
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        (folder / "gfortran").symlink_to(found)
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"


def both_compilers() -> list[str]:
    """Commands of gfortran and of the newest flang. Whether they are there is for the tests to find out."""
    flang = [c for c in present_compilers() if c.family == "LLVMFlang"]
    newest = max(flang, key=lambda c: tuple(map(int, c.version.split("."))), default=None)
    return ["gfortran", newest.command.name if newest else "flang"]


def run(*words: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Run a command that must succeed and return what it printed."""
    line = [str(word) for word in words]
    done = subprocess.run(line, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=570)
    assert done.returncode == 0, f"{' '.join(line)}\n{done.stdout}{done.stderr}"
    return done.stdout


@cache
def printed_flags(compiler: str, *options: str) -> tuple[str, ...]:
    """Flags as ``python -m ftorch`` prints them for a compiler. Every program is built with them: they are asked for once."""
    return tuple(run(sys.executable, "-m", "ftorch", "--compiler", compiler, *options).split())


@cache
def known_compiler(command: str) -> Compiler:
    """Compiler that a command starts; it does not change while tests run."""
    return find_compiler(command)


def shared_folder(name: str, decisive: Iterable[bytes], make: Callable[[Path], None]) -> Path:
    """Folder that ``make`` has filled, in this run or an earlier one, whichever process came first.

    Parameters
    ----------
    name
        For people.
    decisive
        Everything that decides what comes out.
    make
        Called with the empty folder.
    """
    folder = BUILD / "shared" / f"{name}-{digest_of(*decisive)}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        done = folder / ".done"
        if not done.exists():
            folder.mkdir(exist_ok=True)
            make(folder)
            done.touch()
    return folder


def write_script(script: torchscript.ScriptModule, path: Path, extra: Mapping[str, str | bytes] | None = None) -> None:
    """Write TorchScript with extra files, in one step: over the file that it was loaded from, too."""
    with replacing(path) as (new,), new.open() as file:
        torchscript.save(script, file, extra)


def replay(path: Path, tolerance: float | None = None) -> list[Outcome]:
    """Replay the golden sample of a file; return what became of each output."""
    found = verify(path, tolerance=tolerance, skip=[name for name in CHECKS if name != "golden"])
    return [item for item in found if item.check == "golden"]


def sources_of_pt2ts() -> list[bytes]:
    """Return name and content of everything that exports models: code, headers of kernels, templates; the course and its data."""
    folders = (ROOT / "python" / "pt2ts", ROOT / "examples" / "course")
    files = sorted(file for folder in folders for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    return [part for file in files for part in (str(file.relative_to(ROOT)).encode(), file.read_bytes())]


def digest_of(*decisive: bytes) -> str:
    """Return a short digest of what decides how something comes out; PyTorch is always among it, and how it computes here."""
    key = hashlib.sha256(f"{torch.__version__} {torch.backends.cpu.get_cpu_capability()}".encode())
    for part in decisive:
        key.update(len(part).to_bytes(8, "little"))
        key.update(part)
    return key.hexdigest()[:16]
