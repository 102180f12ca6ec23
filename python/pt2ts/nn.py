"""Small modules to put around a network, so that the exported file takes raw data and gives answers.

They are ordinary modules: chain them with ``torch.nn.Sequential`` or call them in a ``forward`` of your own. Each can be scripted,
traced and exported by ``torch.export``, and keeps its numbers as buffers, so they move and convert with the network: after
``double()`` they are as exact as they were given.

>>> import torch
>>> from pt2ts.nn import Clip, Standardize
>>> columns = torch.randn(500, 60) * 20 + 270  # what the network was trained with
>>> scale = Standardize.of(columns)
>>> module = torch.nn.Sequential(scale, torch.nn.Linear(60, 60), scale.inverse(), Clip(150, 350))
"""

# No "from __future__ import annotations" here: TorchScript reads the annotations of attributes, and strings are none to it.

import inspect
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.fx
from torch import Tensor, nn

from .errors import DeclarationError

__all__ = [
    "PERIODS",
    "Cast",
    "Clip",
    "ConserveSum",
    "CyclicTime",
    "FromBytes",
    "HWCtoCHW",
    "NonNegative",
    "RangeGuard",
    "Standardize",
]

Numbers = float | Sequence[float] | Tensor

#: Lengths of the cycles that `CyclicTime` knows by name, each in the unit of that name.
PERIODS = {"hour": 24.0, "weekday": 7.0, "month": 12.0, "day": 365.2425}


class Exact(nn.Module):
    """Remembers its buffers in double precision and rounds them anew at every conversion; knows the dtype that it is of.

    In plain PyTorch a number becomes float32 when it is stored, and ``double()`` only makes it longer.
    """

    #: Buffers that stay in double precision: what is computed with them is.
    always_double: frozenset[str] = frozenset()

    __jit_ignored_attributes__ = ("always_double", "given")

    dtype: torch.dtype
    given: dict[str, Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.dtype = torch.float32
        self.given = {}

    def set_numbers(self, name: str, values: Tensor) -> None:
        """Make numbers a buffer."""
        self.given[name] = values.detach().cpu().double().clone()
        self.register_buffer(name, self._rounded(name, self.dtype, values.device))

    def numbers(self, name: str) -> Tensor:
        """Return the numbers of a buffer as they were given, or as they are, if somebody has changed them."""
        buffer, given = self.get_buffer(name), self.given.get(name)
        if given is None or buffer.is_meta or not torch.equal(given.to(buffer.dtype), buffer.cpu()):
            return buffer
        return given

    def _rounded(self, name: str, dtype: torch.dtype, device: torch.device) -> Tensor:
        return self.given[name].to(torch.float64 if name in self.always_double else dtype).to(device, copy=True)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        unchanged = {name for name in self.given if self.numbers(name) is self.given[name]}
        before = dict(self._buffers)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        probe = fn(torch.empty(0, dtype=self.dtype))
        if probe.is_floating_point():
            self.dtype = probe.dtype
        for name in unchanged:
            old, new = before[name], self.get_buffer(name)
            if old is not None and new.dtype is not old.dtype:
                self._buffers[name] = self._rounded(name, new.dtype, new.device)
        return self


class Standardize(Exact):
    """Subtract a mean and divide by a standard deviation; `inverse` gives the way back.

    Parameters
    ----------
    mean, std
        One number, or one for each index of dimension ``dim``.
    dim
        The dimension of the variables (levels, channels), counted from the end: -1 is the last, -3 the channels of images.
    back
        Multiply by ``std`` and add ``mean`` instead.
    """

    mean: Tensor
    std: Tensor
    back: bool

    def __init__(self, mean: Numbers, std: Numbers, dim: int = -1, *, back: bool = False) -> None:
        super().__init__()
        self.back = back
        self.set_numbers("mean", _along(mean, dim, "mean"))
        self.set_numbers("std", _along(std, dim, "std"))
        if not bool((self.std > 0).all()):
            raise DeclarationError(
                f"std has {self.std.min().item():g}",
                "variables that never change cannot be scaled: leave them out, or give them a smallest deviation, as in "
                "Standardize.of(samples, smallest=1e-6)",
            )

    @staticmethod
    def of(samples: Tensor, dim: int = -1, *, smallest: float = 0.0) -> "Standardize":
        """Measure mean and standard deviation of each variable over all other dimensions of ``samples``.

        Parameters
        ----------
        samples
            Values in the host's units.
        dim
            The dimension of the variables, counted from the end.
        smallest
            A deviation that is less counts as this: for levels or columns of an array that never change and cannot be left out.
        """
        others = [d for d in range(samples.dim()) if d != samples.dim() + _from_the_end(dim)]
        return Standardize(samples.double().mean(others), samples.double().std(others).clamp(min=smallest), dim)

    def inverse(self) -> "Standardize":
        """Return the module that turns scaled values into physical ones again."""
        other = Standardize(0.0, 1.0, back=not self.back).to(self.mean.dtype)
        for name in ("mean", "std"):
            other.set_numbers(name, self.numbers(name))
        return other.to(self.mean.device)

    def forward(self, x: Tensor) -> Tensor:
        """Scale ``x``."""
        if self.back:
            return x * self.std + self.mean
        return (x - self.mean) / self.std


class FromBytes(Exact):
    """Bytes 0..255 as floating-point numbers ``low``..``high``. Anything but uint8 is an error, for it was scaled already.

    Parameters
    ----------
    low, high
        What the bytes 0 and 255 become.
    """

    low: float
    step: float

    def __init__(self, low: float = 0.0, high: float = 1.0) -> None:
        super().__init__()
        self.low = low
        self.step = (high - low) / 255.0

    def forward(self, x: Tensor) -> Tensor:
        """Scale ``x``."""
        if x.dtype != torch.uint8:
            raise TypeError("FromBytes takes uint8; these values are not bytes any more")
        return x.to(self.dtype) * self.step + self.low


class NonNegative(nn.Module):
    """No negative rain: what comes out is never below zero.

    Parameters
    ----------
    method
        ``softplus`` is smooth and positive everywhere, good for training through it; ``relu`` leaves positive values as they are.
    sharpness
        For softplus: the larger, the closer to relu.
    """

    method: str
    sharpness: float

    def __init__(self, method: str = "softplus", sharpness: float = 1.0) -> None:
        super().__init__()
        if method not in ("softplus", "relu"):
            raise DeclarationError(f"method is '{method}'", "either 'softplus' or 'relu'")
        if not sharpness > 0:
            raise DeclarationError(f"sharpness is {sharpness:g}", "a positive number")
        self.method = method
        self.sharpness = sharpness

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` without negative values."""
        if self.method == "relu":
            return torch.relu(x)
        return torch.nn.functional.softplus(x, beta=self.sharpness)


class ConserveSum(Exact):
    """Close a budget: change values so that their weighted sum is what it must be, to the last bits of rounding.

    Parameters
    ----------
    size
        Number of values along the last dimension.
    weights
        Weight of each in the sum (layer masses, areas); ones by default.
    method
        ``shift`` adds the same number to all values. ``scale`` multiplies all by the same number, which keeps zeros and signs
        (amounts of water); where their sum is zero there is nothing to scale, and it shifts.
    """

    weights: Tensor
    method: str
    always_double = frozenset({"weights"})

    def __init__(self, size: int, weights: Numbers = 1.0, method: str = "shift") -> None:
        super().__init__()
        if method not in ("shift", "scale"):
            raise DeclarationError(f"method is '{method}'", "either 'shift' or 'scale'")
        given = _along(weights, -1, "weights")
        if given.dim() > 0 and given.numel() != size:
            raise DeclarationError(f"there are {given.numel()} weights for {size} values")
        if not bool((given > 0).all()):
            raise DeclarationError(f"weights has {given.min().item():g}", "each weight is a positive number")
        self.method = method
        self.set_numbers("weights", given.expand(size))

    def forward(self, x: Tensor, total: Tensor) -> Tensor:
        """Return ``x`` [..., size] with the sum ``total`` [...] along its last dimension."""
        # Sums are in double precision. The first pass leaves the error of rounding its result, which the second one spreads.
        weights = self.weights.to(torch.float64)
        kind = x.dtype
        if kind == torch.bfloat16 or kind == torch.float16:  # out of a network that computes in it; the budget is that of total
            kind = torch.promote_types(x.dtype, total.dtype)
        wanted = total.to(torch.float64).unsqueeze(-1)
        if self.method == "scale":
            found = (x * weights).sum(-1, keepdim=True)
            usable = found != 0
            factor = torch.where(usable, wanted / torch.where(usable, found, torch.ones_like(found)), torch.ones_like(found))
            x = (x * factor).to(kind)
            # What is left is rounding (or all of it, where there was nothing to scale).
            left = wanted - (x * weights).sum(-1, keepdim=True)
            share = torch.where(usable, x.to(torch.float64), torch.ones_like(x, dtype=torch.float64))
            per = (share * weights).sum(-1, keepdim=True)
            return (x + share * left / torch.where(per != 0, per, torch.ones_like(per))).to(kind)
        for _ in range(2):
            left = wanted - (x * weights).sum(-1, keepdim=True)
            x = (x + left / weights.sum()).to(kind)
        return x


class Clip(Exact):
    """Keep values within bounds; NaN stays NaN, so that it is not hidden.

    Parameters
    ----------
    low, high
        One number, or one for each index of dimension ``dim``; infinity for no bound.
    dim
        As in `Standardize`.
    """

    low: Tensor
    high: Tensor

    def __init__(self, low: Numbers, high: Numbers, dim: int = -1) -> None:
        super().__init__()
        self.set_numbers("low", _along(low, dim, "low"))
        self.set_numbers("high", _along(high, dim, "high"))
        _require_order(self.low, self.high)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` within the bounds."""
        # A bound that is rounded to the few digits of a network in bfloat16 would be another one.
        kind = torch.promote_types(x.dtype, self.low.dtype) if x.is_floating_point() else x.dtype
        return torch.minimum(torch.maximum(x.to(kind), self.low.to(kind)), self.high.to(kind))


class CyclicTime(Exact):
    """Sine and cosine of times, so that 23:59 is next to 0:00 and December next to January.

    Parameters
    ----------
    periods
        One for each column of the input: a length, or a name out of `PERIODS` (``hour`` of the day, ``day`` of the year, ``month``,
        ``weekday``).
    """

    periods: Tensor
    always_double = frozenset({"periods"})

    def __init__(self, *periods: float | str) -> None:
        super().__init__()
        unknown = [p for p in periods if isinstance(p, str) and p not in PERIODS]
        if unknown or not periods:
            given = f"'{unknown[0]}' is no cycle" if unknown else "no cycle is given"
            raise DeclarationError(given, f"one of {', '.join(PERIODS)}, or its length as a number")
        lengths = [PERIODS[p] if isinstance(p, str) else float(p) for p in periods]
        if not all(0 < length < math.inf for length in lengths):
            raise DeclarationError(f"a cycle has the length {min(lengths):g}", "lengths are positive numbers")
        self.set_numbers("periods", torch.tensor(lengths, dtype=torch.float64))

    def forward(self, time: Tensor) -> Tensor:
        """Return [..., 2n]: for each column of ``time`` [..., n] its sine, then for each its cosine."""
        # In double precision, or hours since 1900 would have lost their minutes.
        phase = torch.remainder(time.to(torch.float64), self.periods) * (2.0 * math.pi) / self.periods
        return torch.cat([phase.sin(), phase.cos()], dim=-1).to(self.dtype)


class InRange(Exact):
    """Which samples, counted along the first dimension, have all their values within bounds; NaN is within none.

    Parameters
    ----------
    low, high
        One number, or one for each index of the last dimension.
    margin
        As in `RangeGuard`.
    """

    low: Tensor
    high: Tensor

    def __init__(self, low: Numbers, high: Numbers, margin: float = 0.0) -> None:
        super().__init__()
        for name, bound in zip(("low", "high"), _widened(low, high, margin), strict=True):
            self.set_numbers(name, bound)

    def forward(self, x: Tensor) -> Tensor:
        """Return a bool for each sample."""
        inside = (x >= self.low) & (x <= self.high)
        while inside.dim() > 1:
            inside = inside.all(dim=-1)
        return inside


class RangeGuard(Exact):
    """A network that also says for which samples its inputs were outside of what it was trained on.

    `several` and `of` make one for a network of several inputs.

    Parameters
    ----------
    network
        Takes one tensor [..., n], returns one tensor.
    low, high
        Smallest and largest value seen in training: one number, or one for each of the n variables.
    margin
        How far outside is still good, as a fraction of ``high - low``.
    """

    low: Tensor
    high: Tensor

    def __init__(self, network: nn.Module, low: Numbers, high: Numbers, margin: float = 0.0) -> None:
        super().__init__()
        self.network = network
        for name, bound in zip(("low", "high"), _widened(low, high, margin), strict=True):
            self.set_numbers(name, bound)

    @staticmethod
    def of(network: nn.Module, *samples: Tensor | None, margin: float = 0.0) -> nn.Module:
        """Measure the ranges of the variables, the last dimension of the training samples.

        Parameters
        ----------
        network
            Takes as many tensors as there are ``samples``.
        samples
            What it was trained with. Of several, one may be None: an input that is not looked at; and one of a single dimension
            has one variable.
        margin
            As above.
        """
        for number, item in enumerate(samples, 1):
            if item is not None and not isinstance(item, Tensor):
                raise DeclarationError(
                    f"samples {number} are {item!r}", "a tensor for each input of the network; margin=... by its name"
                )
        if len(samples) == 1 and samples[0] is not None:
            return RangeGuard(network, *_measured(samples[0]), margin)
        return RangeGuard.several(network, *(None if x is None else _measured(x, x.dim() > 1) for x in samples), margin=margin)

    @staticmethod
    def several(network: nn.Module, *bounds: tuple[Numbers, Numbers] | None, margin: float = 0.0) -> nn.Module:
        """Guard a network of several inputs, each with bounds of its own.

        Samples are counted along the first dimension of the inputs, and a sample is outside if any of its inputs has a value that
        is. The arguments have the names that they have in the network's ``forward``.

        Parameters
        ----------
        network
            Takes tensors.
        bounds
            For each input in order, its smallest and largest value as above, or None where it is not looked at: indices, or an
            input without samples.
        margin
            As above.

        Examples
        --------
        >>> guarded = RangeGuard.several(network, (180, 320), None, ([0, 0], [1, 0.04]))  # doctest: +SKIP
        """
        names = _argument_names(network, len(bounds))
        if all(pair is None for pair in bounds):
            raise DeclarationError("no input has bounds", "give a pair (low, high) for one of them at least")
        # A graph, since TorchScript has no functions with any number of arguments.
        parts: dict[str, nn.Module] = {"network": network}
        graph = torch.fx.Graph()
        arguments = [graph.placeholder(name) for name in names]
        answer = graph.call_module("network", tuple(arguments))
        inside = None
        for name, argument, pair in zip(names, arguments, bounds, strict=True):
            if pair is None:
                continue
            parts[f"range_of_{name}"] = InRange(*pair, margin)
            found = graph.call_module(f"range_of_{name}", (argument,))
            inside = found if inside is None else graph.call_function(operator.and_, (inside, found))
        graph.output((answer, graph.call_function(operator.invert, (inside,))))
        return torch.fx.GraphModule(parts, graph, "RangeGuard")

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the network's answer, and a bool [...]: true where a variable is out of range or NaN."""
        # "Not inside" instead of "outside": comparisons with NaN are false.
        inside = (x >= self.low) & (x <= self.high)
        answer: Tensor = self.network(x)
        return answer, ~inside.all(dim=-1)


class Cast(nn.Module):
    """Convert to another dtype, for instance a double precision host's values for a single precision network.

    Parameters
    ----------
    dtype
        Such as ``torch.float32``.
    """

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        if not isinstance(dtype, torch.dtype):
            raise DeclarationError(f"dtype is {dtype!r}", "a dtype of torch, such as torch.float32")
        self.dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        """Convert ``x``."""
        return x.to(self.dtype)


class HWCtoCHW(nn.Module):
    """Images [..., row, column, channel], as files have them, become [..., channel, row, column], as convolutions want them."""

    def forward(self, x: Tensor) -> Tensor:
        """Return a view of ``x``; nothing is copied."""
        return x.movedim(-1, -3)


def _from_the_end(dim: int) -> int:
    if dim >= 0:
        raise DeclarationError(f"dim is {dim}", "count from the end: -1 is the last dimension, -3 the channels of images")
    return dim


def _along(values: Numbers, dim: int, name: str) -> Tensor:
    """Return numbers shaped so that they apply along a dimension counted from the end."""
    tensor = torch.as_tensor(values, dtype=torch.float64).detach().clone()
    if tensor.dim() > 1:
        raise DeclarationError(f"{name} has {tensor.dim()} dimensions", "one number, or one for each variable")
    if bool(tensor.isnan().any()):
        raise DeclarationError(f"{name} has NaN", "numbers measured on samples with missing values?")
    return tensor if tensor.dim() == 0 else tensor.reshape([-1] + [1] * (-_from_the_end(dim) - 1))


def _widened(low: Numbers, high: Numbers, margin: float) -> tuple[Tensor, Tensor]:
    """Return bounds of the variables of the last dimension, with a margin."""
    lower, upper = _along(low, -1, "low"), _along(high, -1, "high")
    _require_order(lower, upper)
    return lower - margin * (upper - lower), upper + margin * (upper - lower)


def _measured(samples: Tensor, each: bool = True) -> tuple[Tensor, Tensor]:
    """Return the smallest and largest value: of each variable, the last dimension, or of all."""
    flat = samples.reshape(-1, samples.shape[-1] if each else 1).double()
    return flat.amin(0), flat.amax(0)


def _argument_names(network: nn.Module, count: int) -> list[str]:
    """Return the names of as many arguments of ``forward``; refuse a count that it does not take."""
    given = inspect.signature(network.forward).parameters.values()
    if any(item.kind is item.VAR_POSITIONAL for item in given):  # also TorchScript, which does not tell
        return [f"input{number}" for number in range(1, count + 1)]
    names = [item.name for item in given if item.kind in (item.POSITIONAL_ONLY, item.POSITIONAL_OR_KEYWORD)]
    fewest = sum(item.default is item.empty for item in given if item.name in names)
    if not fewest <= count <= len(names):
        raise DeclarationError(
            f"there are bounds of {count} inputs, and the network takes {', '.join(names)}",
            "a pair (low, high) for each input in order, or None where it is not looked at",
        )
    return names[:count]


def _require_order(low: Tensor, high: Tensor) -> None:
    if low.dim() > 0 and high.dim() > 0 and low.shape != high.shape:
        raise DeclarationError(f"low has {low.numel()} numbers and high has {high.numel()}")
    if not bool((low <= high).all()):
        raise DeclarationError("a lower bound is above the upper bound", "low comes first")
