"""From a graph of PyTorch to the operations of a kernel, node by node."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.export.graph_signature import ConstantArgument, InputKind, OutputKind, TensorArgument

from ..pytorch import symbols
from ..pytorch.quiet import quiet
from .elementwise import ELEMENTWISE
from .ir import EntangledError, Expr, Network, Place, Real, Shape, UnsupportedError, View, contiguous, load
from .layers import LAYERS
from .lowering import Lowering
from .machine import Machine

HANDLERS = {**ELEMENTWISE, **LAYERS}
REALS = {torch.float32: Real.SINGLE, torch.float64: Real.DOUBLE}
#: Dtypes of arrays, as the interface of kernels counts them; those in between have no kernels.
DTYPES = (
    torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.float32, torch.float64, torch.complex64,
    torch.complex128, torch.bool,
)  # fmt: skip
_CONVERSIONS = frozenset({"to", "_to_copy", "type_as"})
_MOST_CONSTANTS = 20_000

#: Arguments that change no numbers; a dtype is seen in the result, and refused there if it is another one.
_IRRELEVANT = frozenset({
    "dtype", "layout", "device", "pin_memory", "memory_format", "copy", "non_blocking", "implicit", "cudnn_enabled", "cudnn_enable",
    "half_to_float", "generator", "other",
})  # fmt: skip


def name_of(target: Any) -> str:
    """Return PyTorch's name of an operation, without its variant."""
    schema = getattr(target, "_schema", None)
    return schema.name.removeprefix("aten::") if schema is not None else str(target)


def is_supported(node: torch.fx.Node) -> bool:
    """Return whether there is a function for an operation, or it only computes sizes."""
    if node.op != "call_function" or node.target is operator.getitem or is_size(node):
        return True
    schema = getattr(node.target, "_schema", None)
    return schema is not None and not schema.is_mutable and name_of(node.target) in HANDLERS


def is_size(node: torch.fx.Node) -> bool:
    """Return whether a node is a number of the shapes, or checks one."""
    value = node.meta.get("val")
    return isinstance(value, torch.SymInt | torch.SymBool | int | bool) or (value is None and not node.users)


def prepared(program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """Return the program in operations that have a function, as far as PyTorch can rewrite the others."""
    if all(is_supported(node) for node in program.graph.nodes):
        return program
    table = torch.export.default_decompositions()
    for target in [target for target in table if name_of(target) in HANDLERS]:
        del table[target]
    try:
        with quiet():
            rewritten: torch.export.ExportedProgram = program.run_decompositions(table)
    except RuntimeError as error:
        raise UnsupportedError(f"PyTorch cannot rewrite the program: {str(error).splitlines()[0]}") from error
    return rewritten


def reals_of(program: torch.export.ExportedProgram) -> list[Real]:
    """Return what a prepared program computes in."""
    found = {
        value.dtype
        for node in program.graph.nodes
        for value in _tensors(node.meta.get("val"))
        if value.dtype.is_floating_point and (node.users or node.op == "output")
    }
    if not found or not found <= set(REALS):
        names = ", ".join(sorted(map(_short, found))) or "no floating-point numbers"
        raise UnsupportedError(f"kernels compute in float32 and float64; here is {names}")
    return [real for dtype, real in REALS.items() if dtype in found]


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


class Reader:
    """Reads a program for given sizes of its symbols.

    Parameters
    ----------
    program
        The program, prepared.
    weights
        Names in the order in which they are handed to the kernel.
    sizes
        Symbol of the program -> its size, of those that are known.
    block
        The symbol that counts samples, and how many of them are computed at once; None where all sizes are known.
    layouts
        ``torch`` or ``fortran`` for each input.
    """

    def __init__(
        self,
        program: torch.export.ExportedProgram,
        weights: Mapping[str, int],
        sizes: Mapping[Any, int],
        block: tuple[Any, int] | None,
        layouts: Sequence[str],
    ) -> None:
        self.program = program
        self.weights = weights
        self.sizes = {**sizes, **({block[0]: block[1]} if block else {})}
        self.block = block
        self.layouts = layouts
        self.reals = reals_of(program)

    def number(self, value: Any) -> int:
        """Return a size as a number."""
        if isinstance(value, int):
            return value
        expression = symbols.expression(value).subs(self.sizes)
        if expression.free_symbols:
            raise UnsupportedError(f"the size {expression} is not known; fixed sizes are needed for all symbols")
        return int(expression)

    def shape(self, tensor: torch.Tensor) -> Shape:
        """Return a shape in numbers."""
        return tuple(self.number(size) for size in tensor.shape)

    def _sample(self, tensor: torch.Tensor) -> int | None:
        if self.block is None:
            return None
        sizes: list[Any] = list(tensor.shape)
        at = [
            d
            for d, size in enumerate(sizes)
            if not isinstance(size, int) and self.block[0] in symbols.expression(size).free_symbols
        ]
        if not at:
            return None
        if len(at) > 1 or symbols.expression(sizes[at[0]]) != self.block[0]:
            raise EntangledError("an array whose size is computed from the number of samples")
        return at[0]

    def argument(self, tensor: torch.Tensor, place: Place, index: int, layout: str, network: Network, real: Real) -> View:
        """Return the caller's array, or that of a block of samples, as it is read or written."""
        shape, sample = self.shape(tensor), self._sample(tensor)
        if math.prod(shape) == 0:
            raise UnsupportedError("an array without elements")
        # Where samples lie beside each other their distance depends on how many there are: a block is brought into PyTorch's order.
        strides = contiguous(shape) if layout == "torch" or sample is not None else tuple(contiguous(shape[::-1])[::-1])
        if tensor.dtype not in DTYPES:
            raise UnsupportedError(f"an array of {_short(tensor.dtype)}")
        network.dtypes.append(DTYPES.index(tensor.dtype))
        view = network.allocate(place, shape, real, index=index)
        return View(view.buffer, shape, strides, sample=sample)

    def read(self, machines: Mapping[Real, Machine], rows: int) -> Network:
        """Return what the program computes."""
        b = Lowering(machines, rows)
        b.network.block = self.block[1] if self.block else None
        env: dict[torch.fx.Node, Any] = {}
        targets: dict[torch.fx.Node, View] = {}
        for node in self.program.graph.nodes:
            if node.op != "placeholder" and not targets:
                targets = self._outputs(b)  # behind the inputs
            if node.op == "placeholder":
                env[node] = self._placeholder(node, b)
            elif node.op == "call_function":
                b.target = targets.get(node)
                try:
                    env[node] = self._call(node, env, b)
                except UnsupportedError as error:
                    raise UnsupportedError(f"{name_of(node.target)}: {error}") from None
            elif node.op == "output":
                self._output(node, env, b)
            else:
                raise UnsupportedError(f"a node of kind {node.op}")
        return b.network

    def _placeholder(self, node: torch.fx.Node, b: Lowering) -> Any:
        spec = next(s for s in self.program.graph_signature.input_specs if s.arg.name == node.name)
        if spec.kind is InputKind.USER_INPUT:
            index = len(b.network.inputs)
            if not isinstance(spec.arg, TensorArgument):
                if isinstance(spec.arg, ConstantArgument):
                    return spec.arg.value
                raise UnsupportedError(f"the input '{node.name}' is no tensor")
            layout = self.layouts[index] if index < len(self.layouts) else "torch"
            dtype = node.meta["val"].dtype
            real = REALS.get(dtype) or self._read_as(node, dtype)
            view = self.argument(node.meta["val"], Place.INPUT, index, layout, b.network, real)
            b.network.inputs.append(view)
            return b.combine("ne", load(view), 0.0) if dtype is torch.bool else load(view)
        if not node.users:
            return None
        value = node.meta["val"]
        if not isinstance(value, torch.Tensor) or value.dtype not in REALS:
            raise UnsupportedError(f"'{spec.target}' is {_short(value.dtype) if isinstance(value, torch.Tensor) else 'no tensor'}")
        real = REALS[value.dtype]
        if spec.target in self.weights:
            shape = tuple(int(size) for size in value.shape)
            return load(b.network.allocate(Place.WEIGHT, shape, real, index=self.weights[spec.target]))
        held = self.program.constants.get(spec.target)
        if not isinstance(held, torch.Tensor):
            raise UnsupportedError(f"'{spec.target}' is no weight and no constant")
        numbers = held.detach().reshape(-1).tolist()
        constants = b.network.constants[real]
        if len(constants) + len(numbers) > _MOST_CONSTANTS:
            raise UnsupportedError(f"the constant '{spec.target}' has {len(numbers)} elements; register large ones as buffers")
        view = b.network.allocate(Place.CONSTANT, tuple(held.shape), real)
        view.buffer.offset = len(constants)
        constants += numbers
        return load(view)

    def _read_as(self, node: torch.fx.Node, dtype: torch.dtype) -> Real:
        """Return as what kind of real numbers an input of another dtype is read: the one that the network converts it to."""
        if dtype is torch.bool or not node.users:
            return self.reals[0]
        users = [user for user in node.users if not is_size(user)]
        made = {user.meta["val"].dtype if name_of(user.target) in _CONVERSIONS else dtype for user in users}
        if len(made) == 1 and made <= set(REALS):
            return REALS[made.pop()]
        raise UnsupportedError(
            f"arithmetic with the input '{node.name}', which is {_short(dtype)}; convert it to real numbers first"
        )

    def _argument(self, value: Any, env: dict[torch.fx.Node, Any], scalar: bool) -> Any:
        if isinstance(value, torch.fx.Node):
            if value in env and env[value] is not None:
                return env[value]
            held = value.meta.get("val")
            if isinstance(held, torch.SymInt | int):
                if scalar and self.block and not isinstance(held, int):
                    raise EntangledError("arithmetic with the number of samples")
                return self.number(held)
            raise UnsupportedError(f"the value of '{value.name}' cannot be used")
        if isinstance(value, list | tuple):
            return [self._argument(v, env, scalar) for v in value]
        return value

    def _call(self, node: torch.fx.Node, env: dict[torch.fx.Node, Any], b: Lowering) -> Any:
        if is_size(node):
            return None
        if node.target is operator.getitem:
            source, index = node.args
            return env[source][index]  # type: ignore[index]
        name = name_of(node.target)
        if not is_supported(node):
            raise UnsupportedError("this operation is unknown to kernels")
        for value in _tensors(node.meta.get("val")):
            if value.dtype not in REALS and value.dtype is not torch.bool:
                raise UnsupportedError(f"a result in {_short(value.dtype)}")
        count, handler = HANDLERS[name]
        scalar = name in ELEMENTWISE
        given = self._bound(node, env, scalar, count)
        if name in ("sum", "mean", "prod") and len(given) > 1 and not isinstance(given[1], int | list):
            given = given[:1]  # the variant without dimensions
        if name == "squeeze":
            given = [g for g in given if g is not None]
        if name == "slice" and given[4] != 1 and given[4] is None:
            given[4] = 1
        try:
            result = handler(b, *given)
        except (TypeError, ValueError, IndexError, AttributeError) as error:
            raise UnsupportedError(f"its arguments are unknown to kernels ({error})") from error
        if isinstance(result, Expr):
            expected = node.meta["val"]
            if result.boolean != (expected.dtype is torch.bool):
                raise UnsupportedError("a conversion between numbers and conditions")
            if expected.dtype in REALS:
                result = b.convert(result, REALS[expected.dtype])
            if result.shape != self.shape(expected):
                raise UnsupportedError(f"a result of shape {result.shape} where PyTorch has {self.shape(expected)}")
            if len(node.users) > 1:
                result = b.settle(result)
        return result

    def _bound(self, node: torch.fx.Node, env: dict[torch.fx.Node, Any], scalar: bool, count: int) -> list[Any]:
        """Return the arguments in the order of the schema, those left out with their defaults, as many as the function takes."""
        values = []
        for i, argument in enumerate(node.target._schema.arguments):  # type: ignore[union-attr]
            if i < len(node.args):
                value = node.args[i]
            else:
                value = node.kwargs.get(argument.name, argument.default_value if argument.has_default_value() else None)
            if i < count:
                values.append(self._argument(value, env, scalar))
            elif argument.name not in _IRRELEVANT and not (argument.has_default_value() and value == argument.default_value):
                raise UnsupportedError(f"its argument '{argument.name}' is unknown to kernels")
        return values

    def _outputs(self, b: Lowering) -> dict[torch.fx.Node, View]:
        """Find out where the results go, and return that of each node."""
        specs = self.program.graph_signature.output_specs
        node = next(iter(reversed(self.program.graph.nodes)))
        found: dict[torch.fx.Node, View] = {}
        for spec, value in zip(specs, node.args[0], strict=True):
            if spec.kind is not OutputKind.USER_OUTPUT:
                raise UnsupportedError(f"the network changes its buffer '{spec.target}'")
            if not isinstance(value, torch.fx.Node) or not isinstance(value.meta.get("val"), torch.Tensor):
                raise UnsupportedError("an output that is no tensor")
            index = len(b.network.outputs)
            real = REALS.get(value.meta["val"].dtype, self.reals[0])
            out = self.argument(value.meta["val"], Place.OUTPUT, index, "torch", b.network, real)
            b.network.outputs.append(out)
            found.setdefault(value, out)
            if value.target is operator.getitem and value.args[1] == 0 and isinstance(value.args[0], torch.fx.Node):
                found.setdefault(value.args[0], out)  # the first result of a recurrent layer
        return found

    def _output(self, node: torch.fx.Node, env: dict[torch.fx.Node, Any], b: Lowering) -> None:
        for value, out in zip(node.args[0], b.network.outputs, strict=True):  # type: ignore[arg-type]
            result: Expr = env[value]
            if result.boolean:
                result = b.combine("where", result, 1.0, 0.0)
            if result.sample is not None and result.sample != out.sample:
                raise EntangledError("the samples are elsewhere in the output")
            if result.view is None or result.view.buffer is not out.buffer or result.view.strides != out.strides:
                b.store(result, out)


def _tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, list | tuple):
        return [v for item in value for v in _tensors(item)]
    return []
