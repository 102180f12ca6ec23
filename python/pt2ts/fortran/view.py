"""What the templates of a module show: the contract in Fortran's words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ..container.filetype import StrPath
from ..container.reading import read_golden, read_spec
from ..contract.batch import batch_symbol
from ..contract.golden import Golden
from ..contract.ranges import range_text
from ..contract.spec import Shape, Spec, TensorSpec
from ..contract.tolerance import SLACK, TOLERANCE
from .guards import Guard, guards_of
from .kinds import Elements, HostKind, elements, is_converted
from .names import Namer

_LETTERS = "ijklmn"
#: Where all these bits are set a real number is infinite or NaN.
_EXPONENT = {"real32": ("int32", 0x7F800000), "real64": ("int64", 0x7FF0000000000000)}


@dataclass(frozen=True)
class Port:
    """One argument of ``run``.

    Attributes
    ----------
    spec
        The contract's words about it.
    name
        Its name in Fortran.
    elements
        Its Fortran type.
    reversed
        Whether its dimensions run the other way round than the model's.
    batched
        Whether its first dimension in the model is the batch, which the form for one sample leaves out.
    is_input
        Whether it is an input.
    converted
        Whether its values are converted on the way.
    """

    spec: TensorSpec
    name: str
    elements: Elements
    reversed: bool
    batched: bool
    is_input: bool
    converted: bool

    @property
    def rank(self) -> int:
        """Number of dimensions in the model."""
        return len(self.spec.shape)

    def order(self, sample: bool = False) -> str:
        """Return the argument ``permute_dims`` as Fortran writes it; empty where tensor and array have the same order."""
        rank = len(self.dims(sample))
        return str(list(range(rank, 0, -1))) if self.reversed and rank > int(sample) else ""

    def dims(self, sample: bool = False) -> Shape:
        """Return the extents of the array, in Fortran's order."""
        dims = self.spec.shape[1:] if sample and self.batched else self.spec.shape
        return tuple(reversed(dims)) if self.reversed else dims

    def declaration(self, sample: bool = False) -> str:
        """Return the declaration of the dummy argument."""
        # One sample is small: the compiler copies a section of it, and levels that run backwards are as good as others.
        intent = "in" if self.is_input else "inout"
        contiguous = ", contiguous" if sample and self.batched and self.dims(sample) else ""
        return f"{self.elements.declaration}, intent({intent}), target{contiguous} :: {self.name}{self.colons(sample)}"

    def plain_declaration(self) -> str:
        """Return the declaration of the dummy argument of a procedure of the program."""
        return f"{self.elements.declaration}, intent({'in' if self.is_input else 'inout'}) :: {self.name}{self.colons()}"

    @property
    def batch_dim(self) -> int:
        """Which dimension of the array the batch is."""
        return self.rank if self.reversed else 1

    def section(self, samples: str) -> str:
        """Return the subscripts of some samples: ``:, chosen``."""
        return self._in_order(samples, [":"] * (self.rank - 1))

    def extents(self, samples: str) -> str:
        """Return what the extents must be: symbols other than the batch are as long as they are."""
        dims = self.dims()
        own = [str(size) if isinstance(size, int) else f"size({self.name}, {n})" for n, size in enumerate(dims, 1)]
        del own[self.batch_dim - 1]
        return self._in_order(samples, own)

    def _in_order(self, samples: str, others: Sequence[str]) -> str:
        return ", ".join([*others, samples] if self.reversed else [samples, *others])

    def colons(self, sample: bool = False) -> str:
        """Return the shape of the dummy argument as it is declared: ``(:, :)``."""
        rank = len(self.dims(sample))
        return f"({', '.join(':' * rank)})" if rank else ""

    def meaning(self, sample: bool = False) -> str:
        """Return what the argument is, with the place of every index."""
        dims = self.dims(sample)
        letters = list(_LETTERS[: len(dims)]) if len(dims) <= len(_LETTERS) else [f"i{n}" for n in range(1, len(dims) + 1)]
        places = letters[::-1] if self.reversed else letters
        if sample and self.batched:
            places = ["1", *places]
        tensor = f"the model's {clean(self.spec.name)}{self.spec.shape_text()}"
        if dims:
            extents = ", ".join(map(str, dims))
            here = f"Extents ({extents}): {self.name}({', '.join(letters)}) is element [{', '.join(places)}] of {tensor}"
        elif places:
            here = f"A single number, element [1] of {tensor}"
        else:
            here = f"A single number, {tensor}"
        return ". ".join([here, *self._facts()])

    def _facts(self) -> list[str]:
        spec = self.spec
        facts = [clean(spec.units)] if spec.units else []
        if spec.range is not None:
            facts.append(f"range {range_text(spec.range, digits=10)}")
        if self.converted:
            facts.append(f"{spec.dtype} in the model, converted in each call")
        first = ["; ".join(facts)] if facts else []
        return [text for text in (*first, self.elements.remark, clean(spec.description)) if text]

    @property
    def label(self) -> str:
        """The contract's name in a Fortran string, which has no other characters than those of the standard."""
        name = clean(self.spec.name)
        return name.replace("'", "''") if name.isascii() else self.name

    def batch_extents(self) -> str:
        """Return the extents of a sample as a batch of one: the array's own, and 1 where the batch is."""
        own = [f"size({self.name}, {number})" for number in range(1, self.rank)]
        return ", ".join([*own, "1"] if self.reversed else ["1", *own])


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


def literal(text: str) -> str:
    """Return a text as a Fortran expression: short strings, and bytes by their numbers where the standard has no character."""
    runs = re.findall(rb"([ -~]{1,60})|([^ -~])", text.encode())
    parts = ["'" + plain.decode().replace("'", "''") + "'" if plain else f"char({other[0]})" for plain, other in runs]
    return " // ".join(parts) or "''"


def clean(text: str) -> str:
    """Return a text of the contract as one line that cannot end a comment or a string."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
