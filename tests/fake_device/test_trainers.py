"""Compiled training on a device: the code of the package for it, the state that lives there, and what is refused."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from .. import training_files
from ..fortran.package_files import Members, read, write
from ..support import BuildFortran
from .library import flags_for_fake_device
from .test_fake_device import HERE
from .test_packages import FAKE

CODE = "data/aotinductor/"


def with_code_for(device: str, members: Members, spec: Mapping[str, Any], **more: Any) -> tuple[Members, dict[str, Any]]:
    """Give a package the code of the CPU a second time, for a device."""
    again = [{**item, "name": f"{item['name']}_{device}", "device": device, **more} for item in spec["variants"]]
    copied = {}
    for name, content in members.items():
        if name.startswith(CODE):
            variant, _, rest = name.removeprefix(CODE).partition("/")
            copied[f"{CODE}{variant}_{device}/{rest}"] = content
    return {**members, **copied}, {**spec, "variants": [*spec["variants"], *again]}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("fake_trainers")
    members, spec = read(training_files.training_file("dropping"))
    write(made / "trainer.pt2", *with_code_for(FAKE, members, spec))
    write(made / "host.pt2", members, spec)
    write(made / "other.pt2", *with_code_for("cuda", members, spec))
    write(made / "sm_90.pt2", *with_code_for(FAKE, members, spec, architectures=["sm_90"]))
    return made


def outcome(program: Path, folder: Path, name: str, generation: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **({"FAKE_GENERATION": generation} if generation else {})}
    line = [str(program), name]
    return subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False)


@pytest.fixture(scope="session")
def program(fc: str, build_fortran: BuildFortran) -> Path:
    sources = (HERE / "fake_runtime.f90", HERE / "trainers.f90")
    return build_fortran(*sources, compiler=fc, flags=("-g", *flags_for_fake_device()))


@pytest.mark.parametrize("name", ["host", "resident", "moves", "settings", "halves", "network", "mistakes"])
def test_training_on_a_device(program: Path, folder: Path, name: str) -> None:
    done = outcome(program, folder, name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "placed right\n"


@pytest.mark.parametrize(
    ("file", "generation", "words"),
    [
        ("host", "", f"has no code for {FAKE}:0, which argument 'device_type' asks for: it has code for cpu; export"),
        ("other", "", f"has no code for {FAKE}:0, which argument 'device_type' asks for: it has code for cpu, cuda; export"),
        ("sm_90", "86", f"cannot run on {FAKE}:0: 'step_"),
    ],
)
def test_code_for_something_else_is_refused(program: Path, folder: Path, file: str, generation: str, words: str) -> None:
    done = outcome(program, folder, f"{file}.pt2", generation)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"4 torch_trainer_load: '{file}.pt2' ")
    assert words in done.stdout
    assert "; export it for this device (pt2ts export-training --device)" in done.stdout
    if generation:
        assert f"is for sm_90, and the device is sm_{generation}" in done.stdout
