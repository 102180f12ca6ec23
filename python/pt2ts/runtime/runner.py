"""Running the variants of a package in Python, to check and to measure them; a Fortran program needs none of this."""

from __future__ import annotations

import ctypes
import io
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from ..container.package import ALIGNMENT, FALLBACK, WEIGHTS, kernel_member, read_members, unpack_weights
from ..contract.dtypes import DTYPES
from ..contract.layout import in_order
from ..contract.spec import SPEC_FILE, Spec, TensorSpec
from ..contract.structure import flatten
from ..contract.variants import Variant
from ..errors import LoadError
from ..pytorch import inductor, torchscript

Tensors = list[torch.Tensor]
Run = Callable[[Tensors], Tensors]

#: Dtypes as the C interface counts them.
_CODES = {dtype: code for code, dtype in enumerate(DTYPES.values())}
#: What `ftorch_kernel_abi` of a kernel says.
_KERNEL_ABI = 2


class PackageRunner:
    """A package opened for running.

    Parameters
    ----------
    path
        The package; its checksums and digest are checked.
    weights
        Values that replace those of the package, by name.
    """

    def __init__(self, path: Path, weights: Mapping[str, torch.Tensor] | None = None) -> None:
        self.path = path
        self.members = read_members(path)
        self.spec = Spec.from_json(self.members[f"extra/{SPEC_FILE}"])
        self.weights = unpack_weights(self.members[WEIGHTS], self.spec.weights) | dict(weights or {})

    def load(self, variant: Variant) -> Run:
        """Return a function that runs one variant on inputs that have the strides of the contract."""
        return {"aoti": self._aoti, "kernel": self._kernel, "torchscript": self._script}[variant.kind](variant)

    def call(self, variant: Variant) -> Callable[..., tuple[torch.Tensor, ...]]:
        """Return a function of single tensors, which brings them into the strides of the contract first."""
        run = self.load(variant)

        def call(*inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return tuple(run(in_order(self.spec.inputs, inputs)))

        return call

    def prepared(self, variant: Variant, inputs: Sequence[torch.Tensor]) -> Callable[[], object]:
        """Return a call of one variant on these inputs with as little of Python around it as possible, to be measured."""
        fixed = in_order(self.spec.inputs, inputs)
        if variant.kind == "torchscript":
            script = self._script_module()
            return lambda: script(*fixed)
        run = self.load(variant)
        return run.prepared(fixed) if isinstance(run, Kernel) else lambda: run(fixed)

    def _aoti(self, variant: Variant) -> Run:
        loader = inductor.open_model(self.path, variant.name)
        wanted = {}
        if variant.weights == "shared":
            wanted = {name: self.weights[name] for name in inductor.constant_names(loader)}
        if wanted:
            inductor.share_constants(loader, wanted)  # it keeps addresses; the function below keeps the tensors

        def run(inputs: Tensors, _: object = wanted) -> Tensors:
            return inductor.run(loader, inputs)

        return run

    def _script(self, _: Variant) -> Run:
        script = self._script_module()

        def run(inputs: Tensors) -> Tensors:
            with torch.no_grad():
                return [tensor for _, tensor in flatten(script(*inputs))]

        return run

    def _script_module(self) -> torchscript.ScriptModule:
        return torchscript.load(io.BytesIO(self.members[FALLBACK]))

    def _kernel(self, variant: Variant) -> Run:
        return Kernel(self.members[kernel_member(variant.name)], variant, self.spec, self.weights)


class Kernel:
    """A kernel, called as the library calls it: by addresses."""

    def __init__(self, library: bytes, variant: Variant, spec: Spec, weights: Mapping[str, torch.Tensor]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "kernel.so"
            path.write_bytes(library)
            try:
                self._library = ctypes.CDLL(str(path))  # the file may go when it is mapped
            except OSError as error:
                raise LoadError(f"the kernel '{variant.name}' cannot be loaded ({error})", "export the file again") from error
        if self._library.ftorch_kernel_abi() != _KERNEL_ABI:
            raise LoadError(f"the kernel '{variant.name}' has another interface than this version of pt2ts", "export it again")
        self._spec, self._samples = spec, variant.samples
        self._weights = [weights[weight.name].contiguous() for weight in spec.weights]
        self._packed, self._workspace = _aligned(variant.packed), _aligned(variant.workspace)
        self._library.ftorch_kernel_pack(_addresses(self._weights), ctypes.c_void_p(self._packed.data_ptr()))

    def __call__(self, inputs: Tensors) -> Tensors:
        """Run it; a batch of other sizes than the variant's is for the caller to avoid."""
        outputs, call = self._bound(inputs)
        call()
        return outputs

    def prepared(self, inputs: Tensors) -> Callable[[], object]:
        """Return a call on these inputs."""
        return self._bound(inputs)[1]

    def _bound(self, inputs: Tensors) -> tuple[Tensors, Callable[[], object]]:
        sizes = {
            name: size
            for spec, tensor in zip(self._spec.inputs, inputs, strict=True)
            for name, size in zip(spec.shape, tensor.shape, strict=True)
        }
        outputs = [_empty(spec, sizes) for spec in self._spec.outputs]
        arguments = (
            _arrays(inputs),
            _arrays(outputs),
            ctypes.c_void_p(self._packed.data_ptr()),
            ctypes.c_void_p(self._workspace.data_ptr()),
            ctypes.c_int64(0),
            ctypes.c_int64(sizes[self._samples] if self._samples else 1),
        )
        kept = (self, inputs, outputs)  # their memory is what the addresses point to
        run = self._library.ftorch_kernel_run
        return outputs, lambda _=kept: run(*arguments)


def _empty(spec: TensorSpec, sizes: Mapping[str | int, int]) -> torch.Tensor:
    return torch.empty([sizes[size] if isinstance(size, str) else size for size in spec.shape], dtype=DTYPES[spec.dtype])


def _addresses(tensors: Sequence[torch.Tensor]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * max(1, len(tensors)))(*(tensor.data_ptr() for tensor in tensors))


class _Array(ctypes.Structure):
    """An array as kernels know it."""

    _fields_ = (("data", ctypes.c_void_p), ("byte_strides", ctypes.POINTER(ctypes.c_int64)), ("dtype", ctypes.c_int64))


def _arrays(tensors: Sequence[torch.Tensor]) -> ctypes.Array[_Array]:
    described = []
    for tensor in tensors:
        size = tensor.element_size()
        strides = (ctypes.c_int64 * max(1, tensor.dim()))(*(stride * size for stride in tensor.stride()))
        described.append(_Array(tensor.data_ptr(), strides, _CODES[tensor.dtype]))
    return (_Array * max(1, len(tensors)))(*described)


def _aligned(size: int) -> torch.Tensor:
    """Return memory that begins at a multiple of the alignment."""
    raw = torch.zeros(size + ALIGNMENT, dtype=torch.uint8)
    start = -raw.data_ptr() % ALIGNMENT
    return raw[start : start + max(1, size)]
