"""Does the exported model do what the module does? Compared on the example inputs and on other sizes of every symbol."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from .dtypes import name_of
from .errors import CheckError, ExportError, UnexportableError, VerifyError
from .examples import Sizes, resize
from .explain import explain_run
from .spec import Shape, Symbol, TensorSpec
from .structure import flatten
from .yardstick import Rounding, Yardstick

#: Allowed relative difference: the same operations, at most fused or reordered.
TOLERANCE: dict[str, float] = {
    "float64": 1e-10, "complex128": 1e-10, "float32": 1e-5, "complex64": 1e-5, "float16": 5e-3, "bfloat16": 4e-2,
}  # fmt: skip

#: The file may be this many times further from the module than the module from its own copy in float64.
_ROUNDING = 16.0

#: With as many samples each place of an output has a typical size of its own: columns of other units lie side by side.
_MANY = 8

#: Rounding of the many values that are summed up in one shows in the small ones too: up to this many times the median.
_TYPICAL = 10.0

#: TorchScript profiles the first two calls and optimizes from the third on, so three calls see both forms.
_CALLS = 3

Named = list[tuple[str, torch.Tensor]]

#: From inputs to outputs with their names.
Call = Callable[[Sequence[torch.Tensor]], Named]


@dataclass(frozen=True)
class Check:
    """One comparison that was passed.

    Attributes
    ----------
    form
        What was compared with the module: ``script``, ``trace``, ``variant b32``...
    case
        With which sizes.
    output
        The output that was nearest to its limit.
    difference, allowed
        The largest difference there, and how large it may be; None where every element has a limit of its own.
    remark
        Why there was nothing to compare; empty where there was.
    """

    form: str
    case: str
    output: str
    difference: float
    allowed: float | None
    remark: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return dict(vars(self))


Note = Callable[[Check], None]


def ignore(_: Check) -> None:
    """Take no note of a comparison."""


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


def difference(a: torch.Tensor, b: torch.Tensor) -> float:
    """Return the largest absolute difference; equal infinities and NaNs in the same places count as equal."""
    if a.numel() == 0:
        return 0.0
    wide = torch.complex128 if a.is_complex() else torch.float64
    x, y = a.to(wide), b.to(wide)
    same = (x == y) | (x.isnan() & y.isnan())
    gap = torch.where(same, 0.0, (x - y).abs())
    return math.inf if bool(gap.isnan().any()) else float(gap.max())


def worst(
    reference: torch.Tensor, result: torch.Tensor, precision: str | None = None, rounding: torch.Tensor | None = None
) -> tuple[float, float]:
    """Return the difference of the element that is furthest outside its tolerance, and that tolerance.

    An element may differ in proportion to its own size or to the typical size of the output, whichever is larger. The largest
    value would be no measure: a single fill value of 1e20 would allow everything else to be anything. Integers and logicals
    may not differ. ``precision`` is what the network computes in, where that is coarser than the output's dtype. Where
    ``rounding`` says how far the reference itself is from exact numbers, that counts too, and the typical size is one of each
    place in the output: a column of 1e-6 beside one of 1e2 is compared on its own scale.
    """
    relative = TOLERANCE.get(name_of(reference), 0.0)
    if precision is not None and relative > 0.0:
        relative = max(relative, TOLERANCE[precision])
    gap = difference(reference, result)
    if relative == 0.0 or reference.numel() == 0 or math.isinf(gap):
        return gap, 0.0
    wide = torch.complex128 if reference.is_complex() else torch.float64
    want, have = reference.to(wide), result.to(wide)
    size = want.abs().nan_to_num(0.0, 0.0, 0.0)
    allowed = relative * size.maximum(_typical(size, by_place=rounding is not None))
    if rounding is not None:
        allowed = allowed.maximum(_ROUNDING * rounding)
    same = (want == have) | (want.isnan() & have.isnan())
    gaps = torch.where(same, 0.0, (want - have).abs())
    excess = torch.where(gaps > 0, gaps / allowed, 0.0)
    place = int(excess.argmax())
    return float(gaps.flatten()[place]), float(allowed.flatten()[place])


def _typical(size: torch.Tensor, *, by_place: bool) -> torch.Tensor:
    """Return the typical size of an output, or of each of its places where there are samples enough."""
    if by_place and size.dim() > 1 and size.shape[0] >= _MANY:
        counted = torch.where(size > 0, size, torch.nan)
        return torch.minimum(size.amax(0), _TYPICAL * counted.nanmedian(0).values.nan_to_num(0.0))
    counted = size[size > 0]
    return torch.minimum(size.max(), _TYPICAL * counted.median()) if counted.numel() else size.new_zeros(())


def exceeds(reference: torch.Tensor, result: torch.Tensor, precision: str | None = None) -> bool:
    """Return whether a result lies further from ``reference`` than rounding explains."""
    gap, allowed = worst(reference, result, precision)
    return gap > allowed


def trials(
    module: torch.nn.Module,
    inputs: Sequence[TensorSpec],
    examples: Sequence[torch.Tensor],
    sizes: Sizes,
    symbols: Mapping[str, Symbol],
) -> list[Trial]:
    """Run the module on the examples, on larger sizes and on the smallest ones.

    Raises
    ------
    ExportError
        When the module fails for one of them, or gives other numbers when called again.
    """
    called = _called_with(module, inputs, examples)
    yardstick = Yardstick(module)
    first = _measured(Trial(sizes, [tensor.clone() for tensor in examples], _run_module(module, examples, "", called)), yardstick)
    again = _run_module(module, examples, "", called)
    for (name, a), (_, b) in zip(first.outputs, again, strict=True):
        if a.shape != b.shape or exceeds(a, b):
            raise ExportError(
                f"forward gives other numbers when called again with the same inputs (output '{name}')",
                "random numbers belong into an input; things remembered between calls too",
            )
    found = [first]
    for other in _other_sizes(sizes, symbols):
        resized = resize(inputs, examples, other)
        trial = Trial(other, resized, [])
        hint = (
            f"the example works with {first.text()}: declare a dimension that must keep its size by a number (inputs=...), give "
            "its bounds (symbols=...), or pass dynamic_batch=False"
        )
        found.append(_measured(Trial(other, resized, _run_module(module, resized, trial.text(), hint)), yardstick))
    return found


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
    return f"{hint}; its weights are {dtype}: pass {dtype}, or convert the network, dtype='{min(others)}'"


def _looks(example: torch.Tensor) -> str:
    """Return dtype and shape of an example, and of whole numbers, which may be indices, from where to where they go."""
    text = f"{name_of(example)} {list(example.shape)}"
    if example.is_floating_point() or example.is_complex() or example.dtype is torch.bool or not example.numel():
        return text
    return f"{text} from {int(example.min())} to {int(example.max())}"


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
        free = (n for n in itertools.count(size + 1) if n not in taken)
        wanted = next(free)
        bounds = symbols[name]
        larger[name] = wanted if bounds.admits(wanted) else bounds.max if bounds.max is not None else size
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


def compare(
    call: Call,
    found: Sequence[Trial],
    made_by: str | Callable[[], str],
    why: str = "",
    precision: str | None = None,
    note: Note = ignore,
    tolerance: float | None = None,
) -> None:
    """Insist that the reloaded model agrees with the module in every trial.

    Parameters
    ----------
    call
        Runs the reloaded model.
    found
        What the module does.
    made_by
        How the model was made, for messages; or a function that says after a call what ran.
    why
        Why it was made that way; may be empty.
    precision
        What the network computes in; as the outputs by default.
    note
        Called with every comparison that was passed.
    tolerance
        The largest absolute difference allowed, where the user has said one.
    """
    for number, trial in enumerate(found):
        rows: list[tuple[str, float, float]] = []
        for _ in range(_CALLS):
            problem = _disagreement(call, trial, precision, tolerance, rows)
            if problem and number == 0:
                raise CheckError(f"the exported file disagrees with the module on {trial.text()}: {problem}", why)
            if problem:
                raise CheckError(
                    f"the exported file is right for {found[0].text()} only; with {trial.text()} {problem}",
                    _baked_hint(_words(made_by), why),
                )
        if rows:
            note(Check(_words(made_by), trial.text(), *max(rows, key=lambda row: row[1] / row[2] if row[2] else 0.0)))
        for name in _all_nan(trial):
            note(Check(_words(made_by), trial.text(), name, 0.0, None, "not compared: NaN on both sides"))


def _words(made_by: str | Callable[[], str]) -> str:
    return made_by if isinstance(made_by, str) else made_by()


def _all_nan(trial: Trial) -> list[str]:
    """Return the outputs of which no number can be compared with anything."""
    return [name for name, tensor in trial.outputs if tensor.numel() and bool(tensor.isnan().all())]


def _baked_hint(made_by: str, why: str) -> str:
    if made_by == "trace":
        reason = f" (it was traced because {why})" if why else ""
        return (
            f"the trace froze a size{reason}: take sizes from the tensors (x.shape[0], -1 in reshape) instead of Python numbers, "
            "make forward scriptable, or pass dynamic_batch=False"
        )
    return "a size is stored in the module: take it from the tensors, or pass dynamic_batch=False"


def _disagreement(
    call: Call, trial: Trial, precision: str | None, tolerance: float | None, rows: list[tuple[str, float, float]]
) -> str:
    """Return how a model disagrees, in words; add name, difference and limit of its outputs to ``rows``."""
    try:
        outputs = call(trial.inputs)
    except (RuntimeError, VerifyError) as error:
        return f"it fails: {(getattr(error, 'message', str(error)).strip().splitlines() or ['no message'])[-1]}"
    if len(outputs) != len(trial.outputs):
        return f"it gives {len(outputs)} outputs, not {len(trial.outputs)}"
    nothing = _all_nan(trial)
    for number, ((name, want), have) in enumerate(zip(trial.outputs, in_order(trial.outputs, outputs), strict=True)):
        if want.shape != have.shape or want.dtype != have.dtype:
            wanted, got = f"{name_of(want)} {list(want.shape)}", f"{name_of(have)} {list(have.shape)}"
            return f"output '{name}' is {got}, not {wanted}"
        gap, allowed = worst(want, have, precision, trial.rounding[number] if trial.rounding else None)
        if tolerance is not None:
            gap, allowed = difference(want, have), tolerance
        if gap > allowed:
            return f"output '{name}' differs by {gap:.3g}"
        if name not in nothing:
            rows.append((name, gap, allowed))
    return ""


def in_order(wanted: Named, found: Named) -> list[torch.Tensor]:
    """Return results in the order of ``wanted``: by name where the names are the same ones, otherwise as they come."""
    names = [name for name, _ in wanted]
    if sorted(names) == sorted(name for name, _ in found) and len(set(names)) == len(names):
        values = dict(found)
        return [values[name] for name in names]
    return [tensor for _, tensor in found]
