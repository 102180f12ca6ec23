"""Code for a device that is not the CPU, made by AOTInductor where such a device is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.export.passes import move_to_device_pass

from ..capture.forms import Forms
from ..capture.program import weights_of
from ..container.package import CODE
from ..contract.tolerance import worst
from ..contract.variants import Variant
from ..errors import CheckError
from ..pytorch import inductor
from ..pytorch.products import allowed_in_tf32
from ..pytorch.quiet import quiet
from ..report import step
from ..toolchain.devices import architectures_of
from ..toolchain.isa import Isa
from .aoti import compile_program, opened
from .variants import Built


def build_for_device(forms: Forms, module: torch.nn.Module, device: torch.device, isa: Isa, precision: str | None = None) -> Built:
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
    precision
        What the network computes in there, where that is coarser than its dtypes: ``bfloat16``, or ``tf32`` in its products.

    Raises
    ------
    CheckError
        When the numbers differ by more than rounding explains.
    """
    step(f"compiling for {device.type}")
    there = replace(forms, module=module, examples=[tensor.to(device) for tensor in forms.examples])
    with allowed_in_tf32(precision == "tf32"):
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
        gap, allowed = worst(want, have.cpu(), precision)
        if gap > allowed:
            raise CheckError(f"on {device.type}, output {number} differs from the module's by {gap:.3g}, more than {allowed:.3g}")
    variant = Variant(
        device.type, "aoti", limits, isa.to_dict(), compiled.weights, device=device.type, architectures=architectures_of(device)
    )
    return Built(variant, {f"{CODE}{device.type}/{file}": content for file, content in compiled.files.items()})


def compile_for_device(
    name: str, program: ExportedProgram, device: torch.device, isa: Isa, sizes: Mapping[str, tuple[int, int]], *, tf32: bool
) -> Built:
    """Compile a program that was recorded on the CPU.

    Parameters
    ----------
    name
        What the variant is called.
    program
        All of its tensors go to the device: the state, constants, and what it makes on its way.
    device
        Where it is compiled, and runs.
    isa
        For what runs on the CPU even so.
    sizes
        That the variant is for.
    tf32
        Whether it multiplies float32 matrices in TensorFloat-32.
    """
    step(f"compiling '{name}'")
    with allowed_in_tf32(tf32):
        compiled = compile_program(moved(program, device), isa, inductor.device_options(device.type))
    facts: dict[str, Any] = {"device": device.type, "architectures": architectures_of(device)}
    variant = Variant(name, "aoti", dict(sizes), isa.to_dict(), compiled.weights, **facts)
    return Built(variant, {f"{CODE}{name}/{file}": content for file, content in compiled.files.items()})


def moved(program: ExportedProgram, device: torch.device) -> ExportedProgram:
    """Return a program all of whose tensors are on a device."""
    with quiet():
        return move_to_device_pass(program, device)
