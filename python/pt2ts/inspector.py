"""What a model file says about itself, for people and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import torchscript
from .archive import StrPath, find_spec, load_script, read_golden
from .golden import Golden
from .spec import Spec, TensorSpec


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
    """

    path: Path
    size: int
    parameters: int
    buffers: int
    arguments: list[str]
    spec: Spec | None
    golden: Golden | None

    def to_dict(self) -> dict[str, Any]:
        """Return the findings as a JSON object."""
        return {
            "file": str(self.path),
            "bytes": self.size,
            "parameters": self.parameters,
            "buffers": self.buffers,
            "arguments": self.arguments,
            "spec": None if self.spec is None else self.spec.to_dict(),
            "golden": None if self.golden is None else _golden_dict(self.golden),
        }

    def facts(self) -> list[tuple[str, str]]:
        """Return the findings about the whole file as (name, value) rows."""
        spec = self.spec
        rows = [("file", str(self.path)), ("size", bytes_text(self.size)), ("parameters", f"{self.parameters:,}")]
        if self.buffers:
            rows.append(("constants", f"{self.buffers:,}"))
        if spec is None:
            return [*rows, ("arguments", ", ".join(self.arguments)), ("contract", "none (plain TorchScript)")]
        rows.insert(0, ("model", spec.name))
        if spec.description:
            rows.append(("description", spec.description))
        rows += [("made by", f"{spec.producer}, torch {spec.torch}"), ("normalization", spec.normalization)]
        for name, symbol in spec.symbols.items():
            bounds = f"{symbol.min} or more" if symbol.max is None else f"{symbol.min} to {symbol.max}"
            rows.append((f"size '{name}'", bounds))
        return [*rows, ("golden sample", "none" if self.golden is None else _golden_text(self.golden))]

    def tensors(self) -> list[tuple[str, ...]]:
        """Return one row per input and output: kind, name, dtype, shape, units, range, description."""
        if self.spec is None:
            return []
        rows = [_row(f"input {number}", tensor) for number, tensor in enumerate(self.spec.inputs, 1)]
        return rows + [_row(f"output {number}", tensor) for number, tensor in enumerate(self.spec.outputs, 1)]


#: Headings of `Report.tensors`.
COLUMNS = ("", "name", "dtype", "shape", "units", "range", "description")


def inspect(path: StrPath) -> Report:
    """Look into a model file; one without a contract is described as far as possible."""
    script = load_script(path)
    return Report(
        path=Path(path),
        size=Path(path).stat().st_size,
        parameters=sum(weight.numel() for weight in script.parameters()),
        buffers=sum(buffer.numel() for buffer in script.buffers()),
        arguments=torchscript.argument_names(script),
        spec=find_spec(path),
        golden=read_golden(path),
    )


def _row(kind: str, tensor: TensorSpec) -> tuple[str, ...]:
    low_high = "" if tensor.range is None else f"{tensor.range[0]:g} to {tensor.range[1]:g}"
    return (kind, tensor.name, tensor.dtype, tensor.shape_text(), tensor.units or "", low_high, tensor.description)


def _golden_dict(golden: Golden) -> dict[str, Any]:
    return {
        "bytes": golden.size(),
        "inputs": [list(tensor.shape) for tensor in golden.inputs],
        "outputs": [list(tensor.shape) for tensor in golden.outputs],
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
