"""What ``forward`` is called with: tensors one by one, or dictionaries, dataclasses and lists of them, by position or by name.

A Fortran program passes arrays in a row. Where forward wants something else, the copy that is exported gets a forward that takes
the tensors in a row and puts the rest around them. That forward is written as source, so that TorchScript compiles it too.
"""

from __future__ import annotations

import dataclasses
import inspect
import linecache
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from ..contract.dtypes import name_of
from ..contract.structure import Named, children, is_row, named_inside
from ..errors import ExportError
from ..pytorch import torchscript, trees
from .module_copy import replace_forward

Kinds = inspect.Parameter

#: What is no tensor and belongs to the call itself, besides switches and words: the file has it built in.
_CONSTANTS = (torch.dtype, torch.device)

#: The name under which the user's forward can be called where ours has its place.
_INNER = "forward_of_structures"


@dataclass(frozen=True)
class Call:
    """Arguments of forward; tensors in them may lie in any nesting."""

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


def parameters(module: torch.nn.Module) -> dict[str, inspect.Parameter]:
    """Return the arguments of ``forward`` by name, those behind ``*`` and ``**`` too."""
    if isinstance(module, torchscript.ScriptModule):
        names = torchscript.argument_names(module)
        return {name: inspect.Parameter(name, Kinds.POSITIONAL_ONLY) for name in names}
    return dict(inspect.signature(module.forward).parameters)


def argument_names(module: torch.nn.Module) -> list[str]:
    """Return the names of forward's arguments, as far as it names them."""
    return [name for name, item in parameters(module).items() if item.kind not in (Kinds.VAR_POSITIONAL, Kinds.VAR_KEYWORD)]


def call_of(module: torch.nn.Module, given: Any, declared: Sequence[str] = ()) -> Call:
    """Return the call that example inputs stand for.

    Parameters
    ----------
    module
        The module they are for.
    given
        A tensor, a sequence of arguments, or a mapping from argument, or declared input, to its value. None stands for an
        optional argument that is left out.
    declared
        Names of the declared inputs.
    """
    known = parameters(module)
    if isinstance(given, Mapping):
        if all(name in known for name in given):
            return _by_position(known, dict(given))
        if set(given) <= set(declared):
            names = [name for name in declared if name in given]
            return call_of_names(module, names, [given[name] for name in names])
        if all(_head(name) in known for name in given):
            return call_of_names(module, list(given), list(given.values()))
        if any(item.kind is Kinds.VAR_KEYWORD for item in known.values()):
            return _by_position(known, dict(given))
        needed = [name for name, item in known.items() if item.default is Kinds.empty]
        if len(needed) != 1 or _annotations(module).get(needed[0]) is torch.Tensor:
            unknown = next(name for name in given if name not in known)
            raise ExportError(f"forward has no argument '{unknown}'", f"its arguments are {', '.join(argument_names(module))}")
        given = [given]  # a dictionary is what forward takes
    one_tuple = hasattr(given, "_fields") and len(known) == 1
    if isinstance(given, (torch.Tensor, str)) or not isinstance(given, Sequence) or one_tuple:
        given = [given]
    items = list(given)
    while items and items[-1] is None:
        items.pop()
    return Call(tuple(items))


def call_of_names(module: torch.nn.Module, names: Sequence[str], values: Sequence[Any]) -> Call:
    """Return the call that puts values where their names say.

    ``state.T`` is the item or field ``T`` of the argument ``state``, ``more.1`` the first of a list. Names that are arguments go by
    name, all others by position.
    """
    known = parameters(module)
    nested = any(name not in known and _head(name) in known for name in names)
    keywords = any(name in known and known[name].kind is Kinds.KEYWORD_ONLY for name in names)
    by_name = nested or keywords or all(name in known for name in names)
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for name, value in zip(names, values, strict=True):
        if by_name and _head(name) in known:
            _put(kwargs, name.split("."), value)
        else:
            args.append(value)
    hints = _annotations(module)
    made = {name: _shaped(value, hints.get(name)) for name, value in kwargs.items()}
    return Call(tuple(args), made) if args else _by_position(known, made)


def arrange(module: torch.nn.Module, call: Call) -> tuple[Named, bool]:
    """Give the module a forward that takes the tensors of a call in a row, where its own does not.

    Returns these tensors with their names, and whether forward was another.
    """
    written = _Written()
    positional = (Kinds.POSITIONAL_ONLY, Kinds.POSITIONAL_OR_KEYWORD)
    names = [name for name, item in parameters(module).items() if item.kind in positional]
    names += [f"input{number}" for number in range(len(names) + 1, len(call.args) + 1)]
    arguments = [written.expression(value, name) for value, name in zip(call.args, names, strict=False)]
    arguments += [f"{name}={written.expression(value, name)}" for name, value in call.kwargs.items()]
    if not written.leaves:
        first = f"example input 1 is a {type(call.args[0]).__name__}, not a tensor" if call.args else "there are no example inputs"
        raise ExportError(first, "a model needs at least one input tensor")
    other = arguments != written.variables
    if other:
        _replace_forward(module, written, arguments)
    return written.leaves, other


class _Written:
    """Writes Python expressions for arguments, in which variables stand for the tensors, and collects these."""

    def __init__(self) -> None:
        self.leaves: Named = []
        self.objects: dict[str, Any] = {}

    @property
    def variables(self) -> list[str]:
        """The variables that stand for the leaves."""
        return [f"t{number}" for number in range(1, len(self.leaves) + 1)]

    def expression(self, value: Any, name: str) -> str:
        """Return the expression for a value that is called ``name``."""
        if value is None or isinstance(value, (bool, str)):
            return repr(value)
        if isinstance(value, _CONSTANTS):
            return self._object(value)
        inside = None if _is_array(value) else children(value)
        if inside is None:
            return self._leaf(value, name)
        if dataclasses.is_dataclass(value):
            taken = {field.name for field in dataclasses.fields(value) if field.init}
            inside = [(key, item) for key, item in inside if key in taken]
        items = {key: self.expression(item, named_inside(value, key, name)) for key, item in inside}
        return self._container(value, items)

    def _container(self, value: Any, items: Mapping[str, str]) -> str:
        """Return the expression for a container of the kind of ``value`` with these items, by their names."""
        if dataclasses.is_dataclass(value) or (isinstance(value, tuple) and not is_row(value)):
            return f"{self._object(type(value))}({', '.join(f'{key}={item}' for key, item in items.items())})"
        if isinstance(value, Mapping):
            made = "{" + ", ".join(f"{key!r}: {items[str(key)]}" for key in value) + "}"
            return made if type(value) is dict else f"{self._object(type(value))}({made})"
        if type(value) is tuple:
            return "(" + "".join(f"{item}, " for item in items.values()) + ")"
        made = "[" + ", ".join(items.values()) + "]"
        return made if type(value) is list else f"{self._object(trees.refilled)}({self._object(value)}, {made})"

    def _object(self, value: Any) -> str:
        name = next((name for name, known in self.objects.items() if known is value), f"object{len(self.objects) + 1}")
        self.objects[name] = value
        return name

    def _leaf(self, value: Any, name: str) -> str:
        self.leaves.append((name, _as_tensor(value, name, len(self.leaves) + 1)))
        return self.variables[-1]


def _as_tensor(item: Any, name: str, number: int) -> torch.Tensor:
    what = f"example input {number}" if "." not in name else f"example input {number} '{name}'"
    try:
        tensor = torch.as_tensor(item)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ExportError(
            f"{what} is a {type(item).__name__}, not a tensor",
            "forward may take tensors, and lists, tuples, dictionaries and dataclasses of them",
        ) from error
    name_of(tensor)
    if tensor.layout is not torch.strided:
        raise ExportError(f"{what} is a {tensor.layout} tensor", "give a dense one")
    return tensor.detach().cpu()


def _is_array(value: Any) -> bool:
    """Return whether a value becomes one tensor: an array, a number, or rows of numbers."""
    if isinstance(value, (list, tuple)) and is_row(value):
        return bool(value) and all(isinstance(item, (int, float, complex, list, tuple)) and _is_array(item) for item in value)
    return isinstance(value, (torch.Tensor, int, float, complex)) or hasattr(value, "__array__")


def _head(name: str) -> str:
    return name.split(".")[0]


def _by_position(known: Mapping[str, inspect.Parameter], given: dict[str, Any]) -> Call:
    """Return a call by name in which the first arguments, as far as none is left out, go by position."""
    args = []
    for name, item in known.items():
        if name not in given or item.kind in (Kinds.KEYWORD_ONLY, Kinds.VAR_KEYWORD):
            break
        args.append(given.pop(name))
    order = [*(name for name in known if name in given), *(name for name in given if name not in known)]
    return Call(tuple(args), {name: given[name] for name in order if given[name] is not None})


def _put(into: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Put a value into nested dictionaries."""
    for key in path[:-1]:
        into = into.setdefault(key, {})
        if not isinstance(into, dict):
            raise ExportError(f"'{'.'.join(path)}' and '{key}' are both declared", "declare the whole, or what is in it")
    into[path[-1]] = value


def _shaped(value: Any, hint: Any) -> Any:
    """Return nested dictionaries as what the annotation of their argument says; those whose keys are numbers as lists."""
    if not isinstance(value, dict):
        return value
    hint = next((kind for kind in typing.get_args(hint) if kind is not type(None)), hint) if _is_optional(hint) else hint
    if isinstance(hint, type) and (dataclasses.is_dataclass(hint) or hasattr(hint, "_fields")):
        hints = typing.get_type_hints(hint)
        return hint(**{key: _shaped(item, hints.get(key)) for key, item in value.items()})
    inner = [kind for kind in typing.get_args(hint) if kind is not ...] or [None]
    items = {key: _shaped(item, inner[-1]) for key, item in value.items()}
    if list(items) == [str(number) for number in range(1, len(items) + 1)]:
        return (tuple if typing.get_origin(hint) is tuple else list)(items.values())
    return items


def _is_optional(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType) and type(None) in typing.get_args(hint)


def _annotations(module: torch.nn.Module) -> dict[str, Any]:
    try:
        return typing.get_type_hints(module.forward)
    except (NameError, TypeError, AttributeError):  # annotations of names that are imported for type checkers only, or none
        return {}


def _replace_forward(module: torch.nn.Module, written: _Written, arguments: Sequence[str]) -> None:
    """Give the module a class of its own, whose forward calls the user's."""
    if isinstance(module, torchscript.ScriptModule):
        raise ExportError(
            "the module is TorchScript already, and what it takes is more than tensors by position",
            "export the Python module that it was made from; or wrap it in one whose forward takes tensors only",
        )
    base = type(module)
    variables = ", ".join(written.variables)
    source = f"def forward(self, {variables}):\n    return self.{_INNER}({', '.join(arguments)})\n"
    file = f"<tensors for {base.__name__}, {id(module):x}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)  # TorchScript looks for it there
    exec(compile(source, file, "exec"), written.objects)  # noqa: S102 - the source is the line above
    replace_forward(module, written.objects["forward"], _INNER)
