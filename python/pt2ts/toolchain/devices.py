"""Devices that code can be compiled for and run on, and what of them this machine has."""

from __future__ import annotations

import torch

from ..errors import DeclarationError, NoDeviceError, option

#: What the user may ask for, and PyTorch's name for it.
KINDS = {"cuda": "cuda", "hip": "cuda", "xpu": "xpu", "mps": "mps"}

#: PyTorch's names, and the numbers that the library has for them.
CODES = {"cpu": 0, "cuda": 1, "xpu": 12, "mps": 13, "privateuseone": 20}


def find_device(kind: str) -> torch.device:
    """Return the device of a kind that code is compiled on.

    Raises
    ------
    NoDeviceError
        When there is none: PyTorch's compiler measures and compiles on the device itself.
    """
    return _found(
        kind,
        "code for a device is compiled where there is one, by a PyTorch that was built for it; or leave it out and give "
        f"{option('fallback', True)}: the TorchScript form of a package runs on every device",
    )


def device_to_run_on(kind: str | None) -> str:
    """Return PyTorch's name of a kind of device of this machine; the CPU's for None.

    Raises
    ------
    NoDeviceError
        When there is none.
    """
    if kind in (None, "cpu"):
        return "cpu"
    return _found(kind, "do this where there is one, with a PyTorch that was built for it; or leave it out: on the CPU").type


def _found(kind: str, hint: str) -> torch.device:
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if found is not None and found.type == KINDS.get(kind, kind):
        return found
    if kind not in KINDS:
        raise DeclarationError(f"device is '{kind}'", f"one of {', '.join(KINDS)}")
    there = "no device but the CPU" if found is None else f"'{found.type}'"
    raise NoDeviceError(f"device is '{kind}', and PyTorch {torch.__version__} finds {there} on this machine", hint)


def architectures_of(device: torch.device) -> tuple[str, ...]:
    """Return what code for a device runs on, in the contract's words: its own generation, and later ones by translation."""
    if device.type != "cuda" or torch.version.cuda is None:
        return ()
    major, minor = torch.cuda.get_device_capability(device)
    return (f"sm_{major}{minor}", f"compute_{major}{minor}")
