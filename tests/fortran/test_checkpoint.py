"""A training that is killed at any moment and goes on from its checkpoint ends with the bits of one that was never stopped."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch

from . import networks
from .conftest import Build, Run

# Sums are rounded in the order of the threads, so a run has as many as the one it is compared with.
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def folder(models: Path) -> Path:
    networks.write_all(models)
    return models


def undisturbed(run: Run, program: Path, folder: Path, steps: int) -> str:
    """What the program prints at the end when nobody kills it, and when it writes no checkpoint at all."""
    (folder / "never.ckpt").unlink(missing_ok=True)
    done = run(program, "never.ckpt", str(steps), str(10 * steps), timeout=300, env=ONE_THREAD)
    assert done.returncode == 0, done.stderr
    assert not (folder / "never.ckpt").exists()
    return done.stdout.partition("\n")[2]


def read_checkpoint(path: Path) -> dict[str, torch.Tensor]:
    """Every checkpoint on the disk is a whole one, for Python too."""
    content = torch.load(path, weights_only=True)
    assert content["ftorch_checkpoint"].shape == (2,)
    networks.Network().load_state_dict({k.removeprefix("model/"): v for k, v in content.items() if k.startswith("model/")})
    return dict(content)


def kill_and_resume(run: Run, program: Path, folder: Path, kills: int) -> None:
    """How far the killed runs come depends on the machine; how far they would go, and so whether they are killed, does not."""
    endless = str(10**9)
    chance = random.Random(kills)  # noqa: S311
    checkpoint = folder / "killed.ckpt"
    checkpoint.unlink(missing_ok=True)
    progress = []
    for _ in range(kills):
        command = [str(program), checkpoint.name, endless, "1"]
        environment = {**os.environ, **ONE_THREAD}
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True, env=environment) as process:
            assert process.stdout is not None
            progress.append(int(process.stdout.readline().split()[1]))
            time.sleep(chance.uniform(0, 0.5))
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
        if checkpoint.exists():
            read_checkpoint(checkpoint)
    assert progress == sorted(progress)
    assert len(set(progress)) > kills // 2, progress
    # One more resumed run goes on to the end, a few steps from here.
    steps = int(read_checkpoint(checkpoint)["ftorch_checkpoint"][1]) + 20
    done = run(program, checkpoint.name, str(steps), "1", timeout=300, env=ONE_THREAD)
    assert done.returncode == 0, done.stderr
    last, _, numbers = done.stdout.partition("\n")
    assert int(last.split()[1]) == steps - 20
    assert numbers == undisturbed(run, program, folder, steps)
    assert sorted(path.name for path in folder.glob("killed.ckpt*")) == ["killed.ckpt"]


def test_killed_and_resumed(build: Build, run: Run, folder: Path) -> None:
    kill_and_resume(run, build("resumable.f90"), folder, kills=3)


@pytest.mark.long
def test_killed_twenty_times_and_resumed(build: Build, run: Run, folder: Path) -> None:
    kill_and_resume(run, build("resumable.f90"), folder, kills=20)


def test_python_reads_a_checkpoint(build: Build, run: Run, folder: Path) -> None:
    (folder / "read.ckpt").unlink(missing_ok=True)
    done = run(build("resumable.f90"), "read.ckpt", "6", "4", env=ONE_THREAD)
    assert done.returncode == 0, done.stderr
    content = read_checkpoint(folder / "read.ckpt")
    assert content["ftorch_checkpoint"].tolist() == [1, 4]
    assert content["model/norm.num_batches_tracked"].item() == 3 + 4
    assert content["more/1"].shape == (4, 5)
    generator = torch.Generator()
    generator.set_state(content["random/cpu"])
    # The numbers that follow are those of the next batch.
    torch.randn(16, 5, generator=generator)
    assert {name.split("/")[0] for name in content} == {"ftorch_checkpoint", "model", "optim", "schedule", "more", "random"}
