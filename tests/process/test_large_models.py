"""Memory that large models take: of loading at its peak, of exporting, and how they lie in files."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import pt2ts
from pt2ts.container import package
from pt2ts.contract.spec import Spec
from pt2ts.contract.variants import Variant

from ..fortran import package_files
from ..support import BuildFortran

HERE = Path(__file__).resolve().parent

#: Widths of one linear layer with a weight of 105 MB, 1 GB, 3 GB.
WIDTHS = (5120, 16384, 28160)

#: The bars, in parts of the weights, and what does not grow with them (the first call, tables), in MB.
LOADED, EXPORTED, CONSTANT = 1.15, 3, 16


class Models:
    """The model files of one width, of the two formats, made when they are asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, width: int, form: str) -> Path:
        path = self.folder / f"{width}.{form}"
        if not path.exists():
            net = torch.nn.Linear(width, width).eval()
            script = path.with_suffix(".pt")
            spec = pt2ts.export(net, torch.zeros(2, width), script, golden=False)
            if form != "pt":
                if width > WIDTHS[0]:
                    script.unlink()
                write_package(path, net, spec, aligned=form == "pt2")
        return path


def write_package(path: Path, net: torch.nn.Linear, spec: Spec, *, aligned: bool) -> None:
    width = net.in_features
    batch = torch.export.Dim("batch", min=2, max=1024)
    code = package_files.compiled(f"linear{width}", net, (torch.zeros(2, width),), {"input": {0: batch}})
    blob, weights = package.pack_weights(list(net.state_dict().items()), frozenset(("weight", "bias")))
    spec = replace(spec, kind="inference", weights=weights, variants=(Variant(f"linear{width}", "aoti", isa=package_files.ISA),))
    with path.open("wb") as file:
        package.save(file, {package.WEIGHTS: blob, **code}, spec)
    if not aligned:  # as another zip program leaves it
        with zipfile.ZipFile(path) as archive:
            members = {item: archive.read(item) for item in archive.namelist()}
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return Models(tmp_path_factory.mktemp("large"))


@pytest.fixture(scope="module")
def loads(fc: str, build_fortran: BuildFortran) -> Path:
    return build_fortran(HERE / "loads.f90", compiler=fc, flags=("-g",))


def peak(loads: Path, models: Models, width: int, form: str) -> tuple[float, float, str]:
    """Return what loading takes at its peak and afterwards, in parts of the weights, and how the file is used."""
    small, big = models.file(512, form), models.file(width, form)
    done = subprocess.run(
        [loads, "peak", small.name, big.name], cwd=models.folder, capture_output=True, text=True, check=False, timeout=3000
    )
    assert done.returncode == 0, done.stderr
    most, resident, how = done.stdout.split()
    weights = 4 * width * width
    return 1024 * int(most) / weights, 1024 * int(resident) / weights, how


@pytest.mark.parametrize("form", ["pt", "pt2", "other.pt2"])
def test_loading_takes_the_weights_once(loads: Path, models: Models, form: str) -> None:
    most, resident, how = peak(loads, models, WIDTHS[0], form)
    assert 0.9 < resident <= most < LOADED, (resident, most)
    assert how == "private", "what others may write is no part of the memory"


@pytest.mark.parametrize("form", ["pt2"])
def test_a_large_file_that_nobody_writes_is_shared(loads: Path, models: Models, form: str) -> None:
    file = models.file(WIDTHS[0], form)
    file.chmod(0o444)
    try:
        most, _, how = peak(loads, models, WIDTHS[0], form)
    finally:
        file.chmod(0o644)
    assert most < LOADED
    assert how == "mapped"


@pytest.mark.long
@pytest.mark.parametrize("form", ["pt", "pt2"])
@pytest.mark.parametrize("width", WIDTHS[1:], ids=["1GB", "3GB"])
def test_loading_a_very_large_one(loads: Path, models: Models, width: int, form: str) -> None:
    try:
        most, resident, _ = peak(loads, models, width, form)
        assert 0.9 < resident <= most < LOADED, (resident, most)
        with zipfile.ZipFile(models.file(width, form)) as archive, models.file(width, form).open("rb") as file:
            for item in archive.infolist():
                file.seek(item.header_offset + 26)
                lengths = file.read(4)
                start = item.header_offset + 30 + sum(int.from_bytes(lengths[i : i + 2], "little") for i in (0, 2))
                assert start % 64 == 0, item.filename
    finally:
        models.file(width, form).unlink(missing_ok=True)


EXPORT = """
    import gc, sys, torch, pt2ts

    def of_this_process(key):
        with open("/proc/self/status") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024

    def export(width, path):
        net = torch.nn.Sequential(*(torch.nn.Linear(width, width) for _ in range(4)))
        gc.collect()
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        before = of_this_process("VmRSS:")
        pt2ts.export(net, torch.ones(2, width), path, format=pt2ts.Package(batch=()) if path.endswith("2") else None)
        return of_this_process("VmHWM:") - before

    small = export(32, "small." + sys.argv[1])
    print(small, export(int(sys.argv[2]), "big." + sys.argv[1]))
"""


@pytest.mark.parametrize(
    ("form", "width"),
    # What else an export takes differs by 100 MB from run to run, with PyTorch's compiler in the process.
    [("pt", 2560), pytest.param("pt2", 8192, marks=pytest.mark.long)],
)
def test_exporting_takes_three_times_the_weights(tmp_path: Path, form: str, width: int) -> None:
    """The module itself is there before."""
    line = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(EXPORT), form, str(width)]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=3000)
    assert done.returncode == 0, done.stderr
    _, most = (float(word) for word in done.stdout.split())
    (tmp_path / f"big.{form}").unlink()
    assert most - CONSTANT < EXPORTED * 4 * 4 * width * width / 2**20
