"""What may run a model fastest on a device at one size: what its file has for it, code for that size, and TorchScript."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import torch

from ..capture.forms import Forms
from ..compile.device import compile_for_device
from ..compile.variants import Built
from ..container.package import FALLBACK, members_of
from ..contract.spec import Spec
from ..contract.variants import Variant
from ..errors import ExportError
from ..report import step
from ..toolchain.isa import Isa
from .candidates import TUNED, Candidate

ANY_SIZE = "any size"
AS_IN_FILE = "as in the file"


def device_candidates(
    spec: Spec,
    forms: Forms,
    members: Mapping[str, bytes],
    size: int | None,
    script: bytes | None,
    device: torch.device,
    isa: Isa,
    *,
    stop: Callable[[], bool],
) -> Iterator[Candidate]:
    """Yield the candidates of one batch size, or of fixed sizes where there is no batch.

    What PyTorch's compiler fails on is left out: the others remain. Nothing is compiled any more when ``stop`` says so.
    """
    symbol, kind = str(forms.batch), device.type
    limits = {} if size is None else {symbol: (size, size)}
    at = {**forms.sizes} if size is None else {**forms.sizes, symbol: size}
    mine = [item for item in spec.variants if item.device == kind and item.kind == "aoti"]
    fixed = [item for item in mine if size is None or item.sizes.get(symbol) == (size, size)]
    for label, group in ((ANY_SIZE, [item for item in mine if item not in fixed]), (AS_IN_FILE, fixed)):
        chosen = next((item for item in group if item.admits(at)), None)
        if chosen is not None:
            yield Candidate(label, Built(chosen, members_of(chosen, members)))
    name = f"{TUNED if size is None else f'b{size}'}_{kind}"
    if (size is None or forms.symbols[symbol].admits(size)) and not stop():
        program = forms.general()[0] if size is None else forms.fixed(size)
        try:
            built = compile_for_device(name, program, device, isa, limits, tf32=spec.products == "tf32")
            yield Candidate(f"compiled for {kind}", built)
        except ExportError as error:
            step(f"no code for {kind}: {error.message}")
    if script is not None:
        variant = Variant(f"torchscript_{name}", "torchscript", limits, weights="own", device=kind)
        yield Candidate("TorchScript", Built(variant, {FALLBACK: script}))
