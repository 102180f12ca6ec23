"""TensorFloat-32 by the contract of a model: what the device is allowed while it multiplies, and what is set afterwards."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import torch

import pt2ts

from .. import training_files
from ..fortran.package_files import compiled, read, variant, write
from ..support import BuildFortran
from .library import flags_for_fake_device
from .test_fake_device import HERE, Linear
from .test_packages import FAKE
from .test_trainers import with_code_for


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("fake_products")
    x = torch.arange(10.0).reshape(2, 5)
    pt2ts.export(Linear(), x, made / "linear.pt", inputs=["x[batch,5]"])
    pt2ts.export(Linear(), x, made / "tf32.pt", inputs=["x[batch,5]"], precision="tf32")
    package = pt2ts.Package(batch=())
    pt2ts.export(Linear(), x, made / "host.pt2", inputs=["x[batch,5]"], precision="tf32", format=package)
    members, spec = read(made / "host.pt2")
    code = compiled("device", Linear(), (x,), {"x": {0: torch.export.Dim("batch", min=2, max=1024)}})
    for_device = variant("device", "aoti", sizes={"batch": [2, 1024]}, device=FAKE)
    write(made / "tf32.pt2", {**members, **code}, {**spec, "variants": [*spec["variants"], for_device]})
    write(made / "trainer.pt2", *with_code_for(FAKE, *read(training_files.training_file("line"))))
    return made


@pytest.mark.parametrize("name", ["contract", "settings", "threads", "learning"])
def test_products(fc: str, build_fortran: BuildFortran, folder: Path, name: str) -> None:
    sources = (HERE / "fake_runtime.f90", HERE / "products.f90")
    program = build_fortran(*sources, compiler=fc, flags=("-g", "-fopenmp", *flags_for_fake_device()))
    done = subprocess.run([program, name], cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "placed right\n"
