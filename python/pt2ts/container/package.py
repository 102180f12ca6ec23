"""Packages: the archive that holds the compiled variants of a model, its weights and its contract.

What the members are is in ``docs/package-format.md``. The archive is written here and not by PyTorch, so that the contract can be
the last member, with a digest of all others, and equal content gives equal bytes.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, TypeVar

import torch

from ..contract.dtypes import DTYPES, name_of
from ..contract.spec import SPEC_FILE, Spec, TensorSpec
from ..contract.training import Exchange, StateEntry, TrainingSpec
from ..contract.variants import Variant, Weight
from ..errors import LoadError, SpecError
from .filetype import DAMAGES, require_unambiguous

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
_WIDE_FIELD = 20  # of sizes with 64 bits
_WIDE_FROM = 1 << 30  # well below the size from which the zip module would take them by itself

_PIECE = 1 << 20


def kernel_member(variant: str) -> str:
    """Return the name of the member that holds a kernel."""
    return f"{EXTRA}ftorch_kernel_{variant}.so"


class Blob:
    """The bytes of all weights, which stay where the tensors have them: they are as large as the model."""

    def __init__(self) -> None:
        self._pieces: list[bytes | torch.Tensor] = []
        self._size = 0

    def add(self, tensor: torch.Tensor) -> int:
        """Append a tensor and return where it begins."""
        padding = -self._size % ALIGNMENT
        plain = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        self._pieces += [bytes(padding), plain]
        self._size += padding + plain.numel()
        return self._size - plain.numel()

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes | memoryview]:
        return (piece if isinstance(piece, bytes) else piece.numpy().data for piece in self._pieces)

    def __bytes__(self) -> bytes:
        return b"".join(self)


@dataclass(frozen=True)
class Stored:
    """A member that stays in the file where it is, and is read piece by piece."""

    path: str | os.PathLike[str]
    item: zipfile.ZipInfo

    def __len__(self) -> int:
        return self.item.file_size

    def __iter__(self) -> Iterator[bytes]:
        with zipfile.ZipFile(self.path) as archive, archive.open(self.item) as member:
            while piece := member.read(_PIECE):
                yield piece

    def __bytes__(self) -> bytes:
        return b"".join(self)


#: What was read of a file, in the one way or the other.
Kept = TypeVar("Kept", bytes, Stored)

#: What a member can be before it is written. Weights that were read are a view of memory that tensors can lie in.
Content = bytes | memoryview | Blob | Stored


def pack_weights(tensors: Sequence[tuple[str, torch.Tensor]], parameters: frozenset[str]) -> tuple[Blob, tuple[Weight, ...]]:
    """Return the bytes of all weights, and where each of them begins: at one place for all names of one tensor."""
    blob, weights = Blob(), []
    places: dict[tuple[object, ...], int] = {}
    for name, tensor in tensors:
        same = (tensor.untyped_storage().data_ptr(), tensor.storage_offset(), tensor.stride(), tensor.shape, tensor.dtype)
        if tensor.numel() == 0 or same not in places:
            places[same] = blob.add(tensor)
        weights.append(Weight(name, name_of(tensor), tuple(tensor.shape), places[same], name in parameters))
    return blob, tuple(weights)


def unpack_weights(blob: Content, weights: Sequence[Weight]) -> dict[str, torch.Tensor]:
    """Return the weights by name: in the memory of a view that can be written, else in memory of their own.

    Several names of one tensor give that tensor.
    """
    view = blob if isinstance(blob, memoryview) and not blob.readonly else memoryview(bytearray(bytes(blob)))
    found = {}
    places: dict[tuple[object, ...], torch.Tensor] = {}
    for weight in weights:
        same = (weight.offset, weight.shape, weight.dtype)
        if same not in places:
            dtype = DTYPES[weight.dtype]
            size = math.prod(weight.shape) * dtype.itemsize
            data = view[weight.offset : weight.offset + size]
            if len(data) != size:
                hint = "copy or export the file again"
                raise SpecError(f"the weight '{weight.name}' reaches beyond the end of the weights", hint)
            # No view of another tensor: programs detach their constants in place.
            made = torch.empty(weight.shape if size == 0 else 0, dtype=dtype)
            if size:
                strides = torch.empty(weight.shape, device="meta").stride()
                made.set_(torch.frombuffer(data, dtype=dtype).untyped_storage(), 0, weight.shape, strides)
            places[same] = made
        found[weight.name] = places[same]
    return found


def digest(members: Mapping[str, Content]) -> str:
    """Return the SHA-256 over all members but the contract, in the order of their names."""
    total = hashlib.sha256()
    for name in sorted((name for name in members if name != SPEC), key=lambda name: name.encode()):
        for part in (name.encode(), members[name]):
            total.update(len(part).to_bytes(8, "little"))
            for piece in _pieces(part):
                total.update(piece)
    return total.hexdigest()


def save(file: IO[bytes], members: Mapping[str, Content], spec: Spec) -> Spec:
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
    whole: dict[str, Content] = {**_MARKS, **members}
    spec = replace(spec, digest=digest(whole))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in [*sorted(whole.items()), (SPEC, spec.to_json().encode())]:
            entry, wide = _entry(_ROOT + name, len(content), file.tell())
            with archive.open(entry, "w", force_zip64=wide) as member:
                for piece in _pieces(content):
                    member.write(piece)
    return spec


def _pieces(content: Content) -> Iterable[bytes | memoryview]:
    return content if isinstance(content, Blob | Stored) else (content,)


def _entry(name: str, size: int, position: int) -> tuple[zipfile.ZipInfo, bool]:
    """Return the head of a member, and whether its sizes are to have 64 bits.

    It is padded so that the content is aligned in the file: what is aligned can be used where it lies.
    """
    entry = zipfile.ZipInfo(name, _DATE)
    entry.file_size = size
    entry.external_attr = 0o644 << 16
    wide = size >= _WIDE_FROM
    start = position + _LOCAL_HEADER + len(name.encode()) + _FIELD_HEADER + (_WIDE_FIELD if wide else 0)
    padding = -start % ALIGNMENT
    entry.extra = _PADDING + padding.to_bytes(2, "little") + bytes(padding)
    return entry, wide


def read_members(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return all members of a package by name, after a look at checksums and digest.

    The weights are a view of memory in which tensors can lie, everything else is bytes.
    """
    members: dict[str, Any] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            require_unambiguous(path, archive.namelist())
            for item in archive.infolist():
                name = item.filename.partition("/")[2]
                members[name] = _read_into_memory(archive, item) if name == WEIGHTS else archive.read(item)
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


def stored_members(path: str | os.PathLike[str]) -> dict[str, Stored]:
    """Return all members of a package that this process has just written, by name, where they are."""
    with zipfile.ZipFile(path) as archive:
        return {item.filename.partition("/")[2]: Stored(path, item) for item in archive.infolist()}


def _read_into_memory(archive: zipfile.ZipFile, item: zipfile.ZipInfo) -> memoryview:
    """Read a large member without a second copy of it, into memory that is aligned as PyTorch aligns its own."""
    view = torch.empty(item.file_size, dtype=torch.uint8).numpy().data
    with archive.open(item) as member:
        done = 0
        while piece := member.read(_PIECE):
            view[done : done + len(piece)] = piece
            done += len(piece)
    return view


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


def members_of(variant: Variant, members: Mapping[str, Kept]) -> dict[str, Kept]:
    """Return the members of a package that belong to a variant."""
    if variant.kind == "torchscript":
        return {FALLBACK: members[FALLBACK]}
    if variant.kind == "kernel":
        return {kernel_member(variant.name): members[kernel_member(variant.name)]}
    folder = f"{CODE}{variant.name}/"
    return {name: content for name, content in members.items() if name.startswith(folder)}


def read_training_spec(path: str | os.PathLike[str]) -> TrainingSpec:
    """Return the contract of a training package.

    Raises
    ------
    SpecError
        When the file has none, or one that is not of a training package.
    """
    text = read_member(path, SPEC)
    if text is None:
        raise SpecError(f"{path} carries no spec")
    common = Spec.from_json(text)
    if common.kind != "training":
        raise SpecError(f"{path} is no training package", "pt2ts export-training makes one")
    try:
        data = json.loads(text)
        return TrainingSpec(
            **vars(common),
            targets=tuple(TensorSpec.from_dict(item) for item in data["targets"]),
            state=tuple(StateEntry.from_dict(item) for item in data["state"]),
            training=dict(data["training"]),
            exchange=Exchange.from_dict(data["exchange"]) if "exchange" in data else None,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise SpecError(f"the spec cannot be read ({type(error).__name__}: {error})") from error
