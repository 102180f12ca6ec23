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
    sources = sorted((HERE / "device").glob("*.cpp"))
    content = b"".join(path.read_bytes() for path in sorted((HERE / "device").iterdir()))
    key = hashlib.sha256(content + torch.__version__.encode()).hexdigest()[:12]
    library = BUILD / f"fake_device-{key}" / "libfake_device.so"
    library.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(library.parent / "lock"):
        if not library.exists():
            made = library.with_suffix(".new")
            flags: list[str | Path] = ["-std=c++20", "-O1", "-fPIC", "-shared", "-isystem", TORCH / "include"]
            link_line: list[str | Path] = [f"-L{TORCH / 'lib'}", "-lc10", "-ltorch_cpu", f"-Wl,-rpath,{TORCH / 'lib'}", "-o", made]
            run("g++", *flags, *sources, *link_line)
            made.rename(library)
    return library.parent


def flags_for_fake_device() -> tuple[str, ...]:
    """Return flags that link a program to it, so that the device is there before the first call."""
    folder = fake_device_library()
    link = ("-Wl,--no-as-needed", f"-L{folder}", "-lfake_device", f"-Wl,-rpath,{folder}")
    return (*link, f"-Wl,-rpath-link,{TORCH / 'lib'}")
