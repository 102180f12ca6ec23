"""``pt2ts convert``: compiled packages from TorchScript files, where the Python module is at hand."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ..container.filetype import Kind, StrPath, kind_of
from ..container.reading import load_script, read_golden, read_spec
from ..container.writing import make_like
from ..contract.formats import Package
from ..contract.layout import layout_of
from ..contract.spec import Spec
from ..contract.tolerance import exceeds, worst
from ..contract.words import CHECKS
from ..errors import ExportError, LoadError, Pt2tsError
from ..verification.cases import Cases
from ..verification.reference import Reference, of_module
from ..verification.verify import verify
from .export import export

#: Headings of `Result.row`.
COLUMNS = ("file", "package", "variants", "")

_BATCHES = (1, 7)


@dataclass(frozen=True)
class Result:
    """What became of one file.

    Attributes
    ----------
    source, target
        The TorchScript file, and the package.
    variants
        Names of the variants in the package.
    error
        Why there is none; None when all went well.
    """

    source: Path
    target: Path
    variants: tuple[str, ...] = ()
    error: Pt2tsError | None = None

    def row(self) -> tuple[str, ...]:
        """Return the cells of the table."""
        target = "" if self.error else str(self.target)
        return str(self.source), target, " ".join(self.variants), "FAILED" if self.error else "ok, verified"

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        error = None if self.error is None else {"message": self.error.message, "hint": self.error.hint}
        return {"source": str(self.source), "target": str(self.target), "variants": list(self.variants), "error": error}


def convert(
    files: Sequence[StrPath], make: Callable[[], torch.nn.Module], folder: StrPath | None = None, package: Package | None = None
) -> Iterator[Result]:
    """Make compiled packages of TorchScript files, one after the other; one that fails does not stop the others.

    Parameters
    ----------
    files
        TorchScript files with contracts.
    make
        Makes the module that they were exported from; each file's own weights are loaded into it.
    folder
        Where the packages go; beside the files otherwise. They keep the files' names, with ``.pt2``.
    package
        The options of the packages.

    Yields
    ------
    Result
        What became of each file.

    Raises
    ------
    ExportError
        Before anything is done: there is no such folder, or two files would become one package.
    """
    wanted = package or Package()
    wanted.instruction_set()
    sources = [Path(file) for file in files]
    targets = [(file.parent if folder is None else Path(folder)) / f"{file.stem}.pt2" for file in sources]
    if folder is not None and not Path(folder).is_dir():
        raise ExportError(f"there is no folder {folder}", f"make it: mkdir -p {folder}")
    for target in targets:
        if targets.count(target) > 1:
            names = ", ".join(str(file) for file, name in zip(sources, targets, strict=True) if name == target)
            raise ExportError(f"{names} would all become {target}", "convert them into different folders")
    return (_result(file, target, make, wanted) for file, target in zip(sources, targets, strict=True))


def _result(file: Path, target: Path, make: Callable[[], torch.nn.Module], package: Package) -> Result:
    try:
        return Result(file, target, _convert(file, target, make(), package))
    except Pt2tsError as error:
        return Result(file, target, error=error)


def _convert(file: Path, target: Path, module: torch.nn.Module, package: Package) -> tuple[str, ...]:
    """Write one package and return the names of its variants; nothing is written unless every check passes."""
    spec = read_spec(file)
    if kind_of(file) is not Kind.TORCHSCRIPT:
        raise LoadError(f"{file} is a compiled package already", "pt2ts convert takes TorchScript files")
    script = load_script(file)
    _take_weights(module, script.state_dict(), file)
    reference = of_module(module, spec)
    assert reference.module is not None  # noqa: S101 - that is what it was made from
    sample = read_golden(file)
    _require_same(file, spec, reference, Reference(script.eval(), "", {}))
    inputs = {size for item in spec.inputs for size in item.shape if isinstance(size, str)}
    try:
        with tempfile.TemporaryDirectory(prefix=".pt2ts-", dir=target.parent) as folder:
            draft = Path(folder) / target.name
            made = export(
                reference.module,
                None if sample is None else sample.inputs,
                draft,
                inputs=spec.inputs,
                outputs=spec.outputs,
                symbols={name: symbol for name, symbol in spec.symbols.items() if name in inputs},
                name=spec.name,
                description=spec.description,
                provenance=spec.provenance,
                normalization="host" if spec.normalization == "host" else "inside",
                golden=sample is not None,
                format=package if package.layout else replace(package, layout=layout_of(spec.inputs)),
            )
            # The old file's own numbers, through the library: what a program gets is what it got before.
            if sample is not None and not all(
                item.passed for item in verify(draft, skip=[check for check in CHECKS if check != "golden"])
            ):
                raise ExportError(f"the package made from {file} does not reproduce its golden sample in a fresh process")
            with draft.open("rb+") as made_file:
                make_like(made_file.fileno(), target)
            draft.replace(target.resolve())
    except OSError as error:
        raise ExportError(f"cannot write {target}: {error.strerror or error}") from error
    return tuple(item.name for item in made.variants)


def _take_weights(module: torch.nn.Module, state: dict[str, torch.Tensor], file: Path) -> None:
    """Load the weights of a file into the module; buffers that the module does not save are its own."""
    wanted = module.state_dict()
    for name, value in wanted.items():
        if name in state and value.is_floating_point() and state[name].dtype != value.dtype:
            module.to(state[name].dtype)  # the file was exported with another dtype
            break
    transient = {name for name, _ in module.named_buffers()} - set(wanted)
    try:
        module.load_state_dict({name: value for name, value in state.items() if name not in transient})
    except RuntimeError as error:
        details = " ".join(str(error).split())
        raise LoadError(
            f"the weights in {file} do not fit the module: {details}", "name the module and arguments (--arg) that it was made from"
        ) from error


def _require_same(file: Path, spec: Spec, module: Reference, script: Reference) -> None:
    """Refuse a module whose code is not that of the file."""
    cases = Cases(spec, read_golden(file))
    sizes: Sequence[int | None] = cases.admitted(_BATCHES) or [None]
    for size in sizes:
        inputs = cases.random(size)
        try:
            want, have = script.run(inputs), module.run(inputs)
        except Exception as error:
            why = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            raise ExportError(f"the module fails on inputs of {file}: {why}", _SAME) from error
        if [(x.shape, x.dtype) for x in want] != [(x.shape, x.dtype) for x in have]:
            raise ExportError(f"the module gives other outputs than {file}", _SAME)
        for item, a, b in zip(spec.outputs, want, have, strict=True):
            if exceeds(a, b):
                gap = worst(a, b)[0]
                raise ExportError(f"the module does not do what {file} does: output '{item.name}' differs by {gap:.3g}", _SAME)


_SAME = "its code has changed since, or it is another one; pt2ts verify --against says more"
