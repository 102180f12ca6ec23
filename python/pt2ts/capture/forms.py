"""The programs of one model: the general one with free sizes, and others for one batch size each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import torch
from torch.export import ExportedProgram

from ..contract.batch import batch_symbol
from ..contract.layout import in_order
from ..contract.samples import Sizes, resize
from ..contract.spec import Symbol, TensorSpec
from ..contract.variants import UNBOUNDED
from ..errors import UnexportableError
from ..pytorch.symbols import ones_like_others
from .program import export_program
from .write_out import written_out

#: torch.export takes a size of 1 in an example for a fixed one.
_SMALLEST_EXAMPLE = 2
#: The compiler guesses from the example how long loops are, so its batch is no tiny one.
_TYPICAL_BATCH = 32

Limits = dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Forms:
    """What the programs of a model are made from.

    Attributes
    ----------
    module
        A module with flat results: made by `flat_module`, or the module of a program.
    flat
        Whether its forward names the inputs one by one (the module of a program does) or takes them as ``*inputs``.
    inputs
        Specs of the inputs, with their memory order.
    examples
        Inputs to cut or repeat.
    sizes
        What size each symbol has in the examples.
    symbols
        Bounds of the symbols of the inputs.
    outputs
        Specs of the outputs.
    """

    module: torch.nn.Module
    flat: bool
    inputs: Sequence[TensorSpec]
    examples: Sequence[torch.Tensor]
    sizes: Sizes
    symbols: Mapping[str, Symbol]
    outputs: Sequence[TensorSpec] = ()

    @property
    def sizes_are_of_inputs(self) -> bool:
        """Whether every size of a result is fixed or that of an input; a kernel writes into memory that is made before it runs."""
        return all(isinstance(size, int) or size in self.symbols for spec in self.outputs for size in spec.shape)

    @property
    def batch(self) -> str | None:
        """The symbol that is the batch, or None."""
        return batch_symbol(self.inputs, self.symbols)

    def admitted(self, sizes: Sequence[int]) -> list[int]:
        """Return those of some batch sizes that the bounds admit; none where there is no batch."""
        return [size for size in sizes if self.batch is not None and self.symbols[self.batch].admits(size)]

    def arguments(self, fixed: Sizes) -> list[torch.Tensor]:
        """Return inputs in their memory order, of the sizes of `argument_sizes`."""
        return in_order(self.inputs, resize(self.inputs, self.examples, self.argument_sizes(fixed)))

    def argument_sizes(self, fixed: Sizes) -> Sizes:
        """Return a size for every symbol; those that are not fixed are all different, and at least 2."""
        taken = {size for spec in self.inputs for size in spec.shape if isinstance(size, int)}
        chosen: Sizes = {}
        for name, size in self.sizes.items():
            bounds = self.symbols[name]
            wanted = max(size, bounds.min, _TYPICAL_BATCH if name == self.batch else _SMALLEST_EXAMPLE)
            free = next(number for number in bounds.from_on(wanted) if number not in taken)
            chosen[name] = fixed.get(name, free if bounds.admits(free) else bounds.nearest(wanted))
            taken.add(chosen[name])
        return chosen

    def general(self) -> tuple[ExportedProgram, Limits]:
        """Return the program with free sizes, and to which sizes it is limited."""
        try:
            return self._program(self.symbols, {}), {}
        except UnexportableError as error:
            # Code that treats a batch of one as something else (squeeze, broadcasting) is often right from two on.
            narrowed = self._from_two_on()
            if narrowed is not None:
                with suppress(UnexportableError):
                    program = self._program({**self.symbols, **narrowed}, {})
                    return program, {name: (bounds.min, bounds.max or UNBOUNDED) for name, bounds in narrowed.items()}
            # A field that becomes a single point somewhere inside is no other case, if it is right when it is tried.
            with suppress(UnexportableError), ones_like_others():
                return self._program(self.symbols, {}), {}
            raise error from error.__cause__

    def _from_two_on(self) -> dict[str, Symbol] | None:
        if self.batch is None:
            return None
        bounds = self.symbols[self.batch]
        return {self.batch: Symbol(2, bounds.max)} if bounds.min == 1 and bounds.max != 1 else None

    def written_out(self) -> Forms:
        """Return the same with a module that consists of plain operations; the one of these forms becomes it."""
        return replace(self, module=written_out(self.module, self.inputs, self.arguments({}), frozenset(self.symbols)))

    def fixed(self, size: int) -> ExportedProgram:
        """Return the program for one batch size; other symbols stay free."""
        batch = str(self.batch)
        return self._program({name: bounds for name, bounds in self.symbols.items() if name != batch}, {batch: size})

    def _program(self, free: Mapping[str, Symbol], fixed: Sizes) -> ExportedProgram:
        return export_program(self.module, self.inputs, self.arguments(fixed), free, flat=self.flat)
