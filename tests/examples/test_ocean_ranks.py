"""Example 13 over ranks: the bits of the program without MPI, a network to rounding, and faults that its check must see."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

import pt2ts
from hosts.runs import Host, Verdicts

from ..mpi.jobs import launch, line_to_compile
from ..support import run
from .conftest import EXAMPLES, CMake, command
from .test_hosts import script

EXAMPLE = EXAMPLES / "13_ocean"
#: In the order in which they are compiled.
SOURCES = ("history", "draws", "basin", "strips", "stress", "shallow_water", "closure", "closure_network", "main")


def write_network(path: Path) -> None:
    """Write a closure that has learnt nothing: it looks as far as one that has, and stirs as much."""
    with script("13_ocean", "emulators") as emulators, torch.random.fork_rng():
        torch.manual_seed(1)
        closure = emulators.Closure(torch.tensor([0.1, 0.1, 0.1, 10.0, 10.0])).eval()
        example = (torch.zeros(32, 32), torch.zeros(32, 32), torch.full((32, 32), 500.0), torch.ones(32, 32))
        pt2ts.export(closure, example, path, inputs=list(emulators.INPUTS), outputs=list(emulators.OUTPUTS))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, configure: CMake) -> Path:
    """The programs without MPI and for ranks, by gfortran, which reads mpi_f08."""
    folder = tmp_path_factory.mktemp("ocean_ranks")
    done = configure("13_ocean", folder, "gfortran", "-DCMAKE_BUILD_TYPE=Debug", "-DMPI_Fortran_COMPILER=mpifort.openmpi",
                     "-DMPIEXEC_EXECUTABLE=/usr/bin/mpirun.openmpi")  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    run("cmake", "--build", folder, "--target", "ocean_plain")
    write_network(folder / "closure.pt")  # newer than the program that makes samples: not trained again
    run("cmake", "--build", folder, "--target", "ocean_ranks")
    return folder


def test_ranks_change_no_bits(built: Path) -> None:
    done = command("cmake", "--build", built, "--target", "ranks")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ocean over ranks: PASSED" in done.stdout
    assert done.stdout.count("the same bits as") == 8
    assert done.stdout.count("velocities differ by") == 3


#: Scheme, file, what is written instead of what, and the verdict that must fail.
FAULTS = {
    "thickness": ("none", "shallow_water.f90", "call exchange(g, o%h)", "", "the same bits"),
    "stress": ("zanna_bolton", "closure.f90", "call exchange(g, xy)", "", "of the momentum moved comes from nowhere"),
    "reach": ("network", "main.f90", "reach = 5", "reach = 4", "velocities differ"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_an_exchange_is_seen(fault: str, built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scheme, file, right, wrong, verdict = FAULTS[fault]
    for source in (*EXAMPLE.glob("*.f90"), *(EXAMPLES / "hosts").glob("*.f90"), built / "closure_network.f90"):
        shutil.copy(source, tmp_path)
    text = (tmp_path / file).read_text()
    assert text.count(right) == 1
    (tmp_path / file).write_text(text.replace(right, wrong))
    line = line_to_compile("gfortran", "openmpi", [tmp_path / f"{name}.f90" for name in SOURCES], ("-I/usr/include",))
    run(*line, "-lnetcdff", "-o", tmp_path / "ocean_ranks", cwd=tmp_path)
    with script("13_ocean", "ranks") as ranks:
        alone, verdicts = Host(built / "ocean", tmp_path), Verdicts("test")
        host = Host(tmp_path / "ocean_ranks", tmp_path, launcher=ranks.on_ranks("mpirun.openmpi", 2))
        ranks.judge_scheme(scheme, alone, {2: host}, built / "closure.pt", verdicts)
    assert any(verdict in sentence for sentence in verdicts.failed), capsys.readouterr().out


#: Wrong namelists, the number of ranks, and what is said of them.
WRONG = (
    ("samples = .true.", 2, "samples are made on one rank, here are 2"),
    ("scheme = 'network'", 7, "n is 32; its rows are for at most 6 ranks, here are 7"),
    ("n = 40", 2, "n is 40; it can be a multiple of 32"),
    ("start = 'nothing.nc'", 2, "nothing.nc"),
    ("output = 'no/such/folder.nc'", 2, "no/such/folder.nc"),
)


def test_what_is_wrong_is_said_and_ends_the_job(built: Path, tmp_path: Path) -> None:
    for words, ranks, message in WRONG:
        (tmp_path / "wrong.nml").write_text(f"&run {words} /\n")
        job = launch("openmpi", ranks, built / "ocean_ranks", "wrong.nml", cwd=tmp_path, OMP_NUM_THREADS="1")
        assert job.code == 1, words + job.out + job.err
        assert message in job.err, words + job.err
        assert "Backtrace" not in job.err
