"""Products of float32 matrices: PyTorch's setting for devices, and seeing each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch

from .private import private

_ATEN = torch.ops.aten

#: Operations that devices carry out in TensorFloat-32 where they may, and which arguments are the factors.
FACTORS: Mapping[Any, tuple[int, int]] = {
    _ATEN.mm: (0, 1), _ATEN.addmm: (1, 2), _ATEN.bmm: (0, 1), _ATEN.baddbmm: (1, 2), _ATEN.addbmm: (1, 2),
    _ATEN.convolution: (0, 1), _ATEN.linear: (0, 1),
}  # fmt: skip


def with_factors(change: Callable[[torch.Tensor], torch.Tensor]) -> AbstractContextManager[Any]:
    """Return a mode in which the factors of every product are changed before it is computed."""
    base = private("torch.utils._python_dispatch.TorchDispatchMode")

    def dispatch(_: Any, function: Any, __: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None) -> Any:
        places = FACTORS.get(function.overloadpacket, ())
        return function(*(change(item) if at in places else item for at, item in enumerate(args)), **(kwargs or {}))

    mode: AbstractContextManager[Any] = type("Products", (base,), {"__torch_dispatch__": dispatch})()
    return mode


@contextmanager
def allowed_in_tf32(wanted: bool) -> Iterator[None]:
    """Let devices multiply in TensorFloat-32 or not, as long as the ``with`` block lasts; compiled code keeps what it finds."""
    switches: tuple[Any, ...] = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [switch.allow_tf32 for switch in switches]
    try:
        for switch in switches:
            switch.allow_tf32 = wanted
        yield
    finally:
        for switch, value in zip(switches, before, strict=True):
            switch.allow_tf32 = value
