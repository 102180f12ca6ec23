"""The skeleton of a host: its own tests pass with both compilers, with networks and without, and notice planted faults."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

import pytest
import torch

import pt2ts

from ..support import run
from .conftest import EXAMPLES, CMake, command

SKELETON = EXAMPLES / "skeleton"
#: A standard compiler without a word to say; gfortran takes names of deferred length for unset where they are not.
STRICT = {"gfortran": "-std=f2018 -pedantic -Wall -Wextra -Werror -Wno-uninitialized"}


def build(configure: CMake, source: Path, folder: Path, fc: str, *options: str) -> Path:
    flags = STRICT.get(fc, "-std=f2018 -pedantic -Werror")
    done = configure(str(source), folder, fc, f"-DCMAKE_Fortran_FLAGS={flags}", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    run("cmake", "--build", folder)
    return folder


def failed(folder: Path) -> set[str]:
    """Run the tests of a build; return those that failed, one word for each."""
    done = command("ctest", "--test-dir", folder, "-j", "2")
    assert re.search(r"tests passed, \d+ tests failed out of (\d+)", done.stdout), done.stdout + done.stderr
    return set(re.findall(r"^\s*\d+ - (\w+) \(", done.stdout, re.MULTILINE))


@pytest.fixture(scope="session")
def with_networks(configure: CMake, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The host of gfortran, which has trained the network that the others are handed."""
    return build(configure, SKELETON, tmp_path_factory.mktemp("skeleton"), "gfortran")


def test_with_networks(fc: str, configure: CMake, with_networks: Path, tmp_path: Path) -> None:
    folder = with_networks
    if fc != "gfortran":
        folder = build(configure, SKELETON, tmp_path, fc, f"-DHANDED_OVER={with_networks / 'heating.nml'}")
    assert failed(folder) == set()


def test_a_run_by_the_scheme_loads_nothing(with_networks: Path) -> None:
    for file, loaded in (("scheme.nml", False), ("heating.nml", True)):
        said = command("env", "LD_DEBUG=files", with_networks / "host", file, cwd=with_networks)
        assert ("libtorch_cpu" in said.stderr) is loaded


def test_machine_learning_switched_off(fc: str, configure: CMake, tmp_path: Path) -> None:
    folder = build(configure, SKELETON, tmp_path, fc, "-DNETWORKS=OFF")
    assert failed(folder) == set()
    assert not re.search(r"libftorch\.|libctorch|libtorch|libc10", run("ldd", folder / "host"))


def test_the_network_is_near_the_scheme(with_networks: Path) -> None:
    both = command(with_networks / "host", SKELETON / "run.nml", "heating.nml", "both.nml", cwd=with_networks).stdout
    rows = re.findall(r"^ +(\d+) +(-?\d+\.\d+) +(\d+\.\d+)$", both, re.MULTILINE)
    assert [int(level) for level, _, _ in rows] == list(range(1, 21))
    assert all(0 < float(rms) < 0.1 for _, _, rms in rows), both


#: Faults of a host, and which of its tests see them.
FAULTS = (
    ("host.f90", "if (without_network == 'scheme') then", "if (without_network /= '') then",
     {"no_network", "no_such_source", "other_file", "no_sum"}),
    ("host.f90", "read (unit, iostat=status, iomsg=message) first, temperature", "first = 12", {"second_half_is_network"}),
    ("heating.f90", "0.0_real64, stat == 0)", "0.0_real64, stat == 0)\n heat = heat + difference", {"both_is_scheme"}),
    ("heating.f90", "sha256=options%sha256, ", "", {"other_file"}),
)  # fmt: skip


def test_the_tests_of_the_host_can_fail(configure: CMake, with_networks: Path, tmp_path: Path) -> None:
    expected = set()
    shutil.copytree(SKELETON, tmp_path / "skeleton")
    for file, right, wrong, seen in FAULTS:
        source = tmp_path / "skeleton" / file
        assert source.read_text().count(right) == 1
        source.write_text(source.read_text().replace(right, wrong))
        expected |= seen
    folder = build(configure, tmp_path / "skeleton", tmp_path / "build", "gfortran",
                   f"-DHANDED_OVER={with_networks / 'heating.nml'}")  # fmt: skip
    assert failed(folder) == expected


class Other(torch.nn.Module):
    """A network that is not what the host needs."""

    def __init__(self, limit: float, factor: float) -> None:
        super().__init__()
        self.limit, self.factor = limit, factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return no number where it is warm."""
        return torch.where(x > self.limit, self.factor * x, 0.01 * x)


#: What is wrong with a network, the lines of the host's namelist, and what it says.
UNFIT = {
    "levels": (Other(400, 1), "temperature[batch,19] float32 K", "", "expected float32 [batch, 19], got float64 [1, 20]"),
    "name": (Other(400, 1), "pressure[batch,20] float32 Pa", "", "the network is not one that makes heating of temperature"),
    "always": (Other(0, float("nan")), "temperature[batch,20] float32 K", "", "something that is no number"),
    "late": (Other(295, float("nan")), "temperature[batch,20] float32 K 200..290", "", "something that is no number"),
    "late, scheme": (
        Other(295, float("nan")),
        "temperature[batch,20] float32 K 200..290",
        "without_network = 'scheme'",
        "no number",
    ),
}


@pytest.mark.filterwarnings("ignore:output 1")
def test_networks_that_do_not_fit(with_networks: Path, tmp_path: Path) -> None:
    for case, (network, declared, words, message) in UNFIT.items():
        pt2ts.export(network, None, tmp_path / "other.pt", inputs=[declared], outputs=["heating K/day"])
        digest = hashlib.sha256((tmp_path / "other.pt").read_bytes()).hexdigest()
        (tmp_path / "other.nml").write_text(
            f"&run_nml {words} /\n&heating_nml physics%source='network', physics%network='other.pt', physics%sha256='{digest}' /\n"
        )
        done = command(with_networks / "host", "other.nml", cwd=tmp_path)
        assert message in done.stderr, case + done.stderr
        assert done.returncode == (0 if words else 1), case
        assert ("blocks were left to the scheme" in done.stdout) is bool(words), case
