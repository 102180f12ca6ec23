"""Example 09: the same bits on 1, 2 and 4 ranks wherever the network is computed; a difference is noticed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from .conftest import EXAMPLES, command

Configure = Callable[..., "CompletedProcess[str]"]
EXAMPLE = EXAMPLES / "09_parallel_columns"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, configure: Configure) -> Path:
    """The example by gfortran, which reads mpi_f08; a network that has learnt little is as good."""
    folder = tmp_path_factory.mktemp("parallel_columns")
    done = configure("09_parallel_columns", folder, "gfortran", "-DSTEPS=12", "-DMPI_Fortran_COMPILER=mpifort.openmpi",
                     "-DMPI_C_COMPILER=mpicc.openmpi", "-DMPIEXEC_EXECUTABLE=/usr/bin/mpirun.openmpi")  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_all_ways_give_the_same_bits(built: Path) -> None:
    done = command("cmake", "--build", built, "--target", "demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASSED, the same bits in 10 runs" in done.stdout
    assert (built / "scaling.png").read_bytes()[:4] == b"\x89PNG"
    off = float(done.stdout.partition("has not seen: off by ")[2].split()[0])
    assert off < 0.3, "K/day"


def test_a_difference_is_noticed(built: Path) -> None:
    """Planted: fields that differ in their last number."""
    script = (EXAMPLE / "scaling.py").read_text()
    wrong = script.replace("sha256(result.read_bytes())", "sha256(result.read_bytes() + bytes(ranks == 2))")
    assert wrong != script
    (built / "wrong.py").write_text(wrong)
    words = ("--steps", "2", "--launcher", "mpirun.openmpi")
    done = command(sys.executable, built / "wrong.py", built / "atmosphere", built / "heating.pt2", *words, cwd=built)
    assert done.returncode == 1
    assert "FAILED: the temperatures differ: local 1" in done.stderr


def test_a_mode_that_is_none(built: Path) -> None:
    (built / "wrong.nml").write_text(f"&run mode = 'remote', model = '{built / 'heating.pt2'}' /\n")
    done = command("mpirun.openmpi", "--oversubscribe", "--allow-run-as-root", "-n", "2", built / "atmosphere", built / "wrong.nml")
    assert done.returncode != 0
    assert "mode is none of local, pool, hybrid, servers" in done.stderr
