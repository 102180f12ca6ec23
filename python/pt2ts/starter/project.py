"""A small project to start from: its files, filled in."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from ..errors import ExportError

TEMPLATE = Path(__file__).with_name("template")


class Format(StrEnum):
    """What kind of model file the project makes."""

    TORCHSCRIPT = "torchscript"
    PT2 = "pt2"


_MODELS = {Format.TORCHSCRIPT: "scheme.pt", Format.PT2: "scheme.pt2"}


def make_project(folder: Path, format_: Format = Format.TORCHSCRIPT) -> None:
    """Make the folder with all its files, or nothing.

    Raises
    ------
    ExportError
        When there is something already, or the folder cannot be made.
    """
    # They import torch, which the help need not wait for.
    from ..fortran.names import module_name
    from ..fortran.write import write_texts

    try:
        existed = folder.is_dir()
        if existed and any(folder.iterdir()):
            raise ExportError(f"the folder {folder} is not empty, and is left as it is", "choose another name, or empty it")
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(f"cannot make the folder {folder}: {error.strerror or error}") from error
    values = {"@NAME@": module_name(folder.resolve().name), "@MODEL@": _MODELS[format_]}
    try:
        write_texts({folder / file.name: _filled(file, values) for file in TEMPLATE.iterdir() if file.is_file()})
    except ExportError:
        if not existed:
            folder.rmdir()
        raise


def _filled(file: Path, values: dict[str, str]) -> str:
    text = file.read_text(encoding="utf-8")
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text
