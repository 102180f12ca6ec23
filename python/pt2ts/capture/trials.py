"""Does the exported model do what the module does? Compared on the example inputs and on other sizes of every symbol."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from ..contract.dtypes import name_of
from ..contract.samples import Sizes, resize
from ..contract.spec import Shape, Symbol, TensorSpec
from ..contract.structure import Named, flatten
from ..contract.tolerance import difference, exceeds
from ..errors import ExportError, UnexportableError, option
from ..explain import explain_run
from .examples import Examples
from .rounding import Rounding, Yardstick


@dataclass(frozen=True)
class Trial:
    """What the module itself does for one choice of sizes."""

    sizes: Sizes
    inputs: list[torch.Tensor]
    outputs: Named
    rounding: Rounding = ()

    def text(self) -> str:
        """Return the sizes for messages, ``batch=5``."""
        return ", ".join(f"{name}={size}" for name, size in self.sizes.items()) or "the example inputs"


def run(call: Callable[..., Any], inputs: Sequence[torch.Tensor]) -> Named:
    """Call a module on copies of ``inputs`` without gradients; refuse one that writes into its inputs."""
    copies = [tensor.clone() for tensor in inputs]
    with torch.no_grad():
        result = call(*copies)
    for number, (before, after) in enumerate(zip(inputs, copies, strict=True), 1):
        if before.shape != after.shape or difference(before, after) != 0.0:
            raise ExportError(
                f"forward writes into its input {number}",
                "the caller's array must stay as it is: replace in-place operations such as x += 1 by x = x + 1",
            )
    # An output may be the input itself, or share its memory; a copy keeps what was seen.
    return [(name, tensor.detach().clone()) for name, tensor in flatten(result)]


def trials(of: Examples) -> list[Trial]:
    """Run the module on the examples, on larger sizes and on the smallest ones.

    Raises
    ------
    ExportError
        When the module fails for one of them, or gives other numbers when called again.
    """
    module, inputs, examples, sizes, symbols = of.module, of.inputs, of.tensors, of.sizes, of.symbols
    called = _called_with(module, inputs, examples)
    yardstick = Yardstick(module)
    first = _measured(Trial(sizes, [tensor.clone() for tensor in examples], _run_module(module, examples, "", called)), yardstick)
    again = _run_module(module, examples, "", called)
    for (name, a), (_, b) in zip(first.outputs, again, strict=True):
        if a.shape != b.shape or exceeds(a, b):
            raise ExportError(
                f"forward gives other numbers when called again with the same inputs (output '{name}')",
                "random numbers belong into an input, or follow from a seed that is one (pt2ts.nn.Noise); things remembered "
                "between calls too",
            )
    found = [first]
    for other in _other_sizes(sizes, symbols):
        resized = resize(inputs, examples, other)
        trial = Trial(other, resized, [])
        hint = (
            f"the example works with {first.text()}: declare a dimension that must keep its size by a number "
            f"({option('inputs')}), give its bounds ({option('symbols')}), or pass {option('dynamic_batch', False)}"
        )
        found.append(_measured(Trial(other, resized, _run_module(module, resized, trial.text(), hint)), yardstick))
    return found


def try_in_order(module: torch.nn.Module, examples: Sequence[torch.Tensor], order: str) -> None:
    """Refuse a module that works on the examples, and not where they lie in another memory order."""
    hint = (
        f"it works with arrays of PyTorch's order: where forward calls view or looks at strides, call reshape; or take the other "
        f"order of arrays, {option('layout', 'torch')}"
    )
    _run_module(module, examples, f"inputs in the memory order '{order}'", hint)


def _measured(trial: Trial, yardstick: Yardstick) -> Trial:
    return replace(trial, rounding=yardstick.measure(trial.inputs, [tensor for _, tensor in trial.outputs]))


def trial_at(
    module: torch.nn.Module,
    inputs: Sequence[TensorSpec],
    examples: Sequence[torch.Tensor],
    names: Sequence[str],
    sizes: Sizes,
    yardstick: Yardstick | None = None,
) -> Trial:
    """Return what a module does with the examples brought to ``sizes``; its results get the names given."""
    resized = resize(inputs, examples, sizes)
    trial = Trial(sizes, resized, [])
    outputs = _run_module(module, resized, trial.text(), _called_with(module, inputs, resized))
    made = Trial(sizes, resized, [(name, tensor) for name, (_, tensor) in zip(names, outputs, strict=True)])
    return made if yardstick is None else _measured(made, yardstick)


def _called_with(module: torch.nn.Module, inputs: Sequence[TensorSpec], examples: Sequence[torch.Tensor]) -> str:
    """Return what to do about a forward that fails on the examples: what it was called with, and what looks wrong in it."""
    listed = ", ".join(f"{spec.name} {_looks(example)}" for spec, example in zip(inputs, examples, strict=True))
    hint = f"the module must run in Python with {listed} before it can be exported"
    weights = {name_of(tensor) for tensor in module.parameters() if tensor.is_floating_point()}
    others = {name_of(tensor) for tensor in examples if tensor.is_floating_point()} - weights
    if len(weights) != 1 or not others:
        return hint
    (dtype,) = weights
    if {dtype, *others} != {"float32", "float64"}:
        return f"{hint}; its weights are {dtype}"
    return f"{hint}; its weights are {dtype}: pass {dtype}, or convert the network, {option('dtype', min(others))}"


def _looks(example: torch.Tensor) -> str:
    """Return dtype and shape of an example, and of whole numbers, which may be indices, from where to where they go."""
    text = f"{name_of(example)} {list(example.shape)}"
    if example.is_floating_point() or example.is_complex() or example.dtype is torch.bool or not example.numel():
        return text
    whole = example.long()  # PyTorch does not compare all of them as they are
    return f"{text} from {int(whole.min())} to {int(whole.max())}"


def _run_module(module: torch.nn.Module, inputs: Sequence[torch.Tensor], label: str, hint: str) -> Named:
    try:
        return run(module, inputs)
    except ExportError:
        raise
    except Exception as error:  # whatever the user's own code raises
        why = explain_run(error)
        case = f"with {label}" if label else "on the example inputs"
        raise UnexportableError(f"forward fails {case}: {why.reason}", hint, why.where, why.code) from error


def _other_sizes(sizes: Sizes, symbols: Mapping[str, Symbol]) -> Iterator[Sizes]:
    """Yield other sizes: all larger and different from each other, then all at their smallest."""
    taken = set(sizes.values())
    larger: Sizes = {}
    for name, size in sizes.items():
        larger[name] = symbols[name].nearest(next(n for n in symbols[name].from_on(size + 1) if n not in taken))
        taken.add(larger[name])
    smallest = {name: symbols[name].min for name in sizes}
    seen = [sizes]
    for choice in (larger, smallest):
        if choice not in seen:
            seen.append(choice)
            yield choice


def output_shapes(found: Sequence[Trial]) -> list[Shape]:
    """Find out which output dimensions are fixed, which are symbols, and which merely vary.

    A size that varies in another way than any symbol (twice the batch, say) gets a symbol of its own, ``<output>_dim<n>``.
    """
    names = [name for name, _ in found[0].outputs]
    for trial in found:
        ranks = [tensor.dim() for _, tensor in trial.outputs]
        if [name for name, _ in trial.outputs] != names or ranks != [t.dim() for _, t in found[0].outputs]:
            raise ExportError(
                f"the number of outputs or dimensions changes with the sizes ({found[0].text()} against {trial.text()})",
                "squeeze() without a dimension does that for a batch of 1; name the dimension",
            )
    return [
        tuple(_dimension(found, number, dim, name) for dim in range(found[0].outputs[number][1].dim()))
        for number, name in enumerate(names)
    ]


def _dimension(found: Sequence[Trial], output: int, dim: int, name: str) -> int | str:
    seen = [trial.outputs[output][1].shape[dim] for trial in found]
    if len(set(seen)) == 1:
        return seen[0]
    for symbol in found[0].sizes:
        if [trial.sizes[symbol] for trial in found] == seen:
            return symbol
    own = f"{name}_dim{dim + 1}"
    while own in found[0].sizes:  # a size of an input that is called so
        own += "_"
    return own
