"""What a model file says about itself, for people and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch

from ..capture.layers import of_script, of_weights
from ..capture.remarks import not_finite
from ..container.filetype import Kind, StrPath, require_runnable
from ..container.package import models_in, read_training_spec
from ..container.reading import find_spec, load_script, read_golden
from ..contract.golden import Golden
from ..contract.network import Network
from ..contract.ranges import range_text
from ..contract.spec import Spec, TensorSpec
from ..contract.variants import KINDS
from ..pytorch import torchscript


@dataclass(frozen=True)
class Report:
    """The findings about one file.

    Attributes
    ----------
    path
        The file.
    size
        Its size in bytes.
    parameters
        Number of weights.
    buffers
        Number of constants that are no weights.
    arguments
        Names of forward's arguments.
    spec
        The contract, or None.
    golden
        The golden sample, or None.
    format
        ``torchscript`` or ``pt2``.
    network
        Layers and work per sample, as far as the file knows them.
    models
        Names of the models in a package without a contract.
    """

    path: Path
    size: int
    parameters: int
    buffers: int
    arguments: list[str]
    spec: Spec | None
    golden: Golden | None
    format: str
    network: Network
    models: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the findings as a JSON object."""
        return {
            "file": str(self.path),
            "format": self.format,
            "bytes": self.size,
            "parameters": self.parameters,
            "buffers": self.buffers,
            "flops_per_sample": self.network.flops,
            "layers": [layer.to_dict() for layer in self.network.layers],
            "arguments": self.arguments,
            "models": list(self.models),
            "spec": None if self.spec is None else self.spec.to_dict(),
            "golden": None if self.golden is None else _golden_dict(self.golden),
        }

    def facts(self) -> list[tuple[str, str]]:
        """Return the findings about the whole file as (name, value) rows."""
        spec = self.spec
        rows = [("file", str(self.path)), ("format", FORMATS[self.format]), ("size", bytes_text(self.size))]
        if spec is None and self.models:
            return [*rows, ("models", ", ".join(self.models)), ("contract", "none (a package that PyTorch wrote)")]
        rows.append(("parameters", f"{self.parameters:,}"))
        if self.buffers:
            rows.append(("constants", f"{self.buffers:,}"))
        if self.network.flops is not None:
            rows.append(("flops per sample", f"{self.network.flops:,}"))
        if spec is None:
            return [*rows, ("arguments", ", ".join(self.arguments)), ("contract", "none (plain TorchScript)")]
        rows.insert(0, ("model", spec.name))
        if spec.description:
            rows.append(("description", spec.description))
        rows += [("made by", f"{spec.producer}, torch {spec.torch}"), ("normalization", spec.normalization)]
        rows += list(spec.provenance.items())
        for name, symbol in spec.symbols.items():
            rows.append((f"size '{name}'", symbol.text()))
        if spec.precision is not None:
            rows.append(("computes in", spec.precision))
        if spec.products is not None:
            rows.append(("products on devices", f"in {spec.products.upper()}"))
        if spec.loss_measured:
            rows.append(("what that costs", spec.loss_measured))
        rows += [(f"'{name}' differs", str(loss)) for name, loss in spec.loss.items()]
        if spec.flush_denormals is not None:
            rows.append(("subnormal numbers", "count as zero" if spec.flush_denormals else "are computed with"))
        if spec.kind == "training":
            learns = read_training_spec(self.path).training or {}
            for key, value in learns.items():
                text = "; ".join(map(str, value)) if isinstance(value, list) else str(value)
                rows += [(key.replace("_", " "), text)] if value else []
        if spec.tuning:
            rows.append(("tuned for", ", ".join(dict.fromkeys(str(row["sizes"]) for row in spec.tuning))))
        if why := next((item.no_kernel for item in spec.variants if item.no_kernel), ""):
            rows.append(("no kernel", why))
        return [*rows, ("golden sample", "none" if self.golden is None else _golden_text(self.golden))]

    def tensors(self) -> list[tuple[str, ...]]:
        """Return one row per input and output: kind, name, dtype, shape, units, range, description, remark on the sample."""
        if self.spec is None:
            return []
        inputs, outputs = self.golden or ((), ())
        targets = () if self.spec.kind != "training" else read_training_spec(self.path).targets
        return [
            *_rows("input", self.spec.inputs, inputs),
            *_rows("target", targets, ()),
            *_rows("output", self.spec.outputs, outputs),
        ]

    def layers(self) -> list[tuple[str, ...]]:
        """Return one row per layer."""
        return [layer.row() for layer in self.network.layers]

    def variants(self) -> list[tuple[str, ...]]:
        """Return one row per variant of a package, in the order of preference."""
        return [
            (item.name, KINDS[item.kind], item.sizes_text(), item.runs_on_text(), item.weights, str(item.threads or "as the host"))
            for item in (() if self.spec is None else self.spec.variants)
        ]


#: What the formats are called.
FORMATS = {"torchscript": "TorchScript", "pt2": "compiled package"}

#: Headings of `Report.tensors`.
COLUMNS = ("", "name", "dtype", "shape", "layout", "units", "range", "description", "golden sample")

#: Headings of `Report.variants`.
VARIANT_COLUMNS = ("variant", "kind", "sizes", "instruction set", "weights", "threads")


def inspect(path: StrPath) -> Report:
    """Look into a model file; one without a contract is described as far as possible."""
    spec = find_spec(path)
    if require_runnable(Path(path)) is Kind.PACKAGE:
        return _inspect_package(Path(path), spec)
    script = load_script(path)
    return Report(
        path=Path(path),
        size=Path(path).stat().st_size,
        parameters=sum(weight.numel() for weight in script.parameters()),
        buffers=sum(buffer.numel() for buffer in script.buffers()),
        arguments=torchscript.argument_names(script),
        spec=spec,
        golden=read_golden(path),
        format="torchscript",
        network=of_script(script) if spec is None or spec.network is None else spec.network,
    )


def _inspect_package(path: Path, spec: Spec | None) -> Report:
    """Describe a package by what lies in it; nothing in it is run."""
    weights = () if spec is None else spec.weights
    numbers = {kind: sum(math.prod(w.shape) for w in weights if w.parameter is kind) for kind in (True, False)}
    names = [] if spec is None else [item.name for item in spec.inputs]
    known = None if spec is None else spec.network
    return Report(
        path=path,
        size=path.stat().st_size,
        parameters=numbers[True],
        buffers=numbers[False],
        arguments=names,
        spec=spec,
        golden=read_golden(path),
        format="pt2",
        network=known or of_weights(weights),
        models=() if spec else models_in(path),
    )


def _rows(kind: str, specs: Sequence[TensorSpec], samples: Sequence[torch.Tensor]) -> Iterator[tuple[str, ...]]:
    for number, (spec, sample) in enumerate(zip_longest(specs, samples[: len(specs)]), 1):
        low_high = "" if spec.range is None else range_text(spec.range)
        # The usual order is not worth a column.
        layout = "" if spec.layout == "torch" else spec.layout
        facts = (spec.name, spec.dtype, spec.shape_text(), layout, spec.units or "", low_high, spec.description)
        yield (f"{kind} {number}", *facts, "" if sample is None else not_finite(sample))


def _golden_dict(golden: Golden) -> dict[str, Any]:
    return {
        "bytes": golden.size(),
        "inputs": [list(tensor.shape) for tensor in golden.inputs],
        "outputs": [list(tensor.shape) for tensor in golden.outputs],
        "remarks": [not_finite(tensor) for tensor in golden.outputs],
    }


def _golden_text(golden: Golden) -> str:
    shapes = " ".join(str(list(tensor.shape)) for tensor in golden.inputs)
    results = " ".join(str(list(tensor.shape)) for tensor in golden.outputs)
    return f"{shapes} -> {results}, {bytes_text(golden.size())}"


def bytes_text(count: int) -> str:
    """Return a number of bytes as people write it."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
