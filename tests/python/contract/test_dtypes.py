"""The element types of pt2ts are those of the library's table."""

from __future__ import annotations

import re

import pytest
import torch

from pt2ts.contract.dtypes import DTYPES, dtype_name, name_of
from pt2ts.errors import DeclarationError

from ...support import ROOT


def test_same_as_the_table() -> None:
    labels = re.findall(r"dict\(name=.*label='(\w+)'", (ROOT / "src" / "types" / "dtypes.fypp").read_text())
    assert sorted(labels) == sorted(DTYPES)
    assert all(str(dtype) == f"torch.{name}" for name, dtype in DTYPES.items())


def test_spellings() -> None:
    assert dtype_name("double") == "float64"
    with pytest.raises(DeclarationError, match="unknown dtype 'float8'"):
        dtype_name("float8")
    with pytest.raises(DeclarationError, match="no Fortran counterpart"):
        name_of(torch.empty(1, dtype=torch.uint32))
