"""Folders to compile in: several processes may compile the same network at once."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

import pytest
import torch

from pt2ts.compile.aoti import Recipe, compile_program
from pt2ts.toolchain.isa import default_isa, find_isa
from pt2ts.toolchain.scratch import scratch


def write_and_read(key: str, results: multiprocessing.Queue[bool]) -> None:
    """Write a file, and look after a while whether it is as it was."""
    with scratch(key) as folder:
        file, mine = folder / "model.so", str(time.time_ns())
        seen = file.exists()
        file.write_text(mine)
        time.sleep(0.2)
        results.put(not seen and file.read_text() == mine)


def test_processes_do_not_meet() -> None:
    """Neither over the same network nor over others."""
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    workers = [context.Process(target=write_and_read, args=(key, results)) for key in ("one", "one", "one", "two")]
    for worker in workers:
        worker.start()
    assert [results.get(timeout=3600) for _ in workers] == [True] * 4
    for worker in workers:
        worker.join(3600)


def fail_in(key: str, seen: list[Path]) -> None:
    with scratch(key) as folder:
        (folder / "file").touch()
        seen.append(folder)
        raise ZeroDivisionError


def test_the_same_name_again_and_nothing_left() -> None:
    seen: list[Path] = []
    for key in ("one", "one", "two"):
        with pytest.raises(ZeroDivisionError):
            fail_in(key, seen)
    assert seen[0] == seen[1] != seen[2]
    assert not any(folder.exists() for folder in seen)


def test_compiling_twice_gives_the_same_bytes() -> None:
    """The compiler writes into the folder, and the folder's name into the code."""
    program = torch.export.export(torch.nn.Tanh(), (torch.zeros(3),), strict=False)
    one, other = (compile_program(program, find_isa(default_isa()), 1, Recipe()).files for _ in range(2))
    assert any(name.endswith(".so") for name in one)
    assert one == other
