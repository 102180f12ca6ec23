"""Operations in their parts, where PyTorch has shorter ways that hide what is inside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from .quiet import quiet


@contextmanager
def plain_attention() -> Iterator[None]:
    """Let attention be computed as it is written, in its parts.

    Its fast paths are opaque operations; one of them counts as random even without dropout.
    """
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)


@contextmanager
def plain_products() -> Iterator[None]:
    """Let every product be an operation of its own: those of attention, and those of recurrent layers."""
    with quiet(), plain_attention(), torch.backends.mkldnn.flags(enabled=False):  # it warns of a setting that it does not have
        yield
