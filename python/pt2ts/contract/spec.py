"""The spec: the contract that travels inside the model file.

It is the JSON text of the TorchScript extra file ``ftorch_spec.json``; the Fortran side reads it when it loads the model and
checks every call against it.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import SpecError
from .dtypes import DTYPES
from .loss import Loss
from .network import Network
from .ranges import Range, from_json, to_json
from .variants import Variant, Weight

#: Version of the format. A reader refuses what it does not know.
FORMAT = 1

#: Names of the extra files in the model file.
SPEC_FILE = "ftorch_spec.json"
GOLDEN_FILE = "ftorch_golden.pt"

#: How many symbolic sizes the library keeps track of in a call.
MAX_SYMBOLS = 16

#: One number per dimension: a fixed size, or the name of a symbol. The same symbol means the same size.
Shape = tuple[int | str, ...]


@dataclass(frozen=True)
class TensorSpec:
    """What one input or output looks like.

    Attributes
    ----------
    name
        How messages call it.
    dtype
        Element type, such as ``float32``.
    shape
        Torch shape (last index fastest); a number is a fixed size, a string a symbol.
    units
        Physical units, free text, or None.
    range
        Smallest and largest value seen in training, or None; of indices an end may follow a size (`SizeBound`).
    description
        One line for people.
    layout
        Memory order of the caller's array; ``torch`` is row-major. Results are copied into any.
    argument
        Of inputs: where it goes in the module's ``forward`` (``state.T``), where that is no argument by position and has another
        name; empty otherwise.
    """

    name: str
    dtype: str
    shape: Shape
    units: str | None = None
    range: Range | None = None
    description: str = ""
    layout: str = "torch"
    argument: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object of this tensor."""
        data = {
            "name": self.name,
            "dtype": self.dtype,
            "shape": list(self.shape),
            "units": self.units,
            "layout": self.layout,
            "range": None if self.range is None else to_json(self.range),
            "description": self.description,
        }
        return data | {"argument": self.argument} if self.argument else data

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> TensorSpec:
        """Read the JSON object of one tensor."""
        dtype = str(data["dtype"])
        if dtype not in DTYPES:
            raise SpecError(f"the spec names the unknown dtype '{dtype}'")
        return TensorSpec(
            name=str(data["name"]),
            dtype=dtype,
            shape=tuple(size if isinstance(size, str) else int(size) for size in data["shape"]),
            units=data.get("units"),
            range=from_json(data.get("range")),
            description=str(data.get("description", "")),
            layout=str(data.get("layout", "torch")),
            argument=str(data.get("argument", "")),
        )

    def shape_text(self) -> str:
        """Return the shape as people write it, ``[batch, 124]``."""
        return "[" + ", ".join(str(size) for size in self.shape) + "]"


@dataclass(frozen=True)
class Symbol:
    """Bounds of a symbolic dimension; ``max`` None means unbounded. Every size is a multiple of ``multiple``, the bounds too."""

    min: int = 1
    max: int | None = None
    multiple: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "min", -(-self.min // self.multiple) * self.multiple)
        object.__setattr__(self, "max", None if self.max is None else self.max // self.multiple * self.multiple)

    def to_dict(self) -> dict[str, int | None]:
        """Return the JSON object of these bounds."""
        return {"min": self.min, "max": self.max} | ({"multiple": self.multiple} if self.multiple > 1 else {})

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Symbol:
        """Read the JSON object of the bounds."""
        return Symbol(int(data["min"]), None if data["max"] is None else int(data["max"]), int(data.get("multiple", 1)))

    def admits(self, size: int) -> bool:
        """Return whether a dimension may have this size."""
        return size >= self.min and (self.max is None or size <= self.max) and size % self.multiple == 0

    def nearest(self, size: int) -> int:
        """Return the smallest admitted size that is not below ``size``; the largest where there is none."""
        above = max(self.min, -(-size // self.multiple) * self.multiple)
        return above if self.max is None else min(above, self.max)

    def from_on(self, size: int) -> Iterator[int]:
        """Yield the sizes from ``size`` on that are right but for a largest one."""
        return itertools.count(max(self.min, -(-size // self.multiple) * self.multiple), self.multiple)

    def text(self) -> str:
        """Return the bounds for people."""
        limits = f"{self.min} or more" if self.max is None else f"{self.min} to {self.max}"
        return f"{limits}, a multiple of {self.multiple}" if self.multiple > 1 else limits


@dataclass(frozen=True)
class Spec:
    """The whole contract of one model file; see `TensorSpec` for its parts.

    Only packages have the attributes from ``kind`` on, but for ``loss``.

    Attributes
    ----------
    flush_denormals
        Whether calls flush subnormal numbers to zero; None as the host program does.
    products
        ``tf32`` where devices may multiply float32 matrices in TensorFloat-32; None where products have all digits.
    provenance
        What its makers say about data, code, hyperparameters, device and licence, for people.
    network
        Layers, weights and work per sample, for people; None in files of earlier versions.
    kind
        ``inference`` or ``training``; empty for TorchScript files.
    digest
        SHA-256 over all other members of the package.
    precision
        Element type that the network computes in, where it is another one than that of inputs and outputs.
    loss
        What that or TensorFloat-32 costs, by the name of an output, on the example of the export.
    loss_measured
        How, where it was not by running the file.
    weights, variants
        What the package holds.
    tuning
        What ``pt2ts tune`` measured, one object per candidate and size.
    """

    torch: str
    producer: str
    name: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    symbols: Mapping[str, Symbol] = field(default_factory=dict)
    description: str = ""
    normalization: str = "inside"
    isa: str | None = None
    golden: bool = False
    flush_denormals: bool | None = None
    products: str | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)
    # What is long is left out where a notebook shows the result of `export`.
    network: Network | None = field(default=None, repr=False)
    kind: str = ""
    digest: str = field(default="", repr=False)
    precision: str | None = None
    loss: Mapping[str, Loss] = field(default_factory=dict)
    loss_measured: str = ""
    weights: tuple[Weight, ...] = field(default=(), repr=False)
    variants: tuple[Variant, ...] = field(default=(), repr=False)
    tuning: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)

    def precision_on(self, device: str) -> str | None:
        """Return what the network computes in on a device, where that is coarser than the dtypes of inputs and outputs."""
        return self.precision or (None if device == "cpu" else self.products)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object of the spec."""
        common: dict[str, Any] = {
            "format": FORMAT,
            "torch": self.torch,
            "producer": self.producer,
            "name": self.name,
            "description": self.description,
            "inputs": [tensor.to_dict() for tensor in self.inputs],
            "outputs": [tensor.to_dict() for tensor in self.outputs],
            "symbols": {name: symbol.to_dict() for name, symbol in self.symbols.items()},
            "normalization": self.normalization,
            "isa": self.isa,
            "golden": self.golden,
        }
        if self.flush_denormals is not None:
            common["flush_denormals"] = self.flush_denormals
        if self.products is not None:
            common["products"] = self.products
        if self.loss:
            common["loss"] = {name: loss.to_dict() for name, loss in self.loss.items()}
        if self.loss_measured:
            common["loss_measured"] = self.loss_measured
        if self.provenance:
            common["provenance"] = dict(self.provenance)
        if self.network is not None:
            common["network"] = self.network.to_dict()
        if not self.kind:
            return common
        return common | {
            "digest": self.digest,
            "kind": self.kind,
            "precision": self.precision,
            "weights": [weight.to_dict() for weight in self.weights],
            "variants": [variant.to_dict() for variant in self.variants],
            "tuning": [dict(row) for row in self.tuning],
        }

    def to_json(self) -> str:
        """Return the text that goes into the model file."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=1, allow_nan=False)

    @staticmethod
    def from_json(text: str | bytes) -> Spec:
        """Read a spec; raise `SpecError` when it is not one of ours."""
        try:
            data = json.loads(text)
            if data["format"] != FORMAT:
                raise SpecError(f"the spec has format {data['format']}; this version of pt2ts reads format {FORMAT}")
            return Spec(
                torch=str(data["torch"]),
                producer=str(data["producer"]),
                name=str(data["name"]),
                inputs=_tensors(data["inputs"]),
                outputs=_tensors(data["outputs"]),
                symbols={name: Symbol.from_dict(item) for name, item in data["symbols"].items()},
                description=str(data.get("description", "")),
                normalization=str(data.get("normalization", "inside")),
                isa=data.get("isa"),
                golden=bool(data.get("golden", False)),
                flush_denormals=None if data.get("flush_denormals") is None else bool(data["flush_denormals"]),
                products=data.get("products"),
                provenance={str(word): str(fact) for word, fact in data.get("provenance", {}).items()},
                network=None if data.get("network") is None else Network.from_dict(data["network"]),
                kind=str(data.get("kind", "")),
                digest=str(data.get("digest", "")),
                precision=data.get("precision"),
                loss={name: Loss.from_dict(item) for name, item in data.get("loss", {}).items()},
                loss_measured=str(data.get("loss_measured", "")),
                weights=tuple(Weight.from_dict(item) for item in data.get("weights", [])),
                variants=tuple(Variant.from_dict(item) for item in data.get("variants", [])),
                tuning=tuple(data.get("tuning", [])),
            )
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise SpecError(f"the spec cannot be read ({type(error).__name__}: {error})") from error


def _tensors(items: Sequence[Mapping[str, Any]]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec.from_dict(item) for item in items)
