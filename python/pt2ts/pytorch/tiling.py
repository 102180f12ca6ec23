"""Which loops PyTorch's compiler cuts into tiles, without the choice for which it writes code that spoils memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .private import part_of, private


@contextmanager
def safe_tiles() -> Iterator[None]:
    """Within the block no sum is cut into tiles over two loops that have another one between them.

    What is left of the outer loop would be stored as a whole vector, past the end of the result (PyTorch's issue 196681, open when
    2.13 came out). There is no option for it. One of the loops is cut then, the inner one.
    """
    chooser = private("torch._inductor.codegen.cpp.TilingSelect")
    theirs = part_of(chooser, "select_tiling")

    def ours(self: Any, functions: Any, sizes: Sequence[Any]) -> Any:
        factors, loops, *more = theirs(self, functions, sizes)
        if len(loops) == 2 and loops[1] > loops[0] + 1 and any(summed for _, summed in sizes):
            factors, loops = factors[1:], loops[1:]
        return factors, loops, *more

    chooser.select_tiling = ours
    try:
        yield
    finally:
        chooser.select_tiling = theirs
