"""Files are written so that a reader sees the old one or the new one, never half of one."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from ..errors import ExportError
from ..pytorch import torchscript
from .filetype import StrPath


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
    """Write files atomically: all of them, or none.

    Each file gets a temporary name in its folder and is checked there. When all of them are good they take their final names,
    through links to the files that are meant; a file that is replaced keeps its mode, owner and access list as far as the system
    allows. If anything fails, the older files are back. A process that is killed leaves each file as it was or as it shall be.
    """
    targets = [Path(job.path).resolve() for job in jobs]
    drafts = [_beside(target) for target in targets]
    target = Path(jobs[0].path)
    try:
        for job, path, draft in zip(jobs, targets, drafts, strict=True):
            target = Path(job.path)
            with draft.open("xb") as file:
                job.fill(file)
                file.flush()
                make_like(file.fileno(), path)
                os.fsync(file.fileno())
            job.check(draft)
        target = Path(jobs[-1].path)
        _give_names(drafts, targets)
    except OSError as error:
        raise ExportError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        for draft in drafts:
            with contextlib.suppress(OSError):
                draft.unlink()


def _beside(target: Path) -> Path:
    """Return an unused short name in the folder of a file, whose own may already be as long as the file system allows."""
    return target.parent / f".pt2ts-{os.getpid()}-{secrets.token_hex(4)}.tmp"


def _give_names(drafts: Sequence[Path], targets: Sequence[Path]) -> None:
    """Let drafts take the names of files; when one cannot, those that could give theirs back."""
    old: list[Path | None] = []
    taken = 0
    try:
        if len(targets) > 1:
            old.extend(_second_name(target) for target in targets)  # one by one: those before a failure are to go again
        for draft, target in zip(drafts, targets, strict=True):
            draft.replace(target)
            taken += 1
    except OSError:
        for target, before in zip(targets[:taken], old, strict=False):
            with contextlib.suppress(OSError):
                if before is None:
                    target.unlink()
                else:
                    before.replace(target)
        raise
    finally:
        for before in old:
            if before is not None:
                before.unlink(missing_ok=True)


def _second_name(file: Path) -> Path | None:
    """Give a file another name too, under which it is found when its own is taken; None where there is no file."""
    if not file.is_file():
        return None
    name = _beside(file)
    try:
        name.hardlink_to(file)
    except OSError:  # not on every file system
        shutil.copy2(file, name)
    return name


def make_like(file: int, replaced: Path) -> None:
    """Give an open file the mode, owner and access list of the one that it replaces, as far as the system allows."""
    if not replaced.is_file():
        return
    old = replaced.stat()
    mode = stat.S_IMODE(old.st_mode)
    for owner in (old.st_uid, -1):
        with contextlib.suppress(OSError):
            os.fchown(file, owner, old.st_gid)
            break
    mine = os.fstat(file)
    if mine.st_uid != old.st_uid:
        mode &= 0o777
    if mine.st_gid != old.st_gid:  # rights of a group that it cannot have are not for another one
        mode = mode & ~0o070 | (mode & 0o007) << 3
    os.fchmod(file, mode)
    with contextlib.suppress(OSError):
        for name in os.listxattr(replaced):
            with contextlib.suppress(OSError):
                os.setxattr(file, name, os.getxattr(replaced, name))


def write_script(
    script: torchscript.ScriptModule, path: StrPath, extra: Mapping[str, str | bytes], check: Callable[[Path], None]
) -> None:
    """Write a TorchScript file with extra files by name; see `Job` for ``check``."""
    replace_files([Job(path, lambda file: torchscript.save(script, file, extra), check)])
