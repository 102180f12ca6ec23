"""``export``: from a PyTorch module to a file that a Fortran program can trust.

The way is a straight line: the module is copied, its example inputs are collected, it is tried on them and on other sizes, its
contract is drafted, it is captured in each format, and every file is written and verified before it takes its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ..capture.draft import make_draft
from ..capture.examples import make_examples
from ..capture.measured import with_statistics
from ..capture.module_copy import model_copy
from ..capture.request import Request, as_bounds, declarations
from ..capture.tf32 import with_tf32
from ..capture.trials import trials
from ..container.filetype import StrPath
from ..container.writing import replacing
from ..contract.declare import Bounds, Declared
from ..contract.dtypes import require_precision
from ..contract.formats import AnyFormat, Package, Target, TorchScript, choose_files
from ..contract.former import takes_callbacks, takes_options
from ..contract.provenance import checked
from ..contract.spec import Spec
from ..contract.words import Normalization, Precision, Products
from ..errors import DeclarationError, ExportError, option
from ..nn.statistics import Statistics
from ..runtime.fresh import start
from ..sources.onnx import declared_inputs, declared_outputs
from ..toolchain.devices import find_device
from .model_files import capture


@takes_callbacks
@takes_options
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
    normalization: Normalization = "inside",
    golden: bool = True,
    flush_denormals: bool | None = None,
    format: AnyFormat | None = None,  # noqa: A002 - the word that users look for
    dtype: Precision | None = None,
    precision: Products | None = None,
    tolerance: float | None = None,
    provenance: Mapping[str, str] | None = None,
    stats: StrPath | None = None,
) -> Spec:
    """Write ``module`` as a model file with its contract and a golden sample: TorchScript, or a compiled package.

    The file is the module in evaluation mode on the CPU (a copy; yours keeps its mode and device). Before it takes its final name
    it is run by the C library in a fresh process and compared with the module, on the example inputs and on other sizes of every
    symbolic dimension. The logger ``pt2ts`` tells of each step that takes long (INFO) and of each comparison (DEBUG).

    Options of a format (``layout``, ``batch``...) and the callbacks ``progress`` and ``note`` were arguments once, and still work,
    with a warning.

    Parameters
    ----------
    module
        The module. Its forward takes and returns tensors, or any nesting of tuples, lists, dictionaries and dataclasses of them.
        What turns raw data into an answer (scaling, masks, units) belongs inside it.
    example_inputs
        Typical inputs: a tensor, a sequence of arguments of forward, or a mapping from argument to value. None makes some from
        full declarations in ``inputs``. None in place of an optional argument leaves it out.
    path
        The file to write. It is replaced in one step, at the end, and only when all checks pass.
    inputs
        One declaration per input, such as ``"column[batch,124] float32 K 180..320 -- temperature"`` (see `Declaration`). A
        number is a fixed size, a name a symbol, and the same name the same size. What is left out comes from the example.
    outputs
        The same for outputs: by the names they have in a dictionary or named tuple, in any order; or by new names, in flattened
        order (dictionaries by sorted key). Shapes and dtypes are found out by running the module; those given here are checked.
    symbols
        Bounds of symbols by name, ``{"batch": (1, 1024)}``; from 1 up without end by default. A third number says of what the
        sizes are multiples: ``{"ny": (4, None, 4)}``.
    dynamic_batch
        For inputs declared without a shape: the first dimension is the symbol ``batch``, the others are fixed. False fixes all
        of them.
    name
        Name of the model; the file name without its extension by default.
    description
        One line for people.
    normalization
        ``inside`` when the caller passes physical units, ``host`` when it has to scale.
    golden
        Store a golden sample: the example inputs (a smaller batch of them above 1 MB) with the module's outputs.
    flush_denormals
        Whether calls from Fortran flush numbers too small for the full precision to zero, which makes them faster where such
        numbers occur; None as the host program does.
    format
        `TorchScript` or `Package` (compiled), each with options of its own, or a tuple of both, side by side; or a word for one
        with its defaults: ``torchscript``, ``pt2``, ``both``. By the name of the file otherwise: ``.pt2`` is compiled, all others
        are TorchScript.
    dtype
        ``float64`` or ``float32`` converts the module and all its floating-point inputs and outputs. ``bfloat16`` (packages only)
        is for the inside: inputs and outputs stay as they are.
    precision
        ``tf32`` lets devices multiply float32 matrices in TensorFloat-32, which keeps ten bits of each factor and is faster. The
        library sees to it that no other model is computed so. What it costs is emulated on the CPU, written into the contract and
        shown by ``pt2ts inspect``; on the CPU nothing changes. None: all digits, also where PyTorch's own setting is another.
    tolerance
        The largest absolute difference between the file and the module that is allowed; otherwise what rounding explains: 1e-5
        (float32), 1e-10 (float64) or 0.04 (bfloat16, against the module in its own precision) of an element's own or the
        output's typical size, and more where the module's own copy in float64 shows that its rounding is larger.
    provenance
        What people will want to know, word by word, such as ``{"data": "ERA5 1979-2018", "code": "git 1a2b3c",
        "licence": "CC BY 4.0", "hyperparameters": "width 128, Adam 1e-3", "device": "A100"}``. `inspect` shows it.
    stats
        A file that `pt2ts.stats` has written. Units, ranges and descriptions of inputs and outputs that are declared by the names
        in it are taken from there where the declarations leave them out; units that are declared must be the same.

    Returns
    -------
    Spec
        The contract that was written; with ``both`` that of the package.

    Warns
    -----
    UserWarning
        The example lies outside a declared range, or results contain NaN or infinity.
    DeprecationWarning
        An option is given in its former place.

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
    targets = choose_files(Path(path), format)
    _refuse(Path(path), targets, normalization, dtype, precision)
    request = Request(
        name=name or Path(path).stem,
        inputs=declared_inputs(module, dtype, open_shapes=not dynamic_batch) if inputs is None else declarations(inputs),
        outputs=declared_outputs(module) if outputs is None else declarations(outputs),
        symbols=as_bounds(symbols),
        dynamic_batch=dynamic_batch,
        dtype=dtype,
        golden=golden,
        description=description,
        normalization=normalization,
        flush_denormals=flush_denormals,
        provenance=checked(provenance),
    )
    if stats is not None:
        request = with_statistics(request, Statistics.read(stats))
    start()  # of the process in which the file will run, since that takes a while
    copy = model_copy(module, request.converted_to)
    examples = make_examples(copy, example_inputs, request)
    found = trials(examples)
    draft = make_draft(examples, found, request)
    if precision == "tf32":
        draft = with_tf32(draft)
    models = [capture(draft, target.format, dtype) for target in targets]
    with replacing(*(target.path for target in targets)) as files:
        for model, file in zip(models, files, strict=True):
            with file.open() as content:
                spec = model.write(content)
            model.verify(file.path, tolerance)
    return spec


def _refuse(path: Path, targets: Sequence[Target], normalization: str, dtype: str | None, precision: str | None) -> None:
    """Find out before the work what cannot be: a value that there is not, a file that cannot be written."""
    if normalization not in ("inside", "host"):
        raise DeclarationError(f"normalization is '{normalization}'", "either 'inside' or 'host'")
    require_precision(dtype)
    if precision not in (None, "tf32"):
        raise DeclarationError(
            f"precision is '{precision}'", "'tf32', or leave it out; dtype says what else a network can compute in"
        )
    if precision is not None and dtype in ("bfloat16", "float64"):
        raise DeclarationError(
            f"precision is '{precision}', and dtype '{dtype}'", "TensorFloat-32 is for float32 networks: give one"
        )
    if path.is_dir():
        raise ExportError(f"cannot write {path}: it is a folder", "give the name of a file, such as model.pt")
    if not path.parent.is_dir():
        raise ExportError(f"cannot write {path}: there is no folder {path.parent}")
    for target in targets:
        if isinstance(target.format, Package):
            target.format.instruction_set()
            if target.format.device is not None:
                find_device(target.format.device)
    if dtype == "bfloat16" and any(isinstance(target.format, TorchScript) for target in targets):
        hint = f"write one with {option('format', 'pt2')}, or convert the module"
        raise DeclarationError("dtype 'bfloat16' is for compiled packages", hint)
