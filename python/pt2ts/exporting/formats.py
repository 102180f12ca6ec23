"""The formats of model files, and which one a file name asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ..errors import DeclarationError

Format = Literal["torchscript", "pt2", "both"]


FORMATS = ("torchscript", "pt2", "both")


_SUFFIXES = {".pt": "torchscript", ".pt2": "pt2"}


def choose_files(path: Path, wanted: str | None) -> tuple[Path | None, Path | None]:
    """Return the TorchScript file and the package to write, either of which may be None."""
    if wanted is not None and wanted not in FORMATS:
        raise DeclarationError(f"format is '{wanted}'", f"one of {', '.join(FORMATS)}")
    by_name = _SUFFIXES.get(path.suffix)
    if wanted == "both":
        return path.with_suffix(".pt") if by_name else path.with_name(path.name + ".pt"), (
            path.with_suffix(".pt2") if by_name else path.with_name(path.name + ".pt2")
        )
    if wanted and by_name and wanted != by_name:
        raise DeclarationError(
            f"format is '{wanted}', but the file {path.name} is named like one of format '{by_name}'",
            "a TorchScript file ends in .pt, a compiled package in .pt2; format 'both' writes the two side by side",
        )
    kind = wanted or by_name or "torchscript"
    return (path, None) if kind == "torchscript" else (None, path)
