"""The wrapped façade, built once, and the rule that no test leaves a handle behind."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest

from .wrapping import load_facade


@pytest.fixture(scope="session")
def facade() -> ModuleType:
    """Return the extension module."""
    return load_facade()


@pytest.fixture(autouse=True)
def nothing_is_left(facade: ModuleType) -> Iterator[None]:
    """Fail a test after which tensors or models are alive."""
    yield
    count = np.zeros(1, dtype=np.int64)
    facade.f90wrap_facade__live_handles(count=count)
    assert count[0] == 0
