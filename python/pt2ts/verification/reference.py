"""What a model file ought to give: PyTorch's own numbers for it, from the Python module or from what lies in the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..capture.arguments import arrange, call_of_names
from ..capture.module_copy import evaluation_copy
from ..capture.program import from_bytes
from ..capture.rounding import Rounding, Yardstick
from ..container.filetype import Kind, require_runnable
from ..container.package import PROGRAM, SPEC, WEIGHTS, read_members, unpack_weights
from ..container.reading import load_script
from ..contract.dtypes import DTYPES
from ..contract.spec import Spec
from ..contract.structure import Named, flatten
from ..errors import LoadError, VerifyError


@dataclass(frozen=True)
class Reference:
    """Something that computes what a file should.

    Attributes
    ----------
    call
        Takes the inputs in the order of the contract.
    words
        What it is, for messages.
    weights
        Its weights and buffers by name.
    module
        The user's module, where that is what computes.
    """

    call: Callable[..., Any]
    words: str
    weights: Mapping[str, torch.Tensor]
    module: torch.nn.Module | None = None

    def rounding(self, inputs: Sequence[torch.Tensor], outputs: Sequence[torch.Tensor]) -> Rounding:
        """Return what is known about the rounding of its outputs."""
        return () if self.module is None else Yardstick(self.module).measure(inputs, outputs)

    def run(self, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Return its outputs for copies of the inputs, in the order of the contract."""
        return [tensor for _, tensor in self.named(inputs)]

    def named(self, inputs: Sequence[torch.Tensor]) -> Named:
        """Return its outputs with their names in the module's own result."""
        with torch.no_grad():
            result = self.call(*(tensor.clone() for tensor in inputs))
        return [(name, tensor.detach().clone()) for name, tensor in flatten(result)]


def of_file(path: Path, spec: Spec) -> tuple[Reference | None, str]:
    """Return what lies in a file: the TorchScript module, or the program that a package was compiled from; or None, and why."""
    if require_runnable(path) is Kind.TORCHSCRIPT:
        script = load_script(path).eval()
        return Reference(script, "the file, run by PyTorch itself", dict(script.state_dict())), ""
    members = read_members(path)
    weights = unpack_weights(members[WEIGHTS], spec.weights) if WEIGHTS in members else {}
    if PROGRAM not in members or spec.kind != "inference":
        return None, "there is no program in the file to compare with: give --against"
    try:
        program = from_bytes(members[PROGRAM], weights).module(check_guards=False)
    except LoadError as error:
        here = torch.__version__.split("+")[0]
        if spec.torch != here:
            return None, f"the program in the file was made by PyTorch {spec.torch}, here is {here}: give --against"
        return None, f"the program in the file cannot be read ({error.message}): give --against"
    return Reference(program, "the program that the package was compiled from", weights), ""


def of_module(module: torch.nn.Module, spec: Spec) -> Reference:
    """Return the user's module in evaluation mode, of the dtype that the contract names."""
    eager = evaluation_copy(module)
    names = [item.argument or item.name for item in spec.inputs]
    arrange(eager, call_of_names(eager, names, [torch.zeros(())] * len(names)))
    wanted = {DTYPES[item.dtype] for item in spec.inputs if DTYPES[item.dtype].is_floating_point}
    have = {item.dtype for item in eager.state_dict().values() if item.is_floating_point()}
    if spec.precision is None and len(wanted) == 1 and have and have != wanted:
        eager = eager.to(wanted.pop())
    return Reference(eager, "the Python module", dict(eager.state_dict()), eager)


def weights_of_file(path: Path) -> dict[str, torch.Tensor]:
    """Return weights and buffers of a model file by name."""
    if require_runnable(path) is Kind.TORCHSCRIPT:
        return dict(load_script(path).state_dict())
    members = read_members(path)
    if WEIGHTS not in members:
        raise VerifyError(f"{path} has no weights that can be read")
    return unpack_weights(members[WEIGHTS], Spec.from_json(members[SPEC]).weights)
