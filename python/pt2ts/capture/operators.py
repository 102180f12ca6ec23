"""Operators of a network that are not PyTorch's own: a Fortran program has no Python in it to run those that are written there."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch.export import ExportedProgram

from ..errors import UnexportableError
from ..pytorch import torchscript
from ..pytorch.inductor import writes_itself
from ..pytorch.operators import has_kernel, is_composite, is_operator, where_registered

#: Namespaces of the operators that libtorch itself has.
_OWN = frozenset((
    "aten", "prim", "inductor", "mkl", "mkldnn", "mkldnn_prepacked", "onednn", "prepacked", "profiler", "quantization", "quantized",
    "_quantized", "sparse", "static_runtime", "c10d", "_c10d_functional",
))  # fmt: skip

#: How PyTorch tells where an operator was defined that is not written in Python.
_COMPILED = re.compile(r"^debug: registered at .*\.(?:c|cc|cpp|cxx|cu|h|hpp):\d+$", re.MULTILINE)


def check_program(program: ExportedProgram) -> None:
    """Refuse a program that calls an operator which only Python can run.

    Those that PyTorch's compiler knows how to write as code of its own are no calls any more.

    Raises
    ------
    UnexportableError
        With the name of the operator.
    """
    found = {node.target for part in _graphs(program) for node in part.graph.nodes if is_operator(node.target)}
    names = {target.name(): target for target in found if target.namespace not in _OWN}  # type: ignore[no-untyped-call]
    names = {name: target for name, target in names.items() if not is_composite(name) and not writes_itself(target)}
    _check(names)


def check_script(script: torchscript.ScriptModule) -> None:
    """Refuse TorchScript that calls an operator which only Python can run; see `check_program`."""
    kinds = {node.kind() for node in _nodes(script.inlined_graph)}
    _check(kind for kind in kinds if kind.partition("::")[0] not in _OWN)


def python_calls(script: torchscript.ScriptModule) -> list[str]:
    """Return the names of the Python functions that TorchScript would call, which no file of it can hold."""
    return [node.pyname() for node in _nodes(script.inlined_graph) if node.kind() == "prim::PythonOp"]


def _check(names: Iterable[str]) -> None:
    for name in sorted(names):
        if not _is_registered(name):
            continue
        if not _COMPILED.search(where_registered(name)):
            raise UnexportableError(
                f"forward calls the operator '{name}', which exists in Python only: a Fortran program could not run the file",
                "write it with PyTorch's own functions; or register what it does as 'CompositeImplicitAutograd', and the file "
                "holds the operations that it consists of",
            )
        warnings.warn(
            f"forward calls the operator '{name}', which is not PyTorch's own: the Fortran program must load the library that has "
            "it before the model",
            stacklevel=2,
        )


def _is_registered(name: str) -> bool:
    return "::" in name and has_kernel(name)


def _graphs(program: ExportedProgram) -> Iterator[torch.fx.GraphModule]:
    """Yield the program and what is inside of it: branches, loops."""
    yield from (part for part in program.graph_module.modules() if isinstance(part, torch.fx.GraphModule))


def _nodes(block: Any) -> Iterator[Any]:
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from _nodes(inner)
