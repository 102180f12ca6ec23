"""What is known about a model before a file of it is written: the copy that is exported, its contract, and what it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from .._version import __version__
from ..contract.batch import batch_symbol
from ..contract.declare import Declaration, arrange
from ..contract.dtypes import name_of
from ..contract.golden import Golden
from ..contract.samples import Sizes
from ..contract.spec import MAX_SYMBOLS, Spec, Symbol, TensorSpec
from ..contract.structure import Named
from ..errors import DeclarationError, ExportError
from ..report import warn
from .examples import Examples
from .golden import sample
from .layers import describe
from .remarks import remarks
from .request import Request
from .trials import Trial, output_shapes


@dataclass(frozen=True)
class Draft:
    """A model on its way into a file.

    Attributes
    ----------
    module
        The copy in evaluation mode, on the CPU, of the dtype that was asked for.
    examples, sizes
        Example inputs, and what size each symbol has there.
    found
        What the module does: on the examples first, then on other sizes.
    spec
        The contract, as every format has it.
    golden
        The golden sample, or None.
    """

    module: torch.nn.Module
    examples: list[torch.Tensor]
    sizes: Sizes
    found: list[Trial]
    spec: Spec
    golden: Golden | None

    def first_outputs(self) -> Named:
        """Return what the module gives for the examples, by the names of the contract."""
        return [(item.name, tensor) for item, (_, tensor) in zip(self.spec.outputs, self.found[0].outputs, strict=True)]


def make_draft(examples: Examples, found: list[Trial], request: Request) -> Draft:
    """Return the contract of a model, from what is declared and from what its trials have shown."""
    module, input_spec, bounds = examples.module, examples.inputs, examples.symbols
    kept = sample(module, input_spec, found[0], bounds) if request.golden else None
    if request.golden and kept is None:
        warn("the example inputs are too large to store: the file gets no golden sample")
    output_spec = _output_specs(found, request.outputs)
    for remark in remarks(input_spec, output_spec, found[0]):
        warn(remark)
    free = {size for tensor in output_spec for size in tensor.shape if isinstance(size, str)} - set(bounds)
    _check_symbols(len(bounds) + len(free))
    spec = Spec(
        torch=torch.__version__.split("+")[0],
        producer=f"pt2ts {__version__}",
        name=request.name,
        description=request.description,
        inputs=_unique(input_spec, "inputs"),
        outputs=_unique(output_spec, "outputs"),
        symbols=bounds | {size: Symbol(min=0) for size in sorted(free)},
        normalization=request.normalization,
        golden=kept is not None,
        flush_denormals=request.flush_denormals,
        provenance=request.provenance,
        network=describe(module, found, batch_symbol(input_spec, bounds)),
    )
    return Draft(module, examples.tensors, examples.sizes, found, spec, kept)


def _check_symbols(count: int) -> None:
    """Refuse what the library that reads the file has no room for."""
    if count > MAX_SYMBOLS:
        raise DeclarationError(f"{count} symbolic sizes are more than the {MAX_SYMBOLS} a model may have", "fix some of them")


def _output_specs(found: Sequence[Trial], declared: Sequence[Declaration] | None) -> tuple[TensorSpec, ...]:
    seen = found[0].outputs
    if not seen:
        raise ExportError("forward returns no tensor")
    names = [name for name, _ in seen]
    items = [Declaration(name) for name in names] if declared is None else arrange(declared, names)
    shapes = output_shapes(found)
    made = []
    for number, (item, (_, tensor), shape) in enumerate(zip(items, seen, shapes, strict=True), 1):
        spec = TensorSpec(item.name, name_of(tensor), shape, item.units, item.range, item.description)
        wrong_shape = item.shape is not None and item.shape != shape
        if wrong_shape or item.dtype not in (None, spec.dtype):
            want = TensorSpec(item.name, item.dtype or spec.dtype, shape if item.shape is None else item.shape)
            raise DeclarationError(
                f"output {number} '{item.name}': declared {want.dtype} {want.shape_text()}, but forward gives "
                f"{spec.dtype} {spec.shape_text()}"
            )
        made.append(spec)
    return tuple(made)


def _unique(specs: tuple[TensorSpec, ...], kind: str) -> tuple[TensorSpec, ...]:
    names = [spec.name for spec in specs]
    for name in names:
        if names.count(name) > 1:
            raise DeclarationError(f"two {kind} are called '{name}'", f"name them by {kind}=[...]")
    return specs
