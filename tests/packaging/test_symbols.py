"""The C header, the symbols of the libraries and the bind(C) interfaces of Fortran name the same entries, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from ftorch import Installation, find_compiler

from ..support import run

PLACE = Installation()
PROTOTYPE = re.compile(r"^int32_t (ctorch_\w+)\(([^;]*)\);", re.MULTILINE)
ANNOUNCE = "ctorch_interface_announce"  # of the loader alone: it says what was compiled with the header


def header() -> dict[str, str]:
    """Entries of the installed header, with their arguments."""
    text = "".join(path.read_text() for path in PLACE.include_dir.glob("*.h"))
    return dict(PROTOTYPE.findall(text))


def symbols(library: Path, *kinds: str) -> set[str]:
    """Dynamic symbols of some kinds, T for defined functions and U for undefined ones."""
    lines = (line.split() for line in run("nm", "-D", library).splitlines())
    return {words[-1].partition("@")[0] for words in lines if words[-2] in kinds}


def test_header_has_entries() -> None:
    assert len(header()) > 50


def test_loader_exports_the_header() -> None:
    assert symbols(PLACE.c_library, *"TDBRVW") == {*header(), ANNOUNCE}


def test_implementation_exports_the_header_and_what_the_loader_asks() -> None:
    ours = {name for name in symbols(PLACE.library_dir / "libctorch_torch.so", *"TDBR") if name.startswith("ctorch_")}
    asked = {f"ctorch_implementation_{what}" for what in ("torch_version", "interface", "start")}
    assert ours == {*header(), *asked}


def test_fortran_interfaces() -> None:
    for_fortran = {name for name, arguments in header().items() if "ctorch_array" not in arguments}
    for variant in ("results-finalized", "results-kept"):
        source = (PLACE.source_dir / "src" / variant / "ftorch_capi.f90").read_text()
        assert set(re.findall(r"^\s*function (ctorch_\w+)", source, re.MULTILINE)) == for_fortran


def test_fortran_library_calls_only_the_header(fc: str) -> None:
    library = PLACE.fortran_library(find_compiler(fc).tag)
    called = {name for name in symbols(library, "U") if name.startswith("ctorch_")}
    assert called
    assert called <= {*header(), ANNOUNCE}
