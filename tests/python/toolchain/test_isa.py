"""Instruction sets: what is compiled for, and what is refused before anything is compiled."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import pt2ts
from pt2ts.toolchain import isa

FLAGS = "fpu sse sse2 pni ssse3 fma cx16 sse4_1 sse4_2 movbe popcnt xsave avx f16c lahf_lm abm bmi1 avx2 bmi2 vaes hypervisor"


@pytest.fixture
def cpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A CPU of which the test says what it can do."""
    path = tmp_path / "cpuinfo"
    path.write_text(f"processor : 0\nmodel name\t: Test\nflags\t\t: {FLAGS}\n")
    monkeypatch.setattr(isa, "_CPUINFO", path)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    return path


def test_levels_contain_each_other(cpu: Path) -> None:
    two, three = isa.find_isa("x86-64-v2"), isa.find_isa("x86-64-v3")
    assert set(two.flags) < set(three.flags)
    assert {"avx2", "fma"} <= set(three.flags)
    assert (three.march, three.simdlen) == ("x86-64-v3", 256)
    assert three.to_dict() == {"name": "x86-64-v3", "machine": "x86_64", "flags": sorted(three.flags)}
    assert cpu.exists()


def test_the_levels_above_are_those_that_this_cpu_runs(cpu: Path) -> None:
    two, three = isa.find_isa("x86-64-v2"), isa.find_isa("x86-64-v3")
    assert [level.name for level in isa.wider_isas(two)] == ["x86-64-v3"]
    assert isa.wider_isas(three) == isa.wider_isas(isa.find_isa("native")) == ()
    cpu.write_text(f"flags : {FLAGS} avx512f avx512bw avx512cd avx512dq avx512vl\n")
    assert [(level.name, level.suffix) for level in isa.wider_isas(two)] == [("x86-64-v4", "_v4"), ("x86-64-v3", "_v3")]
    four = isa.find_isa("x86-64-v4")
    assert pt2ts.Package().wider_sets() == (four,)
    assert pt2ts.Package(isa="x86-64-v3").wider_sets() == ()
    assert isa.best_here([four.to_dict(), three.to_dict(), None], "x86-64-v3") == four
    assert isa.best_here([three.to_dict(), None], "x86-64-v3") == three
    cpu.write_text(f"flags : {FLAGS} avx512f\n")
    assert isa.missing_flags(four.to_dict()) == ("avx512bw", "avx512cd", "avx512dq", "avx512vl")
    assert isa.best_here([four.to_dict(), three.to_dict()], "x86-64-v3") == three
    assert pt2ts.Package().wider_sets() == ()
    assert isa.missing_flags(None) == ()


def test_native_asks_for_what_this_cpu_has_and_compilers_use(cpu: Path) -> None:
    native = isa.find_isa("native")
    assert native.march == "native"
    assert {"vaes", "avx2"} <= set(native.flags)
    assert not {"fpu", "hypervisor"} & set(native.flags)
    assert not native.missing()
    cpu.write_text("flags : sse2\n")
    assert "avx2" in native.missing()


@pytest.mark.usefixtures("cpu")
def test_what_this_cpu_lacks_is_named() -> None:
    with pytest.raises(pt2ts.DeclarationError, match=r"lacks avx512bw, avx512cd.*could not be checked here"):
        isa.find_isa("x86-64-v4")


def test_torchscript_files_ask_for_nothing(cpu: Path, tmp_path: Path) -> None:
    cpu.write_text("flags : sse2\n")
    pt2ts.export(torch.nn.Linear(2, 2), torch.ones(3, 2), tmp_path / "m.pt")
    with pytest.raises(pt2ts.DeclarationError, match="isa is 'x86-64-v3', but this CPU lacks"):
        pt2ts.export(torch.nn.Linear(2, 2), torch.ones(3, 2), tmp_path / "m.pt2")


def test_unknown_names_and_machines(cpu: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(pt2ts.DeclarationError, match="isa is 'avx2', which is no known instruction set"):
        isa.find_isa("avx2")
    assert isa.default_isa() == "x86-64-v3"
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert isa.default_isa() == "native"
    with pytest.raises(pt2ts.DeclarationError, match="this machine is aarch64"):
        isa.find_isa("x86-64-v3")
    cpu.write_text("Features : fp asimd\n")
    assert isa.find_isa("native").flags == ("asimd", "fp")
    cpu.write_text("nothing\n")
    with pytest.raises(pt2ts.DeclarationError, match="does not list what this CPU can do"):
        isa.find_isa("native")
