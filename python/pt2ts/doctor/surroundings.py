"""What in the environment of a process can make a model slow or a program fail: threads, and where libraries are looked for."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from ftorch.doctor import Finding
from ftorch.layout import Installation

from ..toolchain import compiler as toolchain

#: Variables that set numbers of threads; the first one decides for this library.
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
#: Variables by which MPI says how many ranks share a node.
_RANKS = (
    "OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS", "MV2_COMM_WORLD_LOCAL_SIZE", "PALS_LOCAL_SIZE", "SLURM_STEP_TASKS_PER_NODE",
)  # fmt: skip
#: Libraries of which a second copy in the way does harm.
_LIBRARIES = ("libtorch*.so*", "libc10*.so*", "libctorch*.so*", "libftorch*.so*", "libgomp.so*")


def threads(environment: Mapping[str, str], cores: int) -> Iterator[Finding]:
    """Yield what the variables say about threads."""
    given = {name: environment[name] for name in _THREADS if name in environment}
    text = ", ".join(f"{name}={value}" for name, value in given.items()) or "OMP_NUM_THREADS is not set: as many as there are cores"
    yield Finding("threads", f"{text} ({cores} cores for this process)")
    for name, value in given.items():
        first = value.split(",")[0].strip()
        if not re.fullmatch(r"[1-9]\d*", first):
            yield Finding("threads", f"{name} is '{value}', which is no number of threads", f"export {name}={cores}")
        elif int(first) > cores:
            yield Finding(
                "threads", f"{name}={value} asks for more threads than the {cores} cores", f"export {name}={cores}, or fewer"
            )
    known = (re.match(r"[1-9]\d*", environment.get(name, "")) for name in _RANKS)
    ranks = next((found[0] for found in known if found), "1")
    wanted = given.get("OMP_NUM_THREADS", str(cores)).split(",")[0]
    if int(ranks) > 1 and wanted.isdecimal() and int(ranks) * int(wanted) > (os.cpu_count() or cores):
        yield Finding(
            "threads", f"{ranks} MPI ranks with {wanted} threads each are more than the node's {os.cpu_count()} cores"
            + ("" if "OMP_NUM_THREADS" in given else " (calls of this library take their share; the program's own regions do not)"),
            "export OMP_NUM_THREADS=1, or cores divided by ranks",
        )  # fmt: skip


def library_paths(environment: Mapping[str, str], place: Installation) -> Iterator[Finding]:
    """Yield what LD_LIBRARY_PATH and LD_PRELOAD put before the libraries that programs were linked with."""
    path = environment.get("LD_LIBRARY_PATH", "")
    yield Finding("LD_LIBRARY_PATH", path or "not set")
    ours = {place.library_dir.resolve(), *(place.fortran_library_dir(tag).resolve() for tag in place.tags())}
    for folder in dict.fromkeys(filter(None, path.split(":"))):
        here = Path(folder)
        if here.resolve() in ours:
            continue
        found = sorted({file.name for pattern in _LIBRARIES for file in here.glob(pattern)})
        if found:
            yield Finding(
                "LD_LIBRARY_PATH", f"{folder} holds {', '.join(found[:4])}, which come before the ones that were linked",
                f"take {folder} out of LD_LIBRARY_PATH: programs carry the way to their libraries",
            )  # fmt: skip
    if preload := environment.get("LD_PRELOAD"):
        yield Finding("LD_PRELOAD", preload)


def versions(ours: str, library: str) -> Iterator[Finding]:
    """Yield whether this command and the library are of one version."""
    if ours == library:
        yield Finding("pt2ts", f"{ours}, as the library")
    else:
        yield Finding("pt2ts", f"{ours}, and the library is {library}", "install both from one source: python -m pip install .")


def compilers_of_packages(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Yield which C++ compiler makes compiled packages."""
    try:
        words = toolchain.cxx(environment)
    except toolchain.ToolchainError as error:
        yield Finding("C++ compiler", f"{error}: pt2ts writes TorchScript files only, until there is one")
        return
    path = str(shutil.which(toolchain.program(words)))
    yield Finding("C++ compiler", path if len(words) == 1 else f"{path}, started as '{shlex.join(words)}'")
