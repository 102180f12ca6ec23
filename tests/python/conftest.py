"""Compiled packages for the tests: few and small, each compiled once, whichever process asks for it first."""

from __future__ import annotations

import hashlib
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock

import pt2ts
from tests import support
from tests.support import BUILD

from . import package_modules as modules

Recipe = tuple[Callable[[], torch.nn.Module], Any, dict[str, Any]]

#: Name -> module, example inputs, options of `pt2ts.export`.
PACKAGES: dict[str, Recipe] = {
    "column": (
        modules.Column,
        lambda: torch.randn(6, 5),
        {
            "inputs": ["column[batch,5] float32 K"],
            "format": pt2ts.Package(layout="fortran", batch=(1,), fallback=True, threads=1),
        },
    ),
    "mixed": (
        modules.Mixed,
        lambda: (torch.randn(6, 4), torch.arange(6), torch.tensor(2.0)),
        {
            "inputs": ["field", "month int64 0..11", "scale"],
            "dtype": "float64",
            "format": pt2ts.Package(batch=(), threads=1),
            "golden": False,
        },
    ),
    "narrow": (
        modules.Narrow,
        lambda: torch.randn(3, 8),
        {"dtype": "bfloat16", "dynamic_batch": False, "format": pt2ts.Package(isa="native", threads=1)},
    ),
    "tied": (
        modules.Tied,
        lambda: torch.randn(4, 6),
        {"symbols": {"batch": (1, 64)}, "format": pt2ts.Package(batch=(1,), threads=1), "golden": False},
    ),
}


def state() -> str:
    """Return a digest of everything that makes the packages. Those of one state are kept between runs."""
    ours = Path(__file__)
    return support.digest_of(
        *support.sources_of_pt2ts(), ours.read_bytes(), ours.with_name("package_modules.py").read_bytes()
    )  # fmt: skip


@pytest.fixture(scope="session")
def compiled() -> Callable[[str], Path]:
    """Return a function that gives the package of a name; nobody may change that file."""
    folder = BUILD / "packages" / state()
    folder.mkdir(parents=True, exist_ok=True)

    def get(name: str) -> Path:
        path = folder / f"{name}.pt2"
        with FileLock(folder / f"{name}.lock"):
            if not path.exists():
                make, example, options = PACKAGES[name]
                torch.manual_seed(0)
                with warnings.catch_warnings():
                    warnings.simplefilter("error")  # what PyTorch says about itself is not for the user
                    pt2ts.export(make(), example(), path, name=name, **options)
        return path

    return get


@pytest.fixture
def column(compiled: Callable[[str], Path]) -> Path:
    """A network with batch norm: a variant for one column, one for any number, a fallback; Fortran order."""
    return compiled("column")


@pytest.fixture
def mixed(compiled: Callable[[str], Path]) -> Path:
    """Several inputs and outputs of several dtypes, constants of several kinds, float64."""
    return compiled("mixed")


@pytest.fixture
def narrow(compiled: Callable[[str], Path]) -> Path:
    """A network of fixed sizes that computes in bfloat16."""
    return compiled("narrow")


@pytest.fixture
def own_copy(tmp_path: Path) -> Callable[[Path], Path]:
    """Return a function that copies a package to where it may be changed."""
    return lambda path: Path(shutil.copy(path, tmp_path / path.name))


def sha256(path: Path) -> str:
    """Return the digest of a whole file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="session")
def tied(compiled: Callable[[str], Path]) -> Path:
    """Package of a network with a weight of two names, and with a result of a size of its own."""
    return compiled("tied")
