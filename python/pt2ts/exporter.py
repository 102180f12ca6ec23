"""``export``: from a PyTorch module to a file that a Fortran program can trust."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from ._version import __version__
from .archive import StrPath, load_script, write
from .check import Trial, compare, output_shapes, trials
from .convert import Converted, Method, convert
from .declare import Declaration, arrange, as_declaration
from .dtypes import name_of
from .errors import DeclarationError, ExportError
from .examples import collect, input_specs, make, symbol_sizes
from .golden import sample, to_bytes
from .prepare import evaluation_copy
from .remarks import remarks
from .spec import GOLDEN_FILE, MAX_SYMBOLS, SPEC_FILE, Spec, Symbol, TensorSpec

Declared = Sequence[str | Declaration | TensorSpec]
Bounds = Symbol | tuple[int, int | None]


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
) -> Spec:
    """Write ``module`` as a TorchScript file with its contract and a golden sample.

    The file is the module in evaluation mode on the CPU (a copy; yours keeps its mode and device). Before it takes its final
    name it is loaded again and compared with the module on the example inputs and on other sizes of every symbolic dimension.

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

    Returns
    -------
    Spec
        The contract that was written.

    Warns
    -----
    UserWarning
        The example lies outside a declared range, or results contain NaN or infinity.

    Raises
    ------
    UnexportableError
        TorchScript cannot express the module; says why, where, and what to do.
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
    _check_folder(Path(path))
    eager = evaluation_copy(module)
    declared = None if inputs is None else [as_declaration(item) for item in inputs]
    bounds = {key: item if isinstance(item, Symbol) else Symbol(*item) for key, item in (symbols or {}).items()}
    if example_inputs is not None:
        examples = collect(eager, example_inputs, [item.name for item in declared or ()])
    elif declared is not None:
        examples = make(declared, bounds)
    else:
        raise DeclarationError("neither example inputs nor declarations are given", "pass one of them")

    input_spec = input_specs(eager, examples, declared, dynamic_batch=dynamic_batch)
    sizes = symbol_sizes(input_spec, examples)
    bounds = _bounds(bounds, sizes)
    found = trials(eager, input_spec, examples, sizes, bounds)
    converted = convert(eager, examples, method)
    kept = sample(eager, input_spec, found[0], bounds) if golden else None
    if golden and kept is None:
        warnings.warn("the example inputs are too large to store: the file gets no golden sample", stacklevel=2)

    output_spec = _output_specs(found, None if outputs is None else [as_declaration(item) for item in outputs])
    for remark in remarks(input_spec, output_spec, found[0]):
        warnings.warn(remark, stacklevel=2)
    free = {size for tensor in output_spec for size in tensor.shape if isinstance(size, str)} - set(bounds)
    _check_symbols(len(bounds) + len(free))
    spec = Spec(
        torch=torch.__version__.split("+")[0],
        producer=f"pt2ts {__version__}",
        name=name or Path(path).stem,
        description=description,
        inputs=_unique(input_spec, "inputs"),
        outputs=_unique(output_spec, "outputs"),
        symbols=bounds | {size: Symbol(min=0) for size in sorted(free)},
        normalization=normalization,
        golden=kept is not None,
    )
    extra: dict[str, str | bytes] = {SPEC_FILE: spec.to_json()}
    if kept is not None:
        extra[GOLDEN_FILE] = to_bytes(kept)
    write(converted.script, path, extra, lambda file: _compare(file, found, converted))
    return spec


def _check_folder(path: Path) -> None:
    """Find out before the work that the file cannot be written."""
    if path.is_dir():
        raise ExportError(f"cannot write {path}: it is a folder", "give the name of a file, such as model.pt")
    if not path.parent.is_dir():
        raise ExportError(f"cannot write {path}: there is no folder {path.parent}")


def _bounds(given: Mapping[str, Symbol], sizes: Mapping[str, int]) -> dict[str, Symbol]:
    for name, symbol in given.items():
        if name not in sizes:
            known = f"the symbols are {', '.join(sizes)}" if sizes else "no input has a symbolic dimension"
            raise DeclarationError(f"bounds are given for '{name}', which is in no input", known)
        if not symbol.admits(sizes[name]):
            raise DeclarationError(f"the example has {name}={sizes[name]}, outside its bounds {symbol.min}..{symbol.max}")
    return {name: given.get(name, Symbol()) for name in sizes}


def _check_symbols(count: int) -> None:
    """Refuse what the library that reads the file has no room for."""
    if count > MAX_SYMBOLS:
        raise DeclarationError(f"{count} symbolic sizes are more than the {MAX_SYMBOLS} a model may have", "fix some of them")


def _compare(file: Path, found: Sequence[Trial], converted: Converted) -> None:
    why = converted.why_traced
    reason = "" if why is None else f"{why.reason}{f' at {why.where}' if why.where else ''}"
    compare(load_script(file), found, converted.method, reason)


def _output_specs(found: Sequence[Trial], declared: Sequence[Declaration] | None) -> tuple[TensorSpec, ...]:
    seen = found[0].outputs
    if not seen:
        raise ExportError("forward returns no tensor")
    names = [name for name, _ in seen]
    items = [Declaration(name) for name in names] if declared is None else arrange(declared, names)
    shapes = output_shapes(found)
    made = []
    for number, (item, (_, tensor), shape) in enumerate(zip(items, seen, shapes, strict=True), 1):
        spec = TensorSpec(item.name, name_of(tensor), shape, item.units, item.range, item.description)
        wrong_shape = item.shape is not None and item.shape != shape
        if wrong_shape or item.dtype not in (None, spec.dtype):
            want = TensorSpec(item.name, item.dtype or spec.dtype, shape if item.shape is None else item.shape)
            raise DeclarationError(
                f"output {number} '{item.name}': declared {want.dtype} {want.shape_text()}, but forward gives "
                f"{spec.dtype} {spec.shape_text()}"
            )
        made.append(spec)
    return tuple(made)


def _unique(specs: tuple[TensorSpec, ...], kind: str) -> tuple[TensorSpec, ...]:
    names = [spec.name for spec in specs]
    for name in names:
        if names.count(name) > 1:
            raise DeclarationError(f"two {kind} are called '{name}'", f"name them by {kind}=[...]")
    return specs
