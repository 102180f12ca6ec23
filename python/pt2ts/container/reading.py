"""What model files say about themselves, read without running code in them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import torch

from ..contract.golden import Golden, from_bytes
from ..contract.spec import GOLDEN_FILE, SPEC_FILE, Spec
from ..errors import LoadError, SpecError
from ..pytorch import torchscript
from .filetype import DAMAGES, Kind, StrPath, require_checksums, require_runnable, require_torchscript


def load_script(path: StrPath) -> torchscript.ScriptModule:
    """Load a TorchScript file onto the CPU."""
    file = _existing(path)
    require_torchscript(file)
    require_checksums(file)
    try:
        script = torchscript.load(file)
    except (RuntimeError, ValueError) as error:
        reason = str(error).split("\n")[0].split(". ")[0]  # the rest is advice for others
        raise LoadError(f"{file} cannot be loaded by PyTorch {torch.__version__}: {reason}", "copy or export it again") from error
    if not hasattr(script, "forward"):
        raise LoadError(f"the TorchScript module in {file} has no forward", "give it that method and export it again")
    return script


def read_spec(path: StrPath) -> Spec:
    """Return the spec in a model file.

    Raises
    ------
    SpecError
        When the file has none; any plain ``torch.jit.save`` file is like that.
    LoadError
        When it is no model file: weights, a pickled module, a damaged file.
    """
    spec = find_spec(path)
    if spec is None and require_runnable(Path(path)) is Kind.PACKAGE:
        raise SpecError(
            f"{path} carries no spec (a package that PyTorch wrote, and not pt2ts)",
            "the Fortran library runs it unchecked where it is told to trust it; a spec comes from exporting the module by pt2ts",
        )
    if spec is None:
        raise SpecError(
            f"{path} carries no spec (a plain TorchScript file)",
            f"the Fortran library runs it unchecked; add a spec by 'pt2ts export {path} --input ... -o new.pt'",
        )
    return spec


def find_spec(path: StrPath) -> Spec | None:
    """Return the spec in a model file, or None for one without."""
    text = _read_extra(path, SPEC_FILE)
    return None if text is None else Spec.from_json(text)


def read_golden(path: StrPath) -> Golden | None:
    """Return the golden sample in a model file, or None."""
    data = _read_extra(path, GOLDEN_FILE)
    return None if data is None else from_bytes(data)


def _read_extra(path: StrPath, name: str) -> bytes | None:
    """Read one extra file out of the archive; a zip reader needs no torch and runs no code."""
    file = _existing(path)
    require_runnable(file)
    try:
        with zipfile.ZipFile(file) as archive:
            members = [member for member in archive.namelist() if member.endswith(f"/extra/{name}")]
            return archive.read(members[0]) if members else None
    except DAMAGES as error:
        raise LoadError(f"{file} is corrupt ({error})", "copy or export it again") from error


def _existing(path: StrPath) -> Path:
    file = Path(path)
    if not file.is_file():
        raise LoadError(f"there is no file {file}" if not file.exists() else f"{file} is not a file")
    return file
