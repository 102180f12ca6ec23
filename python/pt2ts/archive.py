"""Model files: written so that a reader sees the old file or the new one, never half of one; read without running code."""

from __future__ import annotations

import contextlib
import os
import secrets
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

import torch

from . import torchscript
from .errors import ExportError, LoadError, SpecError
from .filetype import DAMAGES, Kind, require_checksums, require_runnable, require_torchscript
from .golden import Golden, from_bytes
from .spec import GOLDEN_FILE, SPEC_FILE, Spec

StrPath = str | os.PathLike[str]


class Job(NamedTuple):
    """One file to write.

    Attributes
    ----------
    path
        Where to.
    fill
        Writes the content into an open file.
    check
        Called with the path of the finished temporary file; what it raises stops the replacement.
    """

    path: StrPath
    fill: Callable[[IO[bytes]], object]
    check: Callable[[Path], None]


def replace_files(jobs: Sequence[Job]) -> None:
    """Write files atomically.

    Each file gets a temporary name in its folder and is checked there. When all of them are good they take their final names. If
    anything fails, or the process is killed, older files are untouched.
    """
    # Short names of their own: the target's may already be as long as the file system allows.
    drafts = [Path(job.path).parent / f".pt2ts-{os.getpid()}-{secrets.token_hex(4)}.tmp" for job in jobs]
    target = Path(jobs[0].path)
    try:
        for job, draft in zip(jobs, drafts, strict=True):
            target = Path(job.path)
            with draft.open("xb") as file:
                job.fill(file)
                file.flush()
                os.fsync(file.fileno())
            job.check(draft)
        for job, draft in zip(jobs, drafts, strict=True):
            target = Path(job.path)
            draft.replace(target)
    except OSError as error:
        raise ExportError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        for draft in drafts:
            with contextlib.suppress(OSError):
                draft.unlink()


def write(script: torchscript.ScriptModule, path: StrPath, extra: Mapping[str, str | bytes], check: Callable[[Path], None]) -> None:
    """Write a TorchScript file with extra files by name; see `Job` for ``check``."""
    replace_files([Job(path, lambda file: torchscript.save(script, file, extra), check)])


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
