"""Memory does not grow with the number of sizes that a program computes with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from ..support import printed_flags, run

HERE = Path(__file__).resolve().parent
MEGABYTE_KB = 1024
#: What the heap still does when the caches are full.
NOISE_KB = 20 * MEGABYTE_KB
#: Calls until the caches are full: 1024 operations, two in each call.
FULL = 1200


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a program and a network of two convolutions of the kind that oneDNN computes: some 2 kB."""
    made = tmp_path_factory.mktemp("shapes")
    layers = [torch.nn.Conv2d(4, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(4, 4, 3, padding=1)]
    torch.jit.save(torch.jit.script(torch.nn.Sequential(*layers).eval()), made / "conv.pt")
    flags = [flag for flag in printed_flags("gfortran", "--ldflags") if flag != "-lftorch"]
    include = printed_flags("gfortran", "--cflags")
    run("gcc", "-std=c11", "-D_GNU_SOURCE", "-pthread", *include, HERE / "shapes.c", *flags, "-o", made / "shapes")
    return made


def growth_kb(folder: Path, threads: int, rounds: int, **environment: str) -> int:
    """Growth after the first round."""
    settings = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    said = run(folder / "shapes", "conv.pt", str(threads), str(FULL), str(rounds), cwd=folder, env=settings)
    memory = [int(line) for line in said.splitlines()]
    assert len(memory) == rounds
    return memory[-1] - memory[0]


@pytest.mark.parametrize("threads", [1, 8])
def test_memory_levels_off(folder: Path, threads: int) -> None:
    assert growth_kb(folder, threads, 2) < NOISE_KB


def test_growth_would_be_seen(folder: Path) -> None:
    assert growth_kb(folder, 1, 2, ONEDNN_PRIMITIVE_CACHE_CAPACITY="100000") > 1.5 * NOISE_KB


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("threads", [1, 8])
def test_memory_is_level_for_20000_calls(folder: Path, threads: int) -> None:
    assert growth_kb(folder, threads, 1 + 20000 // FULL) < NOISE_KB
