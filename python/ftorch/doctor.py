"""What a doctor would ask: versions, compilers, PyTorch, devices, processor, and whether the libraries work together."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .compilers import CompilerError, find_compiler, how_to_get, present_compilers
from .layout import Installation
from .mpi import MpiError, find_mpi

_DEVICES = {"cpu": 0, "cuda or hip": 1, "xpu": 12, "mps": 13}


@dataclass(frozen=True)
class Finding:
    """One line of the report; ``remedy`` is set when something is wrong."""

    topic: str
    text: str
    remedy: str | None = None

    def __str__(self) -> str:
        line = f"{self.topic + ':':<18}{self.text}"
        return line if self.remedy is None else f"{line}\n{'':<18}PROBLEM, remedy: {self.remedy}"


def examine() -> Iterator[Finding]:
    """Yield the findings, one after the other; none of the examinations needs another one to succeed."""
    place = Installation()
    yield Finding("ftorch", f"{version('ftorch')} for PyTorch {place.torch_version()}, in {place.prefix}")
    yield Finding("Python", f"{platform.python_version()} on {platform.platform()}")
    yield Finding("processor", f"{_processor()}, {len(os.sched_getaffinity(0))} cores for this process")
    yield from _torch(place)
    yield from _library(place)
    yield from _compilers(place)
    yield from _mpis(place)
    for tool, why in (("cmake", "needed to add a compiler"), ("pkg-config", "optional")):
        yield Finding(tool, _tool_version(tool) or f"not found ({why})")
    packages = ("numpy", "fypp", "f90wrap", "scikit-build-core")
    yield Finding("Python packages", ", ".join(f"{name} {_package(name)}" for name in packages))


def _torch(place: Installation) -> Iterator[Finding]:
    if importlib.util.find_spec("torch") is None:
        yield Finding("PyTorch", "not installed in this Python", how_to_get(f"torch=={place.torch_version()}"))
        return
    import torch

    yield Finding("PyTorch", f"{torch.__version__} in {os.path.dirname(torch.__file__)}")  # noqa: PTH120
    yield Finding("CPU capability", f"{torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads")
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        yield Finding(f"cuda:{index}", f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB")


def _library(place: Installation) -> Iterator[Finding]:
    """Load the library as a Fortran program would and ask it."""
    path = place.c_library
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        yield Finding("library", f"cannot be loaded: {error}", "install this package again: python -m pip install --no-deps .")
        return
    found = _text(library.ctorch_runtime_torch_version)
    if found is None:
        message = _text(library.ctorch_last_error) or "no message"
        yield Finding("library", message, how_to_get(f"torch=={place.torch_version()}"))
        return
    yield Finding("library", f"{_text(library.ctorch_runtime_version)}, works with libtorch {found}")
    counts = {name: _count(library, code) for name, code in _DEVICES.items()}
    yield Finding("devices", ", ".join(f"{name}: {count}" for name, count in counts.items() if count))


def _compilers(place: Installation) -> Iterator[Finding]:
    tags = place.tags()
    for compiler in present_compilers():
        state = "ready" if compiler.tag in tags else f"no interface yet; python -m ftorch --add-compiler {compiler.command}"
        yield Finding("Fortran compiler", f"{compiler.command} ({compiler.tag}): {state}")
    try:
        default = find_compiler()
    except CompilerError as error:
        yield Finding("default", str(error), "install a Fortran compiler, or set FC")
        return
    ready = default.tag in tags
    yield Finding(
        "default",
        f"{default.command} ({default.tag})",
        None if ready else f"python -m ftorch --add-compiler {default.command}",
    )


def _mpis(place: Installation) -> Iterator[Finding]:
    """Optional, so nothing about it is a problem."""
    seen = set()
    for name in [None, *sorted({p.name for folder in os.get_exec_path() for p in Path(folder).glob("mpifort.*")})]:
        try:
            mpi = find_mpi(name)
            compiler = mpi.compiler()
        except (MpiError, CompilerError) as error:
            if name is None:
                yield Finding("MPI", f"{error} (optional)")
            continue
        if mpi.title not in seen:
            seen.add(mpi.title)
            ready = [tag for tag in place.tags() if mpi.kind in place.mpis(tag)]
            state = f"ftorch_mpi ready for {', '.join(ready)}" if ready else "no ftorch_mpi yet"
            more = "" if compiler.tag in ready else f"; python -m ftorch --add-mpi {mpi.fortran}"
            yield Finding("MPI", f"{mpi.title}, {mpi.fortran} ({compiler.tag}): {state}{more}")


def _text(entry: Any) -> str | None:
    """Call an entry that hands out a string; None if it fails."""
    text, length = ctypes.c_char_p(), ctypes.c_int64()
    if entry(ctypes.byref(text), ctypes.byref(length)) != 0:
        return None
    return (text.value or b"")[: length.value].decode(errors="replace")


def _count(library: ctypes.CDLL, device_type: int) -> int:
    count = ctypes.c_int32()
    return count.value if library.ctorch_device_count(device_type, ctypes.byref(count)) == 0 else 0


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:  # noqa: PTH123
            names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.machine()


def _tool_version(name: str) -> str | None:
    path = shutil.which(name)
    if path is None:
        return None
    reply = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    return f"{reply.stdout.partition(chr(10))[0].removeprefix('cmake version ')} ({path})"


def _package(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
