"""From the C++ that PyTorch's compiler writes to a library: in parts, several at once, and nothing twice.

A generated file has three parts. The interface is the same text in every model, the model itself has the calls in their order, and
the kernels do the work. In one piece, what is the same everywhere takes most of the compiler's time.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import torch._inductor.codegen
from torch._inductor import config
from torch._inductor.runtime.cache_dir_utils import cache_dir

from ..toolchain.compiler import cxx, pool, run

#: What PyTorch copies to the head of every generated file.
_INTERFACE = Path(torch._inductor.codegen.__file__).parent / "aoti_runtime" / "interface.cpp"
#: The first line of the kernels, which see nothing of what is before it.
_KERNELS = "#include <torch/csrc/inductor/cpp_prefix.h>"
#: What the interface needs before it, whichever header the model begins with.
_OF_THE_INTERFACE = "#include <torch/csrc/inductor/aoti_include/cpu.h>\n"
#: What the model takes from the includes of the interface.
_OF_THE_MODEL = "#include <iostream>\n#include <sstream>\n"
#: Where the generator says how it would compile, with the names of folders.
_NOTES = "\n// Compile cmd\n"
#: Lines for debuggers, warnings about code that nobody wrote, and the level of optimization, which parts choose themselves.
_LEFT_OUT = frozenset({"-g1", "-Wall", "-pedantic", "-O3"})


@dataclass(frozen=True)
class Library:
    """A library whose parts are being compiled, and the name of its file."""

    name: str
    parts: Sequence[Future[bytes]]
    link: Sequence[str]
    words: tuple[str, ...]

    def content(self) -> bytes:
        """Wait for the parts and return the library, without symbols: it is five times smaller, and as much faster to unpack.

        Raises
        ------
        ToolchainError
            When a part cannot be compiled, or the library not be linked.
        """
        with tempfile.TemporaryDirectory(prefix="pt2ts_link_") as name:
            folder, objects = Path(name), []
            try:
                contents = [part.result() for part in self.parts]
            except BaseException:
                _object.cache_clear()  # another time there may be a compiler, or room on the disk
                raise
            for number, content in enumerate(contents):
                objects.append(f"part{number}.o")
                (folder / objects[-1]).write_bytes(content)
            run([*self.words, *objects, "-s", "-o", "model.so", *self.link], folder)
            return (folder / "model.so").read_bytes()


def start(name: str, text: str, compiling: Mapping[str, Any], linking: Mapping[str, Any], constants: bytes) -> Library:
    """Begin to compile a generated file.

    Parameters
    ----------
    name
        Of the library.
    text
        The file.
    compiling, linking
        The options, as the generator writes them beside it.
    constants
        An object file with the constants of the model.

    Raises
    ------
    ToolchainError
        When there is no compiler.
    """
    words = tuple(cxx())
    flags = _flags(compiling)
    wrapper = (*flags, f"-{config.aot_inductor.compile_wrapper_opt_level}")
    code, _, kernels = text.partition(_NOTES)[0].partition(_KERNELS)
    parts: list[Future[bytes]] = []
    interface = _INTERFACE.read_text().strip()
    head, found, model = code.partition(interface)
    if found:
        parts.append(pool().submit(_kept, f"{_OF_THE_INTERFACE}{interface}\n", ".o", wrapper, words))
        code = head + _OF_THE_MODEL + model
    parts.append(_object(code, _first_include(code), wrapper, words))
    if kernels:
        parts.append(_object(_KERNELS + kernels, _KERNELS, (*flags, "-O3"), words))
    done: Future[bytes] = Future()
    done.set_result(constants)
    return Library(name, [*parts, done], _flags(linking), words)


def _flags(options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the words of a table of options."""
    words = [f"-{item}" for item in options["cflags"]]
    words += [f"-D{item.strip()}" for item in options["definitions"]] + [f"-I{item}" for item in options["include_dirs"]]
    words += [word for item in options["passthrough_args"] for word in item.split()]
    if not options["compile_only"]:
        words += [f"-L{item}" for item in options["libraries_dirs"]] + [f"-l{item}" for item in options["libraries"]]
        words += [f"-{item}" for item in options["ldflags"]]
    return (*(word for word in words if word not in _LEFT_OUT), "-w")


def _first_include(code: str) -> str:
    return next((line for line in code.splitlines() if line.startswith("#include")), "")


# Variants of one program differ in their kernels only; what was compiled for one is there for the next.
@lru_cache(maxsize=16)
def _object(code: str, header: str, flags: tuple[str, ...], words: tuple[str, ...]) -> Future[bytes]:
    """Begin to compile a part whose first include is ``header``."""
    return pool().submit(_compile, code, header, flags, words)


def _compile(code: str, header: str, flags: tuple[str, ...], words: tuple[str, ...]) -> bytes:
    first: list[str | Path] = ["-include", _precompiled(header, flags, words)] if header else []
    with tempfile.TemporaryDirectory(prefix="pt2ts_part_") as folder:
        # The name is seen in messages of the code, so it is the same for the same code.
        Path(folder, "model.cpp").write_text(code)
        run([*words, *flags, *first, "-c", "model.cpp", "-o", "model.o"], Path(folder))
        return Path(folder, "model.o").read_bytes()


def _precompiled(header: str, flags: tuple[str, ...], words: tuple[str, ...]) -> Path:
    """Return a header that the compiler has read already; it lies beside the file that is returned."""
    return _place(f"{header}\n", ".h.gch", flags, words).with_suffix("")


def _kept(code: str, suffix: str, flags: tuple[str, ...], words: tuple[str, ...]) -> bytes:
    return _place(code, suffix, flags, words).read_bytes()


def _place(code: str, suffix: str, flags: tuple[str, ...], words: tuple[str, ...]) -> Path:
    """Return what the compiler makes of a text that is the same for all models: made once on a machine, by whoever comes first."""
    base = Path(cache_dir()) / "pt2ts"
    base.mkdir(parents=True, exist_ok=True)
    made = base / f"{_digest(code, flags, words)}{suffix}"
    with made.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            with tempfile.TemporaryDirectory(prefix="making_", dir=base) as name:
                folder = Path(name)
                (folder / "part.h").write_text(code)
                kind = ["-x", "c++-header"] if suffix == ".h.gch" else ["-x", "c++", "-c"]
                run([*words, *flags, *kind, "part.h", "-o", "made"], folder)
                (folder / "part.h").replace(made.with_suffix(""))
                (folder / "made").replace(made)
    return made


@cache
def _digest(code: str, flags: tuple[str, ...], words: tuple[str, ...]) -> str:
    """Return a name for a text with all that it includes, for the compiler's version, and for the processor it makes code for."""
    with tempfile.TemporaryDirectory(prefix="pt2ts_part_") as folder:
        Path(folder, "part.h").write_text(code)
        read = run([*words, *flags, "-E", "-x", "c++", "part.h"], Path(folder))
    machine = run([*words, *flags, "-dM", "-E", "-x", "c++", "/dev/null"])
    return hashlib.sha256(json.dumps([machine, flags, read]).encode()).hexdigest()[:24]
