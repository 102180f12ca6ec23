"""A function of a training as code for a device: recorded as for the CPU, moved there, and compiled where such a device is."""

from __future__ import annotations

import torch
from torch.export import ExportedProgram
from torch.export.passes import move_to_device_pass

from ..compile.aoti import compile_program
from ..compile.variants import Built
from ..container.package import CODE
from ..contract.variants import Variant
from ..errors import ExportError
from ..pytorch import inductor
from ..pytorch.quiet import quiet
from ..report import step
from ..toolchain.devices import architectures_of
from ..toolchain.isa import Isa


def build_for_device(function: str, program: ExportedProgram, device: torch.device, isa: Isa) -> Built:
    """Compile a function for any size.

    Parameters
    ----------
    function
        What it is called; the variant has the device behind that.
    program
        As it was recorded on the CPU.
    device
        Where it is compiled, and runs.
    isa
        For what runs on the CPU even so.
    """
    name = f"{function}_{device.type}"
    step(f"compiling '{name}'")
    compiled = compile_program(moved(program, device), isa, inductor.device_options(device.type))
    if compiled.weights != "shared":
        raise ExportError(f"the compiler keeps tensors of its own in '{name}'", "please report the module")
    facts = {"device": device.type, "architectures": architectures_of(device)}
    variant = Variant(name, "aoti", {}, isa.to_dict(), "shared", **facts)
    return Built(variant, {f"{CODE}{name}/{file}": content for file, content in compiled.files.items()})


def moved(program: ExportedProgram, device: torch.device) -> ExportedProgram:
    """Return a program all of whose tensors are on a device: the state, constants, and what it makes on its way."""
    with quiet():
        return move_to_device_pass(program, device)
