"""``pt2ts verify``, ``bench`` and ``tune`` with ``--device``: on the fake device, which Python has loaded, and without."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import pt2ts

from ..fortran.package_files import FALLBACK, compiled, read, variant, write
from ..python.cli.test_cli import pt2ts_command
from .library import fake_device_library
from .test_fake_device import Linear
from .test_packages import FAKE

NO_DEVICE = 4

#: The command line in a process where Python knows the device, as it knows one that a package of its maker brings.
START = f"""
import sys, types, torch
module = types.ModuleType("torch.{FAKE}")
module.is_available = lambda: True
torch._register_device_module("{FAKE}", module)
from pt2ts.cli.app import main
main()
"""
ABSENT = "xpu" if torch.cuda.is_available() else "cuda"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package with code for the device and TorchScript, and one whose code for the device computes something else."""
    made = tmp_path_factory.mktemp("fake_commands")
    x = torch.arange(10.0).reshape(2, 5)
    package = pt2ts.Package(batch=(), fallback=True)
    pt2ts.export(Linear(), x, made / "host.pt2", inputs=["x[batch,5]"], symbols={"batch": (1, 1024)}, format=package)
    members, spec = read(made / "host.pt2")
    for_device = variant("device", "aoti", sizes={"batch": [1, 1024]}, device=FAKE)
    variants = [item for item in spec["variants"] if item["kind"] != "torchscript"]
    script = members.pop(FALLBACK)
    shape = {"x": {0: torch.export.Dim("batch", min=1, max=1024)}}
    write(made / "host.pt2", members, {**spec, "variants": variants})
    code = compiled("device", Linear(), (x,), shape)
    write(made / "linear.pt2", {**members, **code}, {**spec, "variants": [*variants, for_device]})
    other = Linear()
    other.forward = lambda x: 1.01 * other.layer(x)  # type: ignore[method-assign]
    wrong = {name.replace("/wrong/", "/device/"): part for name, part in compiled("wrong", other, (x,), shape).items()}
    write(made / "wrong.pt2", {**members, **wrong}, {**spec, "variants": [*variants, for_device]})
    both = {**members, **code, FALLBACK: script}
    write(made / "both.pt2", both, {**spec, "variants": [*variants, for_device, variant("fallback", "torchscript", "own")]})
    return made


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LD_PRELOAD": str(fake_device_library() / "libfake_device.so"), "OMP_NUM_THREADS": "1"}
    line = [sys.executable, "-c", START, *words, "--device", FAKE]
    return subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False)


def test_verify(folder: Path) -> None:
    right = command(folder, "verify", "linear.pt2")
    assert right.returncode == 0, right.stdout + right.stderr
    wrong = command(folder, "verify", "wrong.pt2")
    assert wrong.returncode == 1
    assert "does not reproduce its golden sample" in wrong.stderr
    host = pt2ts_command("verify", folder / "wrong.pt2")
    assert host.code == 0, host.err
    none = command(folder, "verify", "host.pt2")
    assert none.returncode == 1
    assert f"has no code for {FAKE}:0" in none.stderr


def test_bench(folder: Path) -> None:
    done = command(folder, "bench", "linear.pt2", "--batch", "2,8", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["device"] == FAKE
    assert [(row["batch"], row["seconds"] > 0) for row in found["rows"]] == [(2, True), (8, True)]


def test_tune(folder: Path) -> None:
    done = command(folder, "tune", "both.pt2", "--batch", "8", "--json")
    assert done.returncode == 0, done.stderr
    rows = {row["candidate"]: row for row in json.loads(done.stdout)["measured"]}
    assert set(rows) >= {"any size", "TorchScript"}
    assert all(row["device"] == FAKE and row["seconds"] > 0 for row in rows.values())
    assert [row["chosen"] for row in rows.values()].count(True) == 1
    spec = pt2ts.read_spec(folder / "both.pt2")
    assert {item.name for item in spec.variants} >= {item.name for item in pt2ts.read_spec(folder / "linear.pt2").variants}
    after = command(folder, "verify", "both.pt2")
    assert after.returncode == 0, after.stderr
    before = (folder / "wrong.pt2").read_bytes()
    wrong = command(folder, "tune", "wrong.pt2", "--batch", "8")
    assert wrong.returncode == 1
    assert "disagrees with the module on batch=8" in wrong.stderr  # nothing is kept of a file that is wrong
    assert (folder / "wrong.pt2").read_bytes() == before


@pytest.mark.parametrize("name", ["verify", "bench", "tune"])
def test_a_device_that_is_not_there(folder: Path, name: str) -> None:
    before = (folder / "linear.pt2").read_bytes()
    done = pt2ts_command(name, folder / "linear.pt2", "--device", ABSENT)
    assert done.code == NO_DEVICE
    assert f"device is '{ABSENT}', and PyTorch" in done.err
    unknown = pt2ts_command(name, folder / "linear.pt2", "--device", "tpu")
    assert unknown.code == 1
    assert "device is 'tpu'" in unknown.err
    assert (folder / "linear.pt2").read_bytes() == before
