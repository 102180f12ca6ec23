"""For which sizes of the batch the functions of a training are compiled, since no code is best for all of them.

Small products of matrices are loops in the code itself, large ones calls of the matrix library. Which is which goes by the batch
that a program trains with, not by the one that the examples happen to have. So it is with loops that are worth several threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor
from torch.export import ExportedProgram

from ..compile.work import SERIAL, largest_loop, serial_limit
from ..contract.samples import Sizes
from ..contract.spec import Symbol, TensorSpec
from ..contract.variants import UNBOUNDED
from .pieces import SMALL, Pieces

#: Where any size is admitted, code is made with this one in mind.
_LARGE = 4096
#: Code for small batches is made where it serves more than this; a few calls of the library more do not matter.
_FEW = 8
#: Numbers that all inputs and targets together have then, at most: it is made of real tensors.
_MOST = 1 << 22


@dataclass(frozen=True)
class Form:
    """One way in which a function is compiled.

    Attributes
    ----------
    suffix
        What the name of the variant has behind that of the function.
    size
        The size of the batch in the examples that it is recorded with; None where it is given by them.
    limits
        Smallest and largest size for which it is meant; None for every one.
    fixed
        Whether ``size`` is built into the code.
    threads
        As many threads as that; 0 for as many as the host allows.
    """

    suffix: str = ""
    size: int | None = None
    limits: tuple[int, int] | None = None
    fixed: bool = False
    threads: int = 0

    def sizes(self, batch: str | None) -> dict[str, tuple[int, int]]:
        """Return what the contract says about the sizes."""
        return {} if batch is None or self.limits is None else {batch: self.limits}

    def loop_threads(self, program: ExportedProgram, symbol: Symbol | None) -> int:
        """Return on how many threads its loops run: one where the longest is short, which a start of all threads would outlast."""
        longest_is_known = symbol is None or self.limits is not None or self.size == symbol.max
        return self.threads or int(longest_is_known and largest_loop(program) <= SERIAL)

    def specs(self, batch: str | None, specs: Sequence[TensorSpec]) -> tuple[TensorSpec, ...]:
        """Return declarations in which a size that is built in is a number."""
        if not self.fixed or batch is None or self.size is None:
            return tuple(specs)
        size = self.size
        return tuple(replace(spec, shape=tuple(size if item == batch else item for item in spec.shape)) for spec in specs)


def fixed_forms(sizes: Sequence[int], threads: int) -> list[Form]:
    """Return the forms of the sizes that were asked for."""
    return [Form(f"_{size}", size, (size, size), fixed=True, threads=threads) for size in sorted(set(sizes))]


def general_form(batch: str, tensors: Sequence[Tensor], sizes: Sizes, symbol: Symbol, threads: int) -> Form:
    """Return the form for any size, which is made for large ones."""
    each = sum(tensor.numel() for tensor in tensors) // max(1, sizes[batch])
    size = max(sizes[batch], min(_LARGE, _MOST // max(1, each)))
    return Form(size=min(size, symbol.max or size), threads=threads)


def small_form(general: Form, symbol: Symbol, met: Pieces) -> Form | None:
    """Return the form in which all products are loops, None where there are none or nothing but loops anyway.

    ``met`` is what recording the form for any size has met.
    """
    size = general.size or 0
    if not met.largest:
        return None
    limit = size * SMALL // met.largest
    if limit >= size or limit < max(_FEW, symbol.min):
        return None
    return Form("_small", limit, (symbol.min, limit), threads=general.threads)


def serial_form(general: Form, symbol: Symbol, program: ExportedProgram, small: Form | None) -> Form | None:
    """Return the form whose loops are too short for threads, None where there is none; ``program`` is that for any size."""
    limit = serial_limit(program, general.size or 0)
    lowest = symbol.min if small is None or small.limits is None else small.limits[1] + 1
    if general.threads or not lowest <= limit < (general.size or 0):
        return None
    return Form("_serial", limit, (symbol.min, limit))


def uncovered(forms: Sequence[Form], symbol: Symbol, tried: Sequence[int]) -> list[int]:
    """Return a size for each form that none of the tried ones reaches."""
    missing = []
    for number, form in enumerate(forms):
        low, high = form.limits or (symbol.min, symbol.max or UNBOUNDED)
        earlier = [other.limits for other in forms[:number] if other.limits is not None]

        def reaches(size: int, low: int = low, high: int = high, earlier: Sequence[tuple[int, int]] = earlier) -> bool:
            return low <= size <= high and not any(first <= size <= last for first, last in earlier)

        if not any(map(reaches, tried)):
            candidates = [low, *(last + 1 for _, last in earlier)]
            missing += [size for size in candidates if reaches(size)][:1]
    return missing
