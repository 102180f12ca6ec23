"""Writing generated files: all of them or none, and over nothing that somebody wrote by hand."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ..container.filetype import StrPath
from ..container.writing import Job, replace_files
from ..errors import ExportError
from .kinds import check_kind
from .names import check_module_name, module_name
from .render import render_module
from .view import module_view

#: What the first line of every generated file says.
MARK = "Made by pt2ts fortran"


def write_fortran(
    path: StrPath,
    output: StrPath,
    module: str | None = None,
    *,
    kind: str | None = None,
    guard: bool = False,
    program: bool = False,
    force: bool = False,
) -> list[Path]:
    """Write a module for a model file, and a program around it if wanted; return the files.

    Parameters
    ----------
    path, module, kind, guard
        Those of `fortran_module`; the name of the module is otherwise made from that of ``output``.
    output
        The source file of the module.
    program
        Whether ``main.f90`` and ``CMakeLists.txt`` are written into its folder too.
    force
        Whether files are overwritten that were not made here.

    Raises
    ------
    ExportError
        When a file cannot be written, or was not made here. Then none is written.
    """
    target = Path(output)
    name = module_name(target.stem) if module is None else check_module_name(module)
    view = module_view(path, name, check_kind(kind), guard=guard)
    texts = {target: render_module(view)}
    if program:
        from .program import render_program

        texts |= {target.with_name(file): text for file, text in render_program(view, target.name).items()}
    if not force:
        for file in texts:
            _refuse_foreign(file)
    write_texts(texts)
    return list(texts)


def write_texts(texts: Mapping[Path, str]) -> None:
    """Write text files, all of them or none."""
    replace_files([_job(file, text.encode()) for file, text in texts.items()])


def _job(file: Path, content: bytes) -> Job:
    return Job(file, lambda stream: stream.write(content), lambda _: None)


def _refuse_foreign(file: Path) -> None:
    if not os.path.lexists(file):
        return
    try:
        with file.open(encoding="utf-8", errors="replace") as stream:
            ours = MARK in stream.readline()
    except OSError as error:
        raise ExportError(f"cannot write {file}: {error.strerror or error}") from error
    if not ours:
        raise ExportError(
            f"{file} was not made by pt2ts fortran, and is left as it is", "choose another name, or overwrite it by --force"
        )
