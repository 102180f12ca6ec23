"""A module of one's own, from Python to a running Fortran program: by the commands that a user types, and no more than six."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

HERE = Path(__file__).with_name("own_modules")
MOST = 6

Modules = dict[str, Callable[[], torch.nn.Module]]


def sines(*shape: int) -> torch.Tensor:
    """Return the numbers that the Fortran programs make; their shapes are written the other way round there."""
    return torch.from_numpy(np.sin(np.arange(1, np.prod(shape) + 1, dtype=np.float32)).reshape(shape))


def unet(net: torch.nn.Module) -> Iterator[torch.Tensor]:
    field = sines(2, 3, 8, 16)
    found = net(field, (field[:, 0] > 0).float())
    yield from (found["rain"], found["snow"])
    yield from (found["rain"][-1], found["snow"][-1])


def soil(net: torch.nn.Module) -> Iterator[torch.Tensor]:
    state = torch.zeros(2, 7, 8)
    for forcing in sines(10, 7, 5):
        flux, state = net(forcing, state)
        yield flux
    yield state


def heating(net: torch.nn.Module) -> Iterator[torch.Tensor]:
    found = net(sines(5, 20, 3))
    yield from (found, found[-1])


def albedo(net: torch.nn.Module) -> Iterator[torch.Tensor]:
    yield net(torch.arange(1, 31) % 12, sines(30, 3))


#: Class, its inputs as a user declares them, its results if they need names, and what the Fortran program has to print.
CASES = {
    "unet": ("UNet", ["field[batch,3,8,16] float32", "land[batch,8,16] float32 0..1"], ["rain mm/h", "snow mm/h"], unet),
    "soil": ("Soil", ["forcing[batch,5] float32", "state[2,batch,8] float32"], ["flux W/m2", "next"], soil),
    "heating": ("Heating", ["column[batch,20,3] float32"], ["heating K/day"], heating),
    "albedo": ("Albedo", ["category[batch] int32 0..11", "numbers[batch,3] float32"], ["albedo"], albedo),
}


def commands(name: str, *options: str) -> list[str]:
    """Return what a user types."""
    factory, inputs, results, _ = CASES[name]
    words = [*options, *(f"--input '{text}'" for text in inputs), *(f"--result '{text}'" for text in results)]
    return [
        f"pt2ts export networks:{factory} --weights weights.pt {' '.join(words)} -o network.model",
        "pt2ts verify network.model",
        "pt2ts fortran network.model -o network.f90 --program",
        "cmake -B build -DCMAKE_PREFIX_PATH=$(python -m ftorch --cmake-dir)",
        "cmake --build build",
        "build/main",
    ]


def follow(name: str, folder: Path, *options: str) -> None:
    """Type the commands, with a main program of the user's own, and compare what it prints with Python."""
    shutil.copy(HERE / "networks.py", folder)
    factory, _, _, expected = CASES[name]
    modules: Modules = runpy.run_path(str(folder / "networks.py"))
    torch.manual_seed(0)
    net = modules[factory]().eval()
    torch.save(net.state_dict(), folder / "weights.pt")
    lines = commands(name, *options)
    assert len(lines) <= MOST
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    printed = ""
    for line in lines:
        setting: dict[str, Any] = {"cwd": folder, "env": environment, "capture_output": True, "text": True}
        done = subprocess.run(line, shell=True, timeout=570, check=False, **setting)  # noqa: S602 - as a user does
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        assert "Warning" not in done.stderr, done.stderr
        if "--program" in line:
            shutil.copy(HERE / f"{name}.f90", folder / "main.f90")
        printed = done.stdout
    with torch.no_grad():
        wanted = torch.cat([tensor.flatten() for tensor in expected(net)])
    found = torch.tensor([float(word) for word in printed.split()])
    assert found.shape == wanted.shape
    assert torch.allclose(found, wanted, rtol=1e-5, atol=1e-6), (found - wanted).abs().max()


@pytest.mark.parametrize("name", ["unet", *(pytest.param(name, marks=pytest.mark.long) for name in CASES if name != "unet")])
def test_from_python_to_fortran(name: str, tmp_path: Path) -> None:
    follow(name, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("name", CASES)
def test_as_a_package(name: str, tmp_path: Path) -> None:
    follow(name, tmp_path, "--format pt2", "--layout torch", "--batch 1", "--threads 1")
