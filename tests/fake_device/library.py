"""The fake device as a library that programs are linked to."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from filelock import FileLock

from ..support import BUILD, run

HERE = Path(__file__).resolve().parent
TORCH = Path(torch.__file__).parent


def fake_device_library() -> Path:
    """Return the folder with the library, compiled once."""
    sources = sorted(HERE.glob("*.cpp"))
    content = b"".join(source.read_bytes() for source in sources)
    key = hashlib.sha256(content + torch.__version__.encode()).hexdigest()[:12]
    library = BUILD / f"fake_device-{key}" / "libfake_device.so"
    library.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(library.parent / "lock"):
        if not library.exists():
            made = library.with_suffix(".new")
            options = ("-std=c++20", "-O1", "-fPIC", "-shared", "-isystem")
            compile_line: list[str | Path] = ["g++", *options, TORCH / "include", *sources]
            link_line: list[str | Path] = [f"-L{TORCH / 'lib'}", "-lc10", "-ltorch_cpu", f"-Wl,-rpath,{TORCH / 'lib'}", "-o", made]
            run(*compile_line, *link_line)
            made.rename(library)
    return library.parent


def flags_for_fake_device() -> tuple[str, ...]:
    """Return flags that link a program to it, so that the device is there before the first call."""
    folder = fake_device_library()
    link = ("-Wl,--no-as-needed", f"-L{folder}", "-lfake_device", f"-Wl,-rpath,{folder}")
    return (*link, f"-Wl,-rpath-link,{TORCH / 'lib'}")
