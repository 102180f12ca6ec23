"""The library's memory pool in a Python process: PyTorch keeps memory from before it, and frees it afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

#: Convolutions run in oneDNN, which keeps addresses and gives them back to whatever allocator there is then.
PROGRAM = """
import sys, torch, pt2ts
from pt2ts.runtime.library import LibraryModel

conv = torch.nn.Conv2d(4, 8, 3, padding="same")
x = torch.randn(2, 4, 64, 64, requires_grad=True)

def step():
    total = conv(x).square().mean()
    total.backward()
    return total.detach()

before = step()
pt2ts.export(torch.nn.Linear(5, 3), torch.randn(2, 5), sys.argv[1])
with LibraryModel(sys.argv[1]):
    after = [step() for _ in range(20)]
assert all(torch.equal(value, before) for value in after)
"""


def test_convolutions_before_and_after(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, tmp_path / "m.pt"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
