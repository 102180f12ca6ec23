"""Packages: the archive that holds the compiled variants of a model, its weights and its contract.

What the members are is in ``docs/package-format.md``. The archive is written here and not by PyTorch, so that the contract can be
the last member, with a digest of all others, and equal content gives equal bytes.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO

import torch

from .dtypes import DTYPES, name_of
from .errors import LoadError, SpecError
from .filetype import DAMAGES, require_unambiguous
from .spec import SPEC_FILE, Spec
from .variants import Weight

EXTRA = "extra/"
CODE = "data/aotinductor/"
SPEC = EXTRA + SPEC_FILE
WEIGHTS = EXTRA + "ftorch_weights.bin"
FALLBACK = EXTRA + "ftorch_fallback.pt"
PROGRAM = EXTRA + "ftorch_program.pt2"

#: Members that PyTorch's own reader asks for.
_MARKS = {"archive_format": b"pt2", "archive_version": b"0", ".data/version": b"6\n", "byteorder": b"little"}

#: The one folder of the archive. PyTorch takes the file's name, but files are renamed.
_ROOT = "model/"

#: Content begins at multiples of this in the file, and weights within their member: a cache line, the widest vector register.
ALIGNMENT = 64

_DATE = (1980, 1, 1, 0, 0, 0)
_LOCAL_HEADER = 30  # bytes before the name in a zip archive
_PADDING = b"FB"  # the field that PyTorch pads with
_FIELD_HEADER = 4


def kernel_member(variant: str) -> str:
    """Return the name of the member that holds a kernel."""
    return f"{EXTRA}ftorch_kernel_{variant}.so"


def pack_weights(tensors: Sequence[tuple[str, torch.Tensor]], parameters: frozenset[str]) -> tuple[bytes, tuple[Weight, ...]]:
    """Return the bytes of all weights, and where each of them begins: at one place for all names of one tensor."""
    blob, weights = bytearray(), []
    places: dict[tuple[object, ...], int] = {}
    for name, tensor in tensors:
        same = (tensor.untyped_storage().data_ptr(), tensor.storage_offset(), tensor.stride(), tensor.shape, tensor.dtype)
        if tensor.numel() == 0 or same not in places:
            blob.extend(bytes(-len(blob) % ALIGNMENT))
            places[same] = len(blob)
            data = tensor.detach().cpu().contiguous().reshape(-1)
            blob.extend(data.view(torch.uint8).numpy().tobytes())
        weights.append(Weight(name, name_of(tensor), tuple(tensor.shape), places[same], name in parameters))
    return bytes(blob), tuple(weights)


def unpack_weights(blob: bytes, weights: Sequence[Weight]) -> dict[str, torch.Tensor]:
    """Return the weights by name, each in memory of its own; several names of one tensor give that tensor."""
    found = {}
    places: dict[tuple[object, ...], torch.Tensor] = {}
    for weight in weights:
        same = (weight.offset, weight.shape, weight.dtype)
        if same in places:
            found[weight.name] = places[same]
            continue
        made = torch.empty(weight.shape, dtype=DTYPES[weight.dtype])
        size = made.numel() * made.element_size()
        data = blob[weight.offset : weight.offset + size]
        if len(data) != size:
            raise SpecError(f"the weight '{weight.name}' reaches beyond the end of the weights", "copy or export the file again")
        if size:
            made.reshape(-1).view(torch.uint8).copy_(torch.frombuffer(bytearray(data), dtype=torch.uint8))
        found[weight.name] = places[same] = made
    return found


def digest(members: Mapping[str, bytes]) -> str:
    """Return the SHA-256 over all members but the contract, in the order of their names."""
    total = hashlib.sha256()
    for name in sorted((name for name in members if name != SPEC), key=lambda name: name.encode()):
        for part in (name.encode(), members[name]):
            total.update(len(part).to_bytes(8, "little"))
            total.update(part)
    return total.hexdigest()


def save(file: IO[bytes], members: Mapping[str, bytes], spec: Spec) -> Spec:
    """Write a package into an open file.

    Parameters
    ----------
    file
        Where to.
    members
        Content by name, without the contract.
    spec
        The contract; its digest is filled in.

    Returns
    -------
    Spec
        The contract that was written.
    """
    whole = {**_MARKS, **members}
    spec = replace(spec, digest=digest(whole))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in [*sorted(whole.items()), (SPEC, spec.to_json().encode())]:
            archive.writestr(_entry(_ROOT + name, file.tell()), content)
    return spec


def _entry(name: str, position: int) -> zipfile.ZipInfo:
    """Return the head of a member, padded so that its content is aligned in the file and can be mapped into memory."""
    entry = zipfile.ZipInfo(name, _DATE)
    entry.external_attr = 0o644 << 16
    start = position + _LOCAL_HEADER + len(name.encode()) + _FIELD_HEADER
    padding = -start % ALIGNMENT
    entry.extra = _PADDING + padding.to_bytes(2, "little") + bytes(padding)
    return entry


def read_members(path: str | os.PathLike[str]) -> dict[str, bytes]:
    """Return all members of a package by name, after a look at checksums and digest."""
    try:
        with zipfile.ZipFile(path) as archive:
            require_unambiguous(path, archive.namelist())
            members = {item.filename.partition("/")[2]: archive.read(item) for item in archive.infolist()}
    except DAMAGES as error:
        raise LoadError(f"{path} is corrupt ({error})", "copy or export it again") from error
    if SPEC not in members:
        raise SpecError(
            f"{path} carries no spec: it was made by PyTorch and not by pt2ts",
            "export the module that it was made from by pt2ts export",
        )
    if digest(members) != Spec.from_json(members[SPEC]).digest:
        raise LoadError(f"{path} is corrupt: its content is not what its digest says", "copy or export it again")
    return members


def read_spec_of(path: str | os.PathLike[str]) -> Spec:
    """Return the contract of a package."""
    text = read_member(path, SPEC)
    if text is None:
        raise SpecError(f"{path} carries no spec")
    return Spec.from_json(text)


def read_member(path: str | os.PathLike[str], name: str) -> bytes | None:
    """Return one member, or None where there is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            require_unambiguous(path, archive.namelist())
            found = [item for item in archive.namelist() if item.partition("/")[2] == name]
            return archive.read(found[0]) if found else None
    except DAMAGES as error:
        raise LoadError(f"{path} is corrupt ({error})", "copy or export it again") from error


def models_in(path: Path) -> tuple[str, ...]:
    """Return the names of the models that AOTInductor compiled into a package."""
    with zipfile.ZipFile(path) as archive:
        inside = [name.partition("/")[2] for name in archive.namelist()]
    return tuple(dict.fromkeys(name.split("/")[2] for name in inside if name.startswith(CODE)))
