"""The library in a plug-in of a program that knows nothing of it: opened for itself alone, by ctypes, as a module of f2py."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from ftorch import Installation

from ..fortran.model_files import Linear
from ..support import known_compiler, printed_flags, run, write_script

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """File of a network, and what the plug-in must answer."""
    network = Linear().eval()
    path = tmp_path_factory.mktemp("model") / "linear.pt"
    write_script(torch.jit.script(network), path)
    return path, f"{network(torch.ones(2, 5)).sum().item():.6f}"


@pytest.fixture(scope="module")
def plug_in(fc: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that does not know where this one is: the environment must say so."""
    folder = tmp_path_factory.mktemp("plug_in")
    library = folder / "plug_in.so"
    link = [word for word in printed_flags(fc, "--ldflags") if "-rpath" not in word]
    run(fc, "-shared", "-fPIC", *printed_flags(fc, "--fflags"), HERE / "plug_in.f90", *link, "-o", library, cwd=folder)
    return library


def found_from(folder: Path, fc: str) -> dict[str, str]:
    """An environment in which the libraries are found by paths relative to a folder."""
    place = Installation()
    libraries = (place.library_dir, place.fortran_library_dir(known_compiler(fc).tag))
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(os.path.relpath(path, folder) for path in libraries)}


def test_opened_by_a_relative_path_and_called_elsewhere(fc: str, plug_in: Path, model: tuple[Path, str], tmp_path: Path) -> None:
    host = tmp_path / "host"
    run("gcc", HERE / "plug_in_host.c", "-o", host, "-ldl")
    folder = plug_in.parent
    assert run(host, f"./{plug_in.name}", model[0], cwd=folder, env=found_from(folder, fc)) == f"{model[1]}\n"


@pytest.mark.parametrize("first", ["", "import torch"], ids=["alone", "torch_imported"])
def test_ctypes(fc: str, plug_in: Path, model: tuple[Path, str], first: str) -> None:
    path, answer = model
    program = f"""{first}
import ctypes, os
library = ctypes.CDLL({f"./{plug_in.name}"!r})
os.chdir("/")
total = ctypes.c_double()
library.answer_for_c({str(path).encode()!r}, {len(str(path))}, ctypes.byref(total))
print(f"{{total.value:.6f}}")
"""
    assert run(sys.executable, "-c", program, cwd=plug_in.parent, env=found_from(plug_in.parent, fc)) == f"{answer}\n"


@pytest.mark.parametrize("first", ["", "import torch"], ids=["alone", "torch_imported"])
def test_module_of_f2py(fc: str, model: tuple[Path, str], tmp_path: Path, first: str) -> None:
    signature = (HERE / "plug_in.f90").read_text().partition("end subroutine answer\n")
    source = tmp_path / "answers.f90"
    source.write_text(signature[0] + signature[1])
    run(sys.executable, "-m", "numpy.f2py", source, "-m", "answers", cwd=tmp_path)
    runtime = Path(np.__file__).parent / "f2py" / "src"
    include = run(f"{sys.executable}", "-c", "import sysconfig; print(sysconfig.get_path('include'))").strip()
    flags = ("-c", "-fPIC", f"-I{include}", f"-I{np.get_include()}", f"-I{runtime}")
    run("gcc", *flags, tmp_path / "answersmodule.c", runtime / "fortranobject.c", cwd=tmp_path)
    objects = (tmp_path / "answersmodule.o", tmp_path / "fortranobject.o")
    module = tmp_path / "answers.so"
    run(fc, "-shared", "-fPIC", *printed_flags(fc, "--fflags"), source, *objects, *printed_flags(fc, "--ldflags"), "-o", module)
    path, answer = model
    program = f"{first}\nimport answers\nprint('%.6f' % answers.answer({str(path)!r}))"
    assert run(sys.executable, "-c", program, cwd=tmp_path) == f"{answer}\n"
