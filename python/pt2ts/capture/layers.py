"""Finding out what a network consists of: layers, weights, and work per sample."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from ..contract.network import Layer, Network, Shape
from ..contract.structure import flatten
from ..contract.variants import Weight
from ..errors import ExportError
from ..pytorch import torchscript
from .trials import Trial

#: Stands for a size that varies in another way than any symbol.
_VARIES = "?"


def describe(module: torch.nn.Module, found: Sequence[Trial], batch: str | None) -> Network:
    """Describe a module.

    Parameters
    ----------
    module
        In evaluation mode.
    found
        Runs that are known to work, the reference sample first; two of different sizes tell which sizes vary.
    batch
        The symbol by whose size the work is divided.
    """
    runs = [_observed(module, trial) for trial in found[:2]]
    flops, samples = runs[0][1], 1 if batch is None else found[0].sizes[batch]
    layers = tuple(
        Layer(name, kind, own, _symbolic([shapes.get(name) for shapes, _ in runs], [trial.sizes for trial in found]))
        for name, kind, own in _layers(module)
    )
    weights = sum(weight.numel() for weight in module.parameters())
    return Network(weights, None if flops is None or samples == 0 else round(flops / samples), layers)


def of_script(script: torchscript.ScriptModule) -> Network:
    """Describe TorchScript as far as its modules tell; what they return is not known before they are run."""
    weights = sum(weight.numel() for weight in script.parameters())
    return Network(weights, None, tuple(Layer(*row) for row in _layers(script)))


def of_weights(weights: Sequence[Weight]) -> Network:
    """Describe a package by the names of its weights."""
    owned: dict[str, int] = {}
    for weight in weights:
        if weight.parameter:
            name = weight.name.rpartition(".")[0]
            owned[name] = owned.get(name, 0) + math.prod(weight.shape)
    return Network(sum(owned.values()), None, tuple(Layer(name, "", count) for name, count in owned.items()))


def _layers(module: torch.nn.Module) -> Iterator[tuple[str, str, int]]:
    """Yield name, type and number of own weights of every layer."""
    for name, part in module.named_modules():
        own = sum(weight.numel() for weight in part.parameters(recurse=False))
        if own or next(part.children(), None) is None:
            yield name, str(getattr(part, "original_name", None) or type(part).__name__), own


def _observed(module: torch.nn.Module, trial: Trial) -> tuple[dict[str, torch.Size], int | None]:
    """Run a module and return the shapes of what its layers give, and the number of operations."""
    shapes: dict[str, torch.Size] = {}

    def observer(name: str) -> Any:
        def observe(_: object, __: object, result: object) -> None:
            with suppress(ExportError):  # something that is no tensor has no shape
                shapes.update((name, tensor.shape) for _, tensor in flatten(result)[:1])

        return observe

    handles = [
        part.register_forward_hook(observer(name))
        for name, part in module.named_modules()
        if not isinstance(part, torchscript.ScriptModule)  # they take no hooks
    ]
    counter = FlopCounterMode(display=False)
    try:
        with _countable(), torch.no_grad(), counter:
            module(*(tensor.clone() for tensor in trial.inputs))
    except Exception:  # noqa: BLE001 - the module works without being watched; then it is not known what is in it
        return shapes, None
    finally:
        for handle in handles:
            handle.remove()
    return shapes, counter.get_total_flops()


@contextmanager
def _countable() -> Iterator[None]:
    """Keep PyTorch from fusing whole layers into single operations, in which neither their parts nor their work can be seen."""
    fused = torch.backends.mha.get_fastpath_enabled()
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")  # the switch below speaks of itself
        stack.callback(torch.backends.mha.set_fastpath_enabled, fused)
        torch.backends.mha.set_fastpath_enabled(False)
        stack.enter_context(torch.backends.mkldnn.flags(enabled=False))
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        yield


def _symbolic(seen: Sequence[torch.Size | None], sizes: Sequence[Mapping[str, int]]) -> Shape | None:
    """Return the shape of the first run, with symbols for the sizes that are others in the second."""
    first, last = seen[0], seen[-1]
    if first is None or last is None or len(first) != len(last):
        return None if first is None else tuple(first)
    dims: list[int | str] = []
    for one, other in zip(first, last, strict=True):
        named = (name for name, size in sizes[0].items() if (size, sizes[len(seen) - 1][name]) == (one, other))
        dims.append(one if one == other else next(named, _VARIES))
    return tuple(dims)
