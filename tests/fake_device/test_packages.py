"""Compiled packages on a device: the code for it, the TorchScript form where there is none, and what is refused."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import torch

import pt2ts

from ..fortran.package_files import FALLBACK, compiled, read, variant, write
from ..support import BuildFortran
from .library import flags_for_fake_device
from .test_fake_device import HERE, NEEDS_GRAPHS, Linear

#: What PyTorch calls a device of this kind.
FAKE = "privateuseone"


@pytest.fixture(scope="session")
def program(fc: str, build_fortran: BuildFortran) -> Path:
    return build_fortran(HERE / "packages.f90", compiler=fc, flags=("-g", *flags_for_fake_device()))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("fake_packages")
    x = torch.arange(10.0).reshape(2, 5)
    whole = made / "linear.pt2"
    pt2ts.export(Linear(), x, whole, inputs=["x[batch,5]"], outputs=["y"], format=pt2ts.Package(fallback=True))
    members, spec = read(whole)
    code = compiled("device", Linear(), (x,), {"x": {0: torch.export.Dim("batch", min=2, max=1024)}})
    script = members.pop(FALLBACK)
    for_cpu = [item for item in spec["variants"] if item["kind"] != "torchscript"]
    (fallback,) = (item for item in spec["variants"] if item["kind"] == "torchscript")

    def package(name: str, *more: object, files: dict[str, bytes]) -> None:
        write(made / f"{name}.pt2", {**members, **files}, {**spec, "variants": [*for_cpu, *more]})

    for_device = variant("device", "aoti", sizes={"batch": [2, 1024]}, device=FAKE)
    package("compiled", for_device, files=code)
    package("other", {**for_device, "device": "cuda"}, fallback, files={**code, FALLBACK: script})
    package("host", files={})
    for name, more in {"sm_80": [], "sm_90": [], "compute_80": [], "sm_70": ["sm_86"]}.items():
        package(name, {**for_device, "architectures": [name, *more]}, files=code)
    return made


def outcome(program: Path, folder: Path, scenario: str, file: str, generation: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **({"FAKE_GENERATION": generation} if generation else {})}
    words = [str(program), scenario, file]
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False)


@pytest.mark.parametrize(
    ("scenario", "file", "generation"),
    [
        ("compiled", "compiled", ""),
        ("compiled", "sm_80", "86"),
        ("compiled", "compute_80", "90"),
        ("compiled", "sm_70", "86"),
        ("compiled", "sm_90", ""),  # nobody knows what the device is
        ("script", "other", ""),
        pytest.param("graphs", "compiled", "", marks=NEEDS_GRAPHS),
    ],
)
def test_a_package_computes_on_its_device(program: Path, folder: Path, scenario: str, file: str, generation: str) -> None:
    done = outcome(program, folder, scenario, f"{file}.pt2", generation)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "computed right\n"


@pytest.mark.parametrize(
    ("file", "generation", "words"),
    [
        ("host", "", f"has no code for {FAKE}:0, which argument 'device_type' asks for: it has code for cpu; export"),
        ("sm_90", "86", "variant 'device' is for sm_90, and the device is sm_86"),
        ("sm_80", "90", "variant 'device' is for sm_80, and the device is sm_90"),
        ("compute_80", "75", "variant 'device' is for compute_80, and the device is sm_75"),
    ],
)
def test_code_for_something_else_is_refused(program: Path, folder: Path, file: str, generation: str, words: str) -> None:
    done = outcome(program, folder, "refused", f"{file}.pt2", generation)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("4 torch_model_load: ")
    assert words in done.stdout
    assert "; export it for this device (pt2ts export --device), or with a form for all of them (--with-fallback)" in done.stdout
