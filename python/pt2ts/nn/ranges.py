"""Whether inputs lie within the range of the training."""

# No "from __future__ import annotations" here: TorchScript reads the annotations of attributes, and strings are none to it.

import inspect
import operator

import torch
import torch.fx
from torch import Tensor, nn

from ..errors import DeclarationError
from .constraints import require_order
from .exact import Exact, Numbers, along


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


def _widened(low: Numbers, high: Numbers, margin: float) -> tuple[Tensor, Tensor]:
    """Return bounds of the variables of the last dimension, with a margin."""
    lower, upper = along(low, -1, "low"), along(high, -1, "high")
    require_order(lower, upper)
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
