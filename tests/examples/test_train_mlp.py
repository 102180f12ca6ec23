"""Example 05 learns, draws its losses, and goes on after a stop with the same bits."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ..support import shared_folder, sources_of_pt2ts

STEP = "train.pt2"
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "05_train_mlp"

Done = subprocess.CompletedProcess[str]


def run(*words: str | Path, cwd: Path | None = None) -> Done:
    quiet = {**os.environ, "OMP_WAIT_POLICY": "passive"}
    return subprocess.run(words, cwd=cwd, env=quiet, capture_output=True, text=True, check=False, timeout=570)


def read_losses(path: Path) -> list[float]:
    return [float(line.split(",")[1]) for line in path.read_text().splitlines()[1:]]


@pytest.fixture(scope="module")
def build(fc: str, tmp_path_factory: pytest.TempPathFactory, configure: Callable[..., Done]) -> Path:
    """Build folder in which the target ``demo`` has run."""
    folder = tmp_path_factory.mktemp("train_mlp")

    def make(target: str) -> str:
        done = run("cmake", "--build", folder, "--target", target)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def compile_step(place: Path) -> None:
        make("step")
        shutil.copy(folder / STEP, place)

    done = configure("05_train_mlp", folder, fc)
    assert done.returncode == 0, done.stdout + done.stderr
    decisive = [*sources_of_pt2ts(), *((EXAMPLE / name).read_bytes() for name in ("network.py", "run.nml"))]
    # Compiled for one Fortran compiler, it serves the other.
    shutil.copy(shared_folder("train_mlp", decisive, compile_step) / STEP, folder)
    (folder / "demo.txt").write_text(make("demo"))
    return folder


def test_it_learns_and_draws(build: Path) -> None:
    said = (build / "demo.txt").read_text()
    assert "of the variance of the unresolved tendency" in said
    assert (build / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert said.count("of the variance of the unresolved tendency") == 2
    both = [read_losses(build / name) for name in ("loss.csv", "loss_compiled.csv")]
    for losses in both:
        assert len(losses) == 6000
        assert sum(losses[-500:]) < sum(losses[:500]) / 2
    # The same samples, weights and rules: only rounding differs, which a chaotic model makes grow.
    assert both[0][:20] == pytest.approx(both[1][:20], rel=1e-3)


def test_stopped_and_resumed(build: Path) -> None:
    done = run("ctest", "--test-dir", build, "--output-on-failure")
    assert done.returncode == 0, done.stdout


@pytest.mark.long
@pytest.mark.parametrize(
    ("program", "package", "checkpoint", "losses"),
    [
        ("train_mlp", "network.pt", "train_mlp.ckpt", "loss.csv"),
        ("train_compiled", STEP, "train_compiled.ckpt", "loss_compiled.csv"),
    ],
)
def test_killed_and_resumed(build: Path, tmp_path: Path, program: str, package: str, checkpoint: str, losses: str) -> None:
    words = (build / program, build / package, EXAMPLE / "run.nml")
    for attempt in range(5):  # a run takes a second; where the machine is busy it may end before it is killed
        folder = tmp_path / str(attempt)
        folder.mkdir()
        with subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL) as process:
            limit = time.monotonic() + 3600
            while not (folder / checkpoint).exists() and time.monotonic() < limit:
                time.sleep(0.005)
            process.kill()
        if not (folder / losses).exists():
            break
    assert not (folder / losses).exists(), "killed too late to show anything"
    done = run(*words, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "resumed after step" in done.stdout
    assert (folder / losses).read_bytes() == (build / losses).read_bytes()


@pytest.mark.long
def test_a_compiled_training_killed_between_its_two_files(build: Path, tmp_path: Path) -> None:
    words = (build / "train_compiled", build / STEP, EXAMPLE / "run.nml")
    done = run(*words, "700", cwd=tmp_path)
    assert "stopped after step 700" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train_compiled.500.state", "train_compiled.ckpt"]
    (tmp_path / "train_compiled.1000.state").write_bytes(b"half of it")
    assert "resumed after step 500" in run(*words, cwd=tmp_path).stdout
    assert (tmp_path / "loss_compiled.csv").read_bytes() == (build / "loss_compiled.csv").read_bytes()
    assert sorted(path.name for path in tmp_path.glob("*.state")) == ["train_compiled.6000.state"]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("clip_norm", "clip_nrom", "there is no key 'clip_nrom'; is it clip_norm?"),
        ("learning_rate = 3e-3", "learning_rate = 1e-12", "the network has not learned"),
        ("n_steps", "steps", "train_mlp: "),
    ],
)
def test_it_says_what_is_wrong(build: Path, tmp_path: Path, before: str, after: str, message: str) -> None:
    text = (EXAMPLE / "run.nml").read_text()
    assert before in text
    (tmp_path / "run.nml").write_text(text.replace(before, after))
    shutil.copy(build / "network.pt", tmp_path)
    done = run(build / "train_mlp", "network.pt", "run.nml", cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory, configure: Callable[..., Done]) -> Path:
    """Build folder of the program for many ranks, by gfortran, which reads mpi_f08."""
    folder = tmp_path_factory.mktemp("train_ensemble")
    done = configure("05_train_mlp", folder, "gfortran", "-DWITH_MPI=ON", "-DMPI_Fortran_COMPILER=mpifort.openmpi",
                     "-DMPI_C_COMPILER=mpicc.openmpi", "-DMPIEXEC_EXECUTABLE=/usr/bin/mpirun.openmpi",
                     "-DMPIEXEC_PREFLAGS=--allow-run-as-root;--oversubscribe")  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_an_ensemble_of_ranks_learns_one_network(ranks: Path, tmp_path: Path) -> None:
    done = run("cmake", "--build", ranks, "--target", "ensemble")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the same weights on 2 ranks" in done.stdout
    assert float(done.stdout.partition("explains ")[2].split()[0]) > 85
    # Stopped on two ranks, it goes on with three.
    words = [ranks / "train_ensemble", ranks / "network.pt", EXAMPLE / "run.nml"]
    launcher = ["mpirun.openmpi", "--allow-run-as-root", "--oversubscribe", "-n"]
    stopped = run(*launcher, "2", *words, "1200", cwd=tmp_path)
    assert "stopped after step 1200" in stopped.stdout, stopped.stderr
    short = (EXAMPLE / "run.nml").read_text().replace("n_steps = 6000", "n_steps = 3000")
    (tmp_path / "run.nml").write_text(short)
    resumed = run(*launcher, "3", *words[:2], "run.nml", cwd=tmp_path)
    assert "resumed after step 1000 on 3 ranks" in resumed.stdout, resumed.stderr
    assert "the same weights on 3 ranks" in resumed.stdout
