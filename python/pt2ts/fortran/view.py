"""What the templates of a module show: the contract in Fortran's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ..container.filetype import StrPath
from ..container.reading import read_golden, read_spec
from ..contract.batch import batch_symbol
from ..contract.golden import Golden
from ..contract.spec import Spec, TensorSpec
from ..contract.tolerance import SLACK, TOLERANCE
from .guards import Guard, guards_of
from .kinds import HostKind, elements, is_converted
from .names import Namer
from .port import Port
from .text import clean, literal

#: Where all these bits are set a real number is infinite or NaN.
_EXPONENT = {"real32": ("int32", 0x7F800000), "real64": ("int64", 0x7FF0000000000000)}


@dataclass(frozen=True)
class ModuleView:
    """All that the template of a module shows; see `module_view`."""

    name: str
    file: str
    spec: Spec
    golden: Golden | None
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    batch: str | None
    kind: HostKind | None
    guards: tuple[Guard, ...]
    checked: tuple[Guard, ...]
    pointers: dict[str, str]
    chosen: dict[str, str]

    @property
    def ports(self) -> tuple[Port, ...]:
        """Inputs and outputs in the order of the arguments."""
        return (*self.inputs, *self.outputs)

    @property
    def convert(self) -> bool:
        """Whether any values are converted."""
        return any(port.converted for port in self.ports)

    @property
    def direct(self) -> bool:
        """Whether a call goes straight from array to array, without tensors."""
        return len(self.inputs) == len(self.outputs) == 1 and not any(port.elements.storage for port in self.ports)

    @property
    def takes_samples(self) -> bool:
        """Whether a call may have one sample as it is; otherwise the module makes it a batch of one."""
        # The library leaves out dimensions of that name only, and range checks are written for batches.
        return self.batch == "batch" and all(port.batched for port in self.ports) and not self.guarded

    @property
    def falls_back(self) -> bool:
        """Whether single samples can be left to a scheme of the program."""
        decides = bool(self.guards) or any(guard.is_verdict for guard in self.checked)
        return decides and self.batch is not None and all(port.batched for port in self.outputs)

    @property
    def guarded(self) -> bool:
        """Whether the module looks at values."""
        return bool(self.guards) or self.falls_back

    @property
    def first_batched(self) -> Port:
        """The input that says how many samples there are."""
        return next(port for port in self.inputs if port.batched)

    @property
    def samples(self) -> str:
        """Number of samples, as a Fortran expression."""
        return f"size({self.first_batched.name}, {self.first_batched.batch_dim})"

    @property
    def is_trained(self) -> bool:
        """Whether the file is a training package, whose network takes the weights of a trainer."""
        return self.spec.kind == "training"

    @property
    def arguments(self) -> str:
        """Names of all arguments."""
        return ", ".join(port.name for port in self.ports)

    def kinds(self, guards: bool = True) -> list[str]:
        """Return the kinds that are named, from ``iso_fortran_env``; ``guards`` says whether the guards are there too."""
        named = {port.elements.kind for port in self.ports} - {"c_bool"}
        named |= {"real64"} if guards or self.golden else set()
        checked = {"int64", *(bits for _, bits, _ in self.guarded_reals)} if guards and self.guarded else set()
        return sorted(named | checked)

    def c_kinds(self) -> list[str]:
        """Return the kinds that are named, from ``iso_c_binding``."""
        return ["c_bool"] if any(port.elements.kind == "c_bool" for port in self.ports) else []

    def iso_c(self) -> list[str]:
        """Return what the module takes from ``iso_c_binding``."""
        return [*self.c_kinds(), *(["c_f_pointer", "c_loc"] if self.batch and not self.takes_samples else [])]

    @property
    def input_names(self) -> str:
        """Names of the inputs, as a Fortran expression."""
        return literal(", ".join(port.spec.name for port in self.inputs))

    @property
    def output_names(self) -> str:
        """Names of the outputs, as a Fortran expression."""
        return literal(", ".join(port.spec.name for port in self.outputs))

    @property
    def guarded_reals(self) -> list[tuple[str, str, int]]:
        """Kinds of the real numbers that are checked, each with its kind of integers and the bits of its exponent in one."""
        looked_at = (*self.guards, *(self.checked if self.falls_back else ()))
        kinds = {guard.port.elements.kind for guard in looked_at if guard.is_real}
        return [(kind, *_EXPONENT[kind]) for kind in sorted(kinds)]

    def sizes(self) -> list[str]:
        """Return one sentence for each symbolic size."""
        lines = []
        used = {size for port in self.ports for size in port.spec.shape}  # a training package has those of its targets too
        for name, bounds in self.spec.symbols.items():
            if name not in used:
                continue
            lines.append(f"{clean(name)} is {bounds.text()}")
        return lines

    @property
    def has_fortran_order(self) -> bool:
        """Whether any array has its dimensions in the model's own order by contract."""
        return any(port.rank > 1 and not port.reversed for port in self.ports)

    @property
    def has_torch_order(self) -> bool:
        """Whether any array has its dimensions the other way round."""
        return any(port.reversed for port in self.ports)

    @property
    def tolerance(self) -> str:
        """Literal of the largest difference that rounding explains in the self test."""
        allowed = 0.0
        for tensor, port in zip(self.golden.outputs if self.golden else (), self.outputs, strict=False):
            relative = TOLERANCE.get(port.spec.dtype)
            if relative is None:
                continue  # integers and logicals may not differ
            if self.spec.precision is not None:
                relative = max(relative, TOLERANCE[self.spec.precision])
            size = tensor.abs().to(torch.float64).nan_to_num(0.0, 0.0, 0.0)
            allowed = max(allowed, SLACK * relative * float(size.max() if size.numel() else 0.0))
        return f"{allowed:.1e}_real64"


def module_view(path: StrPath, name: str, kind: HostKind | None, *, guard: bool) -> ModuleView:
    """Read a model file and return what its module shows."""
    spec, golden = read_spec(path), read_golden(path)
    namer = Namer()
    batch = _batch(spec)
    inputs = _ports(spec.inputs, namer, batch, kind, is_input=True, turned=[item.layout == "torch" for item in spec.inputs])
    # Results are copied into arrays of any order: theirs is the one that the inputs have.
    orders = {port.reversed for port in inputs if port.rank > 1}
    turned = [orders != {False} if orders else item.layout == "torch" for item in spec.outputs]
    outputs = _ports(spec.outputs, namer, batch, kind, is_input=False, turned=turned)
    pointers = {port.name: namer.name(f"{port.name}_batch", "") for port in (*inputs, *outputs) if batch and port.batched}
    chosen = {name: namer.name(f"{name}_chosen", "") for name in pointers}
    guards, checked = (guards_of(inputs), guards_of(outputs)) if guard else ((), ())
    return ModuleView(name, Path(path).name, spec, golden, inputs, outputs, batch, kind, guards, checked, pointers, chosen)


def _batch(spec: Spec) -> str | None:
    """Return the symbol that one sample can do without: it comes first wherever it comes, and may be 1."""
    symbol = batch_symbol(spec.inputs, spec.symbols)
    shapes = [item.shape for item in (*spec.inputs, *spec.outputs)]
    if symbol is None or not spec.symbols[symbol].admits(1) or any(symbol in shape[1:] for shape in shapes):
        return None
    return symbol if any(shape[:1] == (symbol,) for shape in shapes[: len(spec.inputs)]) else None


def _ports(
    specs: Sequence[TensorSpec], namer: Namer, batch: str | None, kind: HostKind | None, *, is_input: bool, turned: Sequence[bool]
) -> tuple[Port, ...]:
    return tuple(
        Port(
            spec=item,
            name=namer.name(item.name, f"{'input' if is_input else 'output'}_{number}"),
            elements=elements(item.dtype, kind),
            reversed=reverse and len(item.shape) > 1,
            batched=batch is not None and item.shape[:1] == (batch,),
            is_input=is_input,
            converted=is_converted(item.dtype, kind),
        )
        for number, (item, reverse) in enumerate(zip(specs, turned, strict=True), 1)
    )
