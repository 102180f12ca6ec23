"""Code that goes beyond its memory is stopped where it does, in the process in which every written file runs first."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it

import pt2ts
from ftorch.layout import Installation
from pt2ts.errors import CheckError
from pt2ts.pytorch import inductor
from pt2ts.runtime import fresh_worker

#: A tensor of 100 bytes, and what is done with it.
PROGRAM = """
import ctypes, importlib.util, sys
found = importlib.util.spec_from_file_location("worker", sys.argv[1])
worker = importlib.util.module_from_spec(found)
found.loader.exec_module(worker)
session = worker.Session(sys.argv[2])
tensor, address = worker.Handle(), ctypes.c_void_p()
session.call("tensor_empty", 1, (ctypes.c_int64 * 1)(100), 0, 0, -1, 0, ctypes.byref(tensor))
session.call("tensor_data", ctypes.byref(tensor), ctypes.byref(address))
place = address.value
%s
session.delete([tensor])
print("alive")
"""


@pytest.mark.parametrize(
    ("action", "end", "words"),
    [
        ("ctypes.memset(place, 1, 100)", 0, "alive"),
        ("print(set(ctypes.string_at(place, 100)))", 0, "{255}"),
        ("ctypes.memset(place + 100, 0, 1)", -signal.SIGABRT, "memory was written behind a tensor of 100 bytes"),
        ("ctypes.memset(place - 1, 0, 1)", -signal.SIGABRT, "memory was written before a tensor of 100 bytes"),
        ("ctypes.string_at(place + 300, 1)", 0, "alive"),
        ("ctypes.string_at(place + 128 + 256, 1)", -signal.SIGSEGV, ""),
    ],
)
def test_a_fence(action: str, end: int, words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM % action, fresh_worker.__file__, str(Installation().c_library)],
        env={**os.environ, "FTORCH_GUARD_MEMORY": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, words in done.stdout + done.stderr) == (end, True), done.stderr


class Padded(torch.nn.Module):
    """PyTorch's compiler sums this in tiles over two loops that are no neighbours, when arrays have the first index fastest."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        v = F.gelu(x)
        columns = F.pad(v.permute(3, 2, 1, 0), (0, 0, 0, 58), value=0.5)
        return torch.matmul(F.pad(v, (0, 0, 0, 0, 0, 58), value=0.5), columns)


@pytest.mark.long
@pytest.mark.parametrize("tiles", ["safe", "as PyTorch has them"])
def test_tiles_of_sums(tiles: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiles that spoil memory are found by the fence, and are not made."""
    path, example = tmp_path / "padded.pt2", torch.randn(1, 8, 66, 66)
    form = pt2ts.Package(layout="fortran", threads=1)
    if tiles != "safe":
        monkeypatch.setattr(inductor, "safe_tiles", contextlib.nullcontext)
    with (
        contextlib.nullcontext()
        if tiles == "safe"
        else pytest.raises(CheckError, match="written behind a tensor of 1149984") as end
    ):
        pt2ts.export(Padded(), example, path, inputs=["x[1,8,66,66] float32"], format=form)
    assert path.exists() == (tiles == "safe")
    assert end is None or "take arrays of the other order (layout=...), or write a TorchScript file" in end.value.hint
