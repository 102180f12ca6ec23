"""What a file is, found out without running code in it. TorchScript and packages run in Fortran; others have their way there."""

from __future__ import annotations

import os
import warnings
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from enum import Enum, auto
from pathlib import Path

import torch

from ..errors import LoadError

StrPath = str | os.PathLike[str]


class Kind(Enum):
    """The kinds of files that PyTorch writes."""

    TORCHSCRIPT = auto()
    WEIGHTS = auto()
    PICKLE = auto()
    EXPORTED = auto()
    PACKAGE = auto()


#: What is told about a file that does not run in Fortran, and what to do about it.
_REFUSALS = {
    Kind.WEIGHTS: (
        "{file} holds weights saved by torch.save, not a model that runs without Python",
        "export the module that they belong to: pt2ts export package.module:factory --weights {file} --input ... -o model.pt",
    ),
    Kind.PICKLE: (
        "{file} holds a pickled module or other objects of Python, not a model that runs without it",
        "export it: pt2ts export {file} --trust-pickle --input ... -o model.pt",
    ),
    Kind.EXPORTED: (
        "{file} is a plain torch.export file, which only Python can run",
        "compile the module that it was made from: pt2ts export package.module:factory --input ... -o model.pt2",
    ),
    Kind.PACKAGE: (
        "{file} is a compiled package, and a TorchScript file is needed here",
        "'pt2ts tune' improves a package; to write it anew, export the module that it was made from",
    ),
}

_DAMAGED = "copy or export it again"

#: What reading a damaged archive may raise.
DAMAGES = (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError, RuntimeError, zlib.error)


def kind_of(file: Path) -> Kind:
    """Find out what a file is.

    Raises
    ------
    LoadError
        When it is damaged, or nothing that PyTorch writes.
    """
    with file.open("rb") as content:
        magic = content.read(4)
    if not magic:
        raise LoadError(f"{file} is empty", _DAMAGED)
    if magic.startswith(b"\x80"):
        return _pickled(file)
    if magic != b"PK\x03\x04":
        raise LoadError(f"{file} is no model file", "expected one made by pt2ts export")
    members = _members(file)
    names = {name.partition("/")[2] for name in members}
    pickled = "data.pkl" in names
    if pickled and any(name.startswith("code/") or name == "constants.pkl" for name in names):
        require_unambiguous(file, members)
        return Kind.TORCHSCRIPT
    # Ours may consist of kernels alone.
    if any("data/aotinductor/" in name for name in names) or names & {"extra/ftorch_weights.bin", "extra/ftorch_spec.json"}:
        require_unambiguous(file, members)
        return Kind.PACKAGE
    if any(name.startswith("models/") or name == "serialized_exported_program.json" for name in names):
        return Kind.EXPORTED
    if pickled:
        return _pickled(file)
    raise LoadError(f"{file} is a zip archive but no PyTorch model", "expected one made by pt2ts export")


def require_runnable(file: Path) -> Kind:
    """Return the kind of a file that runs in Fortran; refuse every other one with the way from there to such a file."""
    kind = kind_of(file)
    if kind not in (Kind.TORCHSCRIPT, Kind.PACKAGE):
        raise refusal(file, kind)
    return kind


def require_torchscript(file: Path) -> None:
    """Refuse every other kind with the way from there to a model file."""
    kind = kind_of(file)
    if kind is not Kind.TORCHSCRIPT:
        raise refusal(file, kind)


def refusal(file: Path, kind: Kind) -> LoadError:
    """Return the error for a file that is not TorchScript."""
    message, hint = _REFUSALS[kind]
    return LoadError(message.format(file=file), hint.format(file=file))


def require_checksums(file: Path) -> None:
    """Refuse an archive with changed bytes; PyTorch would load them."""
    try:
        with zipfile.ZipFile(file) as archive:
            changed = archive.testzip()
    except DAMAGES as error:
        raise LoadError(f"{file} is corrupt ({error})", _DAMAGED) from error
    if changed is not None:
        raise LoadError(f"{file} is corrupt: the checksum of '{changed}' is wrong", _DAMAGED)


def require_unambiguous(file: StrPath, members: Sequence[str]) -> None:
    """Refuse members in several folders or of one name: two readers of such a file could find two contracts."""
    if len(set(members)) < len(members):
        twice = next(name for name in members if members.count(name) > 1)
        raise LoadError(f"{file} is corrupt: it has two members '{twice}'", _DAMAGED)
    others = [name for name in members if name.partition("/")[0] != members[0].partition("/")[0]]
    if others:
        raise LoadError(
            f"{file} is corrupt: its members lie in several folders ('{members[0]}' and '{others[0]}'), so that it could hold two "
            "contracts",
            _DAMAGED,
        )


def _members(file: Path) -> list[str]:
    try:
        with zipfile.ZipFile(file) as archive:
            # The golden sample is an archive inside the archive, which a zip reader may find in the stump of a damaged file.
            if min((item.header_offset for item in archive.infolist()), default=0) == 0:
                return archive.namelist()
    except DAMAGES:
        pass
    raise LoadError(f"{file} is truncated or corrupt: its beginning or its table of contents is missing", _DAMAGED)


def _pickled(file: Path) -> Kind:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch wonders about pickles that it did not write
            content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception:  # noqa: BLE001 - torch reports everything but plain data in many ways
        return Kind.PICKLE
    return Kind.WEIGHTS if isinstance(content, Mapping) else Kind.PICKLE
