"""``export``: from a PyTorch module to a file that a Fortran program can trust."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from ..capture.draft import Draft, prepare
from ..capture.script import Converted, Method, convert
from ..capture.trials import Trial
from ..compile.options import package_options
from ..container.filetype import StrPath
from ..container.writing import Job, replace_files
from ..contract.declare import Bounds, Declared, as_declaration
from ..contract.dtypes import Precision, require_precision
from ..contract.golden import to_bytes
from ..contract.layout import Layout
from ..contract.spec import GOLDEN_FILE, SPEC_FILE, Spec, Symbol
from ..errors import DeclarationError, ExportError
from ..pytorch import torchscript
from ..report import Note, Progress, ignore
from ..runtime.fresh import loaded, start
from ..sources.onnx import declared_inputs, declared_outputs
from ..verification.compare import compare
from .formats import Format, choose_files


def export(
    module: torch.nn.Module,
    example_inputs: Any,
    path: StrPath,
    *,
    inputs: Declared | None = None,
    outputs: Declared | None = None,
    symbols: Mapping[str, Bounds] | None = None,
    dynamic_batch: bool = True,
    name: str | None = None,
    description: str = "",
    normalization: Literal["inside", "host"] = "inside",
    method: Method = "auto",
    golden: bool = True,
    flush_denormals: bool | None = None,
    format: Format | None = None,  # noqa: A002 - the word that users look for
    layout: Layout = "torch",
    isa: str | None = None,
    threads: int = 0,
    dtype: Precision | None = None,
    batch: Sequence[int] | None = None,
    fallback: bool = False,
    tolerance: float | None = None,
    progress: Progress | None = None,
    note: Note = ignore,
) -> Spec:
    """Write ``module`` as a model file with its contract and a golden sample: TorchScript, or a compiled package.

    The file is the module in evaluation mode on the CPU (a copy; yours keeps its mode and device). Before it takes its final name
    it is run by the C library in a fresh process and compared with the module, on the example inputs and on other sizes of every
    symbolic dimension.

    Parameters
    ----------
    module
        The module. Its forward takes tensors and returns a tensor or a nesting of tuples, lists and dictionaries of tensors.
        What turns raw data into an answer (scaling, masks, units) belongs inside it.
    example_inputs
        Typical inputs: a tensor, a sequence of them, or a mapping from name to tensor. None makes some from full
        declarations in ``inputs``. A trailing None stands for an optional argument left out.
    path
        The file to write. It is replaced in one step, at the end, and only when all checks pass.
    inputs
        One declaration per input, such as ``"column[batch,124] float32 K 180..320 -- temperature"`` (see `Declaration`). A
        number is a fixed size, a name a symbol, and the same name the same size. What is left out comes from the example.
    outputs
        The same for outputs: by the names they have in a dictionary or named tuple, in any order; or by new names, in flattened
        order (dictionaries by sorted key). Shapes and dtypes are found out by running the module; those given here are checked.
    symbols
        Bounds of symbols by name, ``{"batch": (1, 1024)}``; from 1 up without end by default.
    dynamic_batch
        For inputs declared without a shape: the first dimension is the symbol ``batch``, the others are fixed. False fixes all
        of them.
    name
        Name of the model; the file name without its extension by default.
    description
        One line for people.
    normalization
        ``inside`` when the caller passes physical units, ``host`` when it has to scale.
    method
        ``script`` compiles the source of forward, ``trace`` records what it does with the examples; ``auto`` scripts, and
        traces where scripting fails and nothing in forward depends on values.
    golden
        Store a golden sample: the example inputs (a smaller batch of them above 1 MB) with the module's outputs.
    flush_denormals
        Whether calls from Fortran flush numbers too small for the full precision to zero, which makes them faster where such
        numbers occur; None as the host program does.
    format
        ``torchscript``, ``pt2`` (compiled) or ``both``, side by side; by the name of the file by default: ``.pt2`` is compiled, all
        others are TorchScript.
    layout
        For packages: the memory order in which the caller has its inputs. ``fortran`` (first index fastest) is for a Fortran
        array ``x(n, nlev)`` of an input ``[n, nlev]``; ``torch`` (last index fastest) for ``x(nlev, n)`` passed with
        ``permute_dims=[2, 1]``.
    isa
        For packages: what the CPU that runs it can do, ``x86-64-v2``, ``x86-64-v3`` (AVX2; the default), ``x86-64-v4`` (AVX-512)
        or ``native`` (all that this one can do).
    threads
        For packages: 0 as many as the host program allows, otherwise that many.
    dtype
        ``float64`` or ``float32`` converts the module and all its floating-point inputs and outputs. ``bfloat16`` (packages only)
        is for the inside: inputs and outputs stay as they are.
    batch
        For packages: batch sizes that get a variant of their own, kept where it is faster than the one for any size. 1, 32 and 1024
        by default, as far as the bounds admit them; ``()`` for none.
    fallback
        For packages: put the TorchScript form into the package too, for CPUs that lack what ``isa`` asks for.
    tolerance
        The largest absolute difference between the file and the module that is allowed; otherwise what rounding explains: 1e-5
        (float32), 1e-10 (float64) or 0.04 (bfloat16, against the module in its own precision) of an element's own or the
        output's typical size, and more where the module's own copy in float64 shows that its rounding is larger.
    progress
        Called with a line of text before each step that takes long.
    note
        Called with every comparison of the file with the module, as a `Check`.

    Returns
    -------
    Spec
        The contract that was written; with ``both`` that of the package.

    Warns
    -----
    UserWarning
        The example lies outside a declared range, or results contain NaN or infinity.

    Raises
    ------
    UnexportableError
        The module cannot be expressed in the format; says why, where, and what to do.
    CheckError
        The file does not do what the module does, for instance because a trace froze the batch size.
    ExportError
        Anything else about the module or the file.
    DeclarationError
        A declaration cannot be read or contradicts the examples.

    Examples
    --------
    >>> pt2ts.export(net, torch.randn(8, 124), "scheme.pt", inputs=["column[batch,124] float32 K"])  # doctest: +SKIP
    """
    if normalization not in ("inside", "host"):
        raise DeclarationError(f"normalization is '{normalization}'", "either 'inside' or 'host'")
    if method not in ("auto", "script", "trace"):
        raise DeclarationError(f"method is '{method}'", "one of 'auto', 'script', 'trace'")
    script_file, package_file = choose_files(Path(path), format)
    _check_folder(Path(path))
    require_precision(dtype)
    options = package_options(layout, isa, threads, dtype, batch, fallback=fallback)
    if package_file is None:
        _refuse_package_options(layout=layout, isa=isa, threads=threads, batch=batch, fallback=fallback)
    if script_file is not None and dtype == "bfloat16":
        raise DeclarationError("dtype 'bfloat16' is for compiled packages", "write one with format 'pt2', or convert the module")
    start()
    draft = prepare(
        module,
        example_inputs,
        declared_inputs(module, dtype, open_shapes=not dynamic_batch) if inputs is None else list(map(as_declaration, inputs)),
        declared_outputs(module) if outputs is None else list(map(as_declaration, outputs)),
        {key: item if isinstance(item, Symbol) else Symbol(*item) for key, item in (symbols or {}).items()},
        dynamic_batch=dynamic_batch,
        dtype=dtype,
        golden=golden,
        name=name or Path(path).stem,
        description=description,
        normalization=normalization,
        flush_denormals=flush_denormals,
    )
    jobs = [] if script_file is None else [_script_job(script_file, draft, method, note, tolerance)]
    if package_file is None:
        replace_files(jobs)
        return draft.spec
    from ..compile.assemble import make_package
    from ..container.package import read_spec_of, save
    from ..verification.package import check_package

    tell = progress or (lambda _: None)
    package = make_package(draft, options, method, tell)
    tell("checking the package")
    job = Job(
        package_file,
        lambda file: save(file, package.members, package.spec),
        lambda file: check_package(file, package, note, tolerance),
    )
    replace_files([*jobs, job])
    return read_spec_of(package_file)


def _script_job(path: Path, draft: Draft, method: Method, note: Note, tolerance: float | None) -> Job:
    converted = convert(draft.module, draft.examples, method)
    extra: dict[str, str | bytes] = {SPEC_FILE: draft.spec.to_json()}
    if draft.golden is not None:
        extra[GOLDEN_FILE] = to_bytes(draft.golden)
    return Job(
        path,
        lambda file: torchscript.save(converted.script, file, extra),
        lambda file: _compare(file, draft.found, converted, note, tolerance),
    )


def _refuse_package_options(**given: object) -> None:
    """Refuse options that mean nothing for a TorchScript file, rather than ignore them."""
    plain = {"layout": "torch", "isa": None, "threads": 0, "batch": None, "fallback": False}
    for name, value in given.items():
        if value != plain[name]:
            raise DeclarationError(
                f"{name} is given, which means nothing for a TorchScript file",
                "leave it out; or write a compiled package: a file name with .pt2, or format 'pt2'",
            )


def _check_folder(path: Path) -> None:
    """Find out before the work that the file cannot be written."""
    if path.is_dir():
        raise ExportError(f"cannot write {path}: it is a folder", "give the name of a file, such as model.pt")
    if not path.parent.is_dir():
        raise ExportError(f"cannot write {path}: there is no folder {path.parent}")


def _compare(file: Path, found: Sequence[Trial], converted: Converted, note: Note, tolerance: float | None) -> None:
    why = converted.why_traced
    reason = "" if why is None else f"{why.reason}{f' at {why.where}' if why.where else ''}"
    with loaded(file) as model:
        compare(model.named, found, converted.method, reason, note=note, tolerance=tolerance)
