"""What a package holds: its weights, and the variants of the model that compute with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import SpecError
from .dtypes import DTYPES

#: Largest size that a range of a variant can name; "as large as you like" is written so.
UNBOUNDED = 2**63 - 1

#: Kinds of variants, each with what a table calls it.
KINDS = {"aoti": "compiled by AOTInductor", "kernel": "compiled kernel", "torchscript": "TorchScript"}


@dataclass(frozen=True)
class Weight:
    """One weight or buffer in the package.

    Attributes
    ----------
    name
        As in ``state_dict``.
    dtype, shape
        Of the tensor; it lies contiguous, last index fastest.
    offset
        Where it begins in the member that holds all of them.
    parameter
        Whether it is trained (a parameter) or not (a buffer).
    used
        Whether an answer depends on it: not on the batches that BatchNorm has counted, nor on a bias that is differentiated away.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    parameter: bool
    used: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object of this weight."""
        data = {
            "name": self.name, "dtype": self.dtype, "shape": list(self.shape), "offset": self.offset, "parameter": self.parameter,
        }  # fmt: skip
        return data if self.used else data | {"used": False}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Weight:
        """Read the JSON object of one weight."""
        dtype = str(data["dtype"])
        if dtype not in DTYPES:
            raise SpecError(f"the weight '{data['name']}' has the unknown dtype '{dtype}'")
        shape = tuple(int(size) for size in data["shape"])
        return Weight(str(data["name"]), dtype, shape, int(data["offset"]), bool(data["parameter"]), bool(data.get("used", True)))


@dataclass(frozen=True)
class Variant:
    """One compiled form of the model.

    Attributes
    ----------
    name
        Name in the package; ``model`` for the one with free sizes.
    kind
        ``aoti``, ``kernel`` or ``torchscript``.
    sizes
        Smallest and largest size by symbol; a symbol that is not mentioned may have any size.
    isa
        What the CPU must have: ``machine`` and ``flags``; None where every CPU will do.
    device
        PyTorch's name of the kind of device that it is for; empty for the CPU, and for any where it is TorchScript.
    architectures
        Of that device: ``sm_90`` for machine code, ``compute_90`` for what is translated when it is loaded; none where any will do.
    weights
        ``shared`` when it computes with the weights of the package, ``own`` when it has them inside.
    threads
        0 as many as the host allows, otherwise that many, compiled in.
    workspace, packed
        Bytes that a kernel needs per thread and for its weights.
    samples
        The symbol that counts the samples of a kernel for any number of them; None for a kernel of fixed sizes.
    grain
        Samples that are worth a thread; 0 for a kernel that runs on one thread.
    no_kernel
        Why a variant for any size is no kernel, for people; empty for one that is.
    """

    name: str
    kind: str
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    isa: Mapping[str, Any] | None = None
    weights: str = "shared"
    threads: int = 0
    workspace: int = 0
    packed: int = 0
    samples: str | None = None
    grain: int = 0
    no_kernel: str = ""
    device: str = ""
    architectures: tuple[str, ...] = ()

    def admits(self, sizes: Mapping[str, int]) -> bool:
        """Return whether it computes with these sizes."""
        return all(low <= sizes[name] <= high for name, (low, high) in self.sizes.items())

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object of this variant."""
        data: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            "sizes": {name: list(bounds) for name, bounds in self.sizes.items()},
            "isa": None if self.isa is None else dict(self.isa),
            "weights": self.weights,
            "threads": self.threads,
        }
        if self.device:
            data["device"] = self.device
        if self.architectures:
            data["architectures"] = list(self.architectures)
        if self.kind == "kernel":
            data |= {"workspace": self.workspace, "packed": self.packed, "samples": self.samples, "grain": self.grain}
        if self.no_kernel:
            data["no_kernel"] = self.no_kernel
        return data

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Variant:
        """Read the JSON object of one variant."""
        if data["kind"] not in KINDS:
            raise SpecError(f"the variant '{data['name']}' is of the unknown kind '{data['kind']}'")
        return Variant(
            name=str(data["name"]),
            kind=str(data["kind"]),
            sizes={name: (int(low), int(high)) for name, (low, high) in data["sizes"].items()},
            isa=data["isa"],
            device=str(data.get("device", "")),
            architectures=tuple(data.get("architectures", [])),
            weights=str(data["weights"]),
            threads=int(data["threads"]),
            workspace=int(data.get("workspace", 0)),
            packed=int(data.get("packed", 0)),
            samples=data.get("samples"),
            grain=int(data.get("grain", 0)),
            no_kernel=str(data.get("no_kernel", "")),
        )

    def sizes_text(self) -> str:
        """Return the sizes for people: ``batch=1``, ``batch=2 or more``."""
        return ", ".join(_size_text(name, low, high) for name, (low, high) in self.sizes.items()) or "any"

    def runs_on_text(self) -> str:
        """Return what it runs on, for people: a device and its generations, or an instruction set."""
        if self.device:
            return " ".join([self.device, *self.architectures])
        return self.isa_text()

    def isa_text(self) -> str:
        """Return the instruction set for people."""
        return "any" if self.isa is None else str(self.isa.get("name") or " ".join(self.isa["flags"]))


def _size_text(name: str, low: int, high: int) -> str:
    if low == high:
        return f"{name}={low}"
    return f"{name}={low} or more" if high == UNBOUNDED else f"{name}={low}..{high}"


def choose(variants: Sequence[Variant], sizes: Mapping[str, int]) -> Variant | None:
    """Return the variant that the library takes for a call with these sizes, on a CPU that can run all for it."""
    return next((variant for variant in variants if variant.device in ("", "cpu") and variant.admits(sizes)), None)
