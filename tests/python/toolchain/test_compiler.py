"""The C++ compiler: the words of CXX, what a compiler that fails says, and that nothing of it is silent."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

import pt2ts
from pt2ts.doctor import surroundings
from pt2ts.kernels import build_kernel, explain_kernel
from pt2ts.toolchain import compiler as toolchain
from pt2ts.toolchain.isa import default_isa

from ..kernels.host import ISA, program_of, weights_of

SIZES = {"batch": 2}
Network = tuple[torch.export.ExportedProgram, list[tuple[str, torch.Tensor]]]


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def network() -> Network:
    program = program_of(nn.Linear(3, 2), [torch.randn(8, 3)])
    return program, weights_of(program)


def test_a_compiler_of_several_words(network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A launcher before the compiler, as in ``ccache g++``, and options after it."""
    launcher = script(tmp_path / "ccache", f'echo started >> "{tmp_path}/log"\nexec "$@"')
    monkeypatch.setenv("CXX", f"'{launcher}' g++ -DNDEBUG")
    kernel = build_kernel(*network, SIZES, ISA)
    assert kernel is not None, explain_kernel(*network, SIZES, ISA)
    assert (tmp_path / "log").read_text().count("started") >= 1
    assert toolchain.program(toolchain.cxx()) == "g++"
    (finding,) = surroundings.compilers_of_packages({"CXX": f"{launcher} g++"})
    assert str(shutil.which("g++")) in str(finding)
    assert str(launcher) in str(finding)


def test_an_export_with_a_compiler_of_several_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code of PyTorch's generator goes through the launcher as well, and none of it twice."""

    class Entangled(nn.Module):
        """Its samples depend on each other: a kernel takes one size only."""

        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.tanh(self.linear(x - x.amax(0)))

    launcher = script(tmp_path / "ccache", f'echo "$@" >> "{tmp_path}/log"\nexec "$@"')
    monkeypatch.setenv("CXX", f"{launcher} g++")
    format_ = pt2ts.Package(batch=[1], isa=default_isa())
    spec = pt2ts.export(Entangled(), torch.randn(8, 3), tmp_path / "m.pt2", format=format_)
    assert [(variant.name, variant.kind) for variant in spec.variants] == [("b1", "kernel"), ("small", "aoti"), ("model", "aoti")]
    calls = (tmp_path / "log").read_text()
    assert "kernel.cpp" in calls
    # The calls of the model are the same in both variants; their loops are not, with one thread and with many.
    assert calls.count("-c model.cpp") == 3
    assert calls.count("-c part.h") <= 1, "the interface, unless an earlier export has left it"


@pytest.mark.parametrize("word", ["no-such-compiler", "ccache no-such-compiler", "'unfinished"])
def test_no_compiler(word: str, network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path / "ccache", 'exec "$@"')
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("CXX", word)
    name = word.strip("'").split()[-1]
    with pytest.warns(UserWarning, match=name):
        assert build_kernel(*network, SIZES, ISA) is None
    assert name in explain_kernel(*network, SIZES, ISA)
    (finding,) = surroundings.compilers_of_packages({"CXX": word})
    assert name in str(finding)
    with pytest.raises(pt2ts.ExportError, match=name):
        pt2ts.export(nn.Linear(3, 2), torch.randn(8, 3), tmp_path / "m.pt2", format=pt2ts.Package(batch=[1]))
    assert not (tmp_path / "m.pt2").exists()


def test_a_compiler_that_fails(network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only on the kernel's source: the package is written with the other variants, and says so."""
    text = f"""case "$*" in *kernel.cpp*) echo "kernel.cpp:7: error: out of registers" >&2; exit 1;; esac
exec {shutil.which("g++")} "$@" """
    monkeypatch.setenv("CXX", str(script(tmp_path / "g++-99", text)))
    with pytest.warns(UserWarning, match="batch=2.*out of registers"):
        assert build_kernel(*network, SIZES, ISA) is None
    assert "kernel.cpp:7: error: out of registers" in explain_kernel(*network, SIZES, ISA)
    with pytest.warns(UserWarning, match="batch=1.*out of registers"):
        spec = pt2ts.export(nn.Linear(3, 2), torch.randn(8, 3), tmp_path / "m.pt2", format=pt2ts.Package(batch=[1]))
    assert "kernel" not in {variant.kind for variant in spec.variants}
