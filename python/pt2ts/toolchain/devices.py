"""Devices that code can be compiled for, and what of them this machine has."""

from __future__ import annotations

import torch

from ..errors import DeclarationError, option

#: What the user may ask for, and PyTorch's name for it.
KINDS = {"cuda": "cuda", "hip": "cuda", "xpu": "xpu", "mps": "mps"}


def find_device(kind: str) -> torch.device:
    """Return the device of a kind that code is compiled on.

    Raises
    ------
    DeclarationError
        When there is none: PyTorch's compiler measures and compiles on the device itself.
    """
    if kind not in KINDS:
        raise DeclarationError(f"device is '{kind}'", f"one of {', '.join(KINDS)}")
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if found is None or found.type != KINDS[kind]:
        there = "no device but the CPU" if found is None else f"'{found.type}'"
        raise DeclarationError(
            f"device is '{kind}', and PyTorch {torch.__version__} finds {there} on this machine",
            "code for a device is compiled where there is one, by a PyTorch that was built for it; or leave it out and give "
            f"{option('fallback', True)}: the TorchScript form of a package runs on every device",
        )
    return found


def architectures_of(device: torch.device) -> tuple[str, ...]:
    """Return what code for a device runs on, in the contract's words: its own generation, and later ones by translation."""
    if device.type != "cuda" or torch.version.cuda is None:
        return ()
    major, minor = torch.cuda.get_device_capability(device)
    return (f"sm_{major}{minor}", f"compute_{major}{minor}")
