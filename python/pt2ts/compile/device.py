"""Code for a device that is not the CPU: one variant for any size, made by AOTInductor where such a device is."""

from __future__ import annotations

from dataclasses import replace

import torch

from ..capture.forms import Forms
from ..capture.program import weights_of
from ..container.package import CODE
from ..contract.tolerance import worst
from ..contract.variants import Variant
from ..errors import CheckError
from ..pytorch import inductor
from ..report import step
from ..toolchain.devices import architectures_of
from ..toolchain.isa import Isa
from .aoti import compile_program, opened
from .variants import Built


def build_for_device(forms: Forms, module: torch.nn.Module, device: torch.device, isa: Isa) -> Built:
    """Compile the variant, run it on the device, and compare it with the module on the CPU.

    Parameters
    ----------
    forms
        With the module on the CPU.
    module
        The same on the device, a copy of its own.
    device
        Where it lies.
    isa
        For what runs on the CPU even so.

    Raises
    ------
    CheckError
        When the numbers differ by more than rounding explains.
    """
    step(f"compiling for {device.type}")
    there = replace(forms, module=module, examples=[tensor.to(device) for tensor in forms.examples])
    program, limits = there.general()
    compiled = compile_program(program, isa, inductor.device_options(device.type))
    with opened(compiled.files) as loader:
        if compiled.weights == "shared":
            weights = dict(weights_of(program))
            inductor.share_constants(loader, {name: weights[name] for name in inductor.constant_names(loader)})
        arguments = there.arguments({})
        with torch.no_grad():
            wanted = forms.module(*(tensor.cpu() for tensor in arguments))
        found = inductor.run(loader, arguments)
    for number, (want, have) in enumerate(zip(wanted, found, strict=True), 1):
        gap, allowed = worst(want, have.cpu())
        if gap > allowed:
            raise CheckError(f"on {device.type}, output {number} differs from the module's by {gap:.3g}, more than {allowed:.3g}")
    variant = Variant(
        device.type, "aoti", limits, isa.to_dict(), compiled.weights, device=device.type, architectures=architectures_of(device)
    )
    return Built(variant, {f"{CODE}{device.type}/{file}": content for file, content in compiled.files.items()})
