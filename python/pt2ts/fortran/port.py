"""One argument of a module that is written: the contract's words about it in Fortran's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..contract.ranges import range_text
from ..contract.spec import Shape, TensorSpec
from .kinds import Elements
from .text import clean

_LETTERS = "ijklmn"


@dataclass(frozen=True)
class Port:
    """One argument of ``run``.

    Attributes
    ----------
    spec
        The contract's words about it.
    name
        Its name in Fortran.
    elements
        Its Fortran type.
    reversed
        Whether its dimensions run the other way round than the model's.
    batched
        Whether its first dimension in the model is the batch, which the form for one sample leaves out.
    is_input
        Whether it is an input.
    converted
        Whether its values are converted on the way.
    """

    spec: TensorSpec
    name: str
    elements: Elements
    reversed: bool
    batched: bool
    is_input: bool
    converted: bool

    @property
    def rank(self) -> int:
        """Number of dimensions in the model."""
        return len(self.spec.shape)

    def order(self, sample: bool = False) -> str:
        """Return the argument ``permute_dims`` as Fortran writes it; empty where tensor and array have the same order."""
        rank = len(self.dims(sample))
        return str(list(range(rank, 0, -1))) if self.reversed and rank > int(sample) else ""

    def dims(self, sample: bool = False) -> Shape:
        """Return the extents of the array, in Fortran's order."""
        dims = self.spec.shape[1:] if sample and self.batched else self.spec.shape
        return tuple(reversed(dims)) if self.reversed else dims

    def declaration(self, sample: bool = False) -> str:
        """Return the declaration of the dummy argument."""
        # One sample is small: the compiler copies a section of it, and levels that run backwards are as good as others.
        intent = "in" if self.is_input else "inout"
        contiguous = ", contiguous" if sample and self.batched and self.dims(sample) else ""
        return f"{self.elements.declaration}, intent({intent}), target{contiguous} :: {self.name}{self.colons(sample)}"

    def plain_declaration(self) -> str:
        """Return the declaration of the dummy argument of a procedure of the program."""
        return f"{self.elements.declaration}, intent({'in' if self.is_input else 'inout'}) :: {self.name}{self.colons()}"

    @property
    def batch_dim(self) -> int:
        """Which dimension of the array the batch is."""
        return self.rank if self.reversed else 1

    def section(self, samples: str) -> str:
        """Return the subscripts of some samples: ``:, chosen``."""
        return self._in_order(samples, [":"] * (self.rank - 1))

    def extents(self, samples: str) -> str:
        """Return what the extents must be: symbols other than the batch are as long as they are."""
        dims = self.dims()
        own = [str(size) if isinstance(size, int) else f"size({self.name}, {n})" for n, size in enumerate(dims, 1)]
        del own[self.batch_dim - 1]
        return self._in_order(samples, own)

    def _in_order(self, samples: str, others: Sequence[str]) -> str:
        return ", ".join([*others, samples] if self.reversed else [samples, *others])

    def colons(self, sample: bool = False) -> str:
        """Return the shape of the dummy argument as it is declared: ``(:, :)``."""
        rank = len(self.dims(sample))
        return f"({', '.join(':' * rank)})" if rank else ""

    def meaning(self, sample: bool = False) -> str:
        """Return what the argument is, with the place of every index."""
        dims = self.dims(sample)
        letters = list(_LETTERS[: len(dims)]) if len(dims) <= len(_LETTERS) else [f"i{n}" for n in range(1, len(dims) + 1)]
        places = letters[::-1] if self.reversed else letters
        if sample and self.batched:
            places = ["1", *places]
        tensor = f"the model's {clean(self.spec.name)}{self.spec.shape_text()}"
        if dims:
            extents = ", ".join(map(str, dims))
            here = f"Extents ({extents}): {self.name}({', '.join(letters)}) is element [{', '.join(places)}] of {tensor}"
        elif places:
            here = f"A single number, element [1] of {tensor}"
        else:
            here = f"A single number, {tensor}"
        return ". ".join([here, *self._facts()])

    def _facts(self) -> list[str]:
        spec = self.spec
        facts = [clean(spec.units)] if spec.units else []
        if spec.range is not None:
            facts.append(f"range {range_text(spec.range, digits=10)}")
        if self.converted:
            facts.append(f"{spec.dtype} in the model, converted in each call")
        first = ["; ".join(facts)] if facts else []
        return [text for text in (*first, self.elements.remark, clean(spec.description)) if text]

    @property
    def label(self) -> str:
        """The contract's name in a Fortran string, which has no other characters than those of the standard."""
        name = clean(self.spec.name)
        return name.replace("'", "''") if name.isascii() else self.name

    def batch_extents(self) -> str:
        """Return the extents of a sample as a batch of one: the array's own, and 1 where the batch is."""
        own = [f"size({self.name}, {number})" for number in range(1, self.rank)]
        return ", ".join([*own, "1"] if self.reversed else ["1", *own])
