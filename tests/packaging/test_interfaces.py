"""The Fortran interfaces that are derived from the C header."""

from __future__ import annotations

import sys
from pathlib import Path

from ftorch import Installation

from ..support import ROOT, run


def test_results_keep_what_the_caller_gave_them(tmp_path: Path) -> None:
    """An entry that fails leaves its results as they were; intent(out) would let compilers drop what was put there before."""
    headers = sorted(Installation().include_dir.glob("ctorch_*.h"))
    made = {name: tmp_path / name for name in ("loader", "names", "fortran")}
    run(
        sys.executable, ROOT / "src" / "bindings" / "generate.py", *headers,
        *(word for name, path in made.items() for word in (f"--{name}", path)),
    )  # fmt: skip
    text = made["fortran"].read_text()
    assert text.count("end function") > 100
    assert "integer(c_int32_t), intent(inout) :: count" in text
    assert "intent(out)" not in text
