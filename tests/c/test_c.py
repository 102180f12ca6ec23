"""The C interface from C: the header is C99, and no misuse does more than return a status and a message."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import torch

import pt2ts

from ..support import printed_flags

HERE = Path(__file__).resolve().parent
STRICT = ("-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror")


def compiled(source: Path, program: Path, *extra: str) -> subprocess.CompletedProcess[str]:
    """Compile a C program and link it to libctorch only: neither libtorch nor a Fortran compiler's library."""
    link = [word for word in printed_flags("gfortran", "--ldflags") if word != "-lftorch"]
    command = [
        "gcc",
        *STRICT,
        "-g",
        *extra,
        *printed_flags("gfortran", "--cflags"),
        str(source),
        *link,
        "-lctorch",
        "-o",
        str(program),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


class Linear(torch.nn.Module):
    """y[i] = i + sum(x), exact."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(5, 3)
        with torch.no_grad():
            self.layer.weight.fill_(1)
            self.layer.bias.copy_(torch.arange(3.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.layer(x)
        return y


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("c") / "linear.pt"
    pt2ts.export(Linear(), torch.ones(2, 5), path)
    return path


@pytest.mark.parametrize("header", ["ctorch.h", "ctorch_types.h"])
@pytest.mark.parametrize("compiler", [("gcc", "-std=c99"), ("g++", "-std=c++17", "-xc++")], ids=["c99", "c++17"])
def test_header_stands_alone(tmp_path: Path, header: str, compiler: tuple[str, ...]) -> None:
    source = tmp_path / "header.c"
    source.write_text(f'#include "{header}"\n#include "{header}"\nint main(void) {{ return CTORCH_SUCCESS; }}\n')
    command = [*compiler, *STRICT[1:], *printed_flags("gfortran", "--cflags"), "-fsyntax-only", str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_misuse(tmp_path: Path, model: Path) -> None:
    program = tmp_path / "misuse"
    built = compiled(HERE / "misuse.c", program)
    assert built.returncode == 0, built.stderr
    done = subprocess.run([program, model], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.split()[-4]) > 110, "the checks have run"


def test_links_neither_torch_nor_python(tmp_path: Path) -> None:
    program = tmp_path / "misuse"
    assert compiled(HERE / "misuse.c", program).returncode == 0
    libraries = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    assert "libctorch.so" in libraries
    for foreign in ("torch_cpu", "libc10", "libpython", "libgomp", "libgfortran", "libstdc++", "not found"):
        assert foreign not in libraries
