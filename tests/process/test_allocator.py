"""PyTorch has one allocator for the whole process: it is the library's only where PyTorch is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ftorch import Installation

from ..support import run

HERE = Path(__file__).resolve().parent
TORCH = Path(torch.__file__).parent / "lib"

PYTHON = """
import ctypes, sys
if sys.argv[3] == "before": import torch
live = ctypes.c_int64(-1)
assert ctypes.CDLL(sys.argv[1]).ctorch_live_handles(0, ctypes.byref(live)) == 0
import torch
c10 = ctypes.CDLL(sys.argv[2] + "/libc10.so")
in_use, own = c10._ZN3c1015GetCPUAllocatorEv, c10._ZN3c1022GetDefaultCPUAllocatorEv
in_use.restype = own.restype = ctypes.c_void_p
print("own" if in_use() == own() else "pool")
"""


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize(("setting", "allocator"), [(None, "own"), ("0", "own"), ("8", "pool"), ("", "pool")])
def test_in_python(order: str, setting: str | None, allocator: str) -> None:
    """Whether torch is imported before the library is loaded or after it."""
    environment = {name: value for name, value in os.environ.items() if name != "FTORCH_POOL_MB"}
    if setting is not None:
        environment["FTORCH_POOL_MB"] = setting
    words = [sys.executable, "-W", "ignore", "-c", PYTHON, str(Installation().c_library), str(TORCH), order]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"{allocator}\n"), done.stderr


@pytest.mark.parametrize(("loaded", "allocator"), [((), "pool"), ((TORCH / "libtorch_cpu.so",), "own")], ids=["alone", "shared"])
def test_in_a_program(tmp_path: Path, loaded: tuple[Path, ...], allocator: str) -> None:
    run("gcc", HERE / "allocator.c", "-o", tmp_path / "allocator", "-ldl")
    environment = {name: value for name, value in os.environ.items() if name != "FTORCH_POOL_MB"}
    assert run(tmp_path / "allocator", Installation().c_library, *loaded, env=environment) == f"{allocator}\n"
