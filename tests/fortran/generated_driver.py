"""A Fortran program that runs generated modules on values from files: what the tests compare with PyTorch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from pt2ts.fortran.port import Port
from pt2ts.fortran.view import ModuleView

#: Torch dtypes by the Fortran kinds of real and complex numbers.
_REAL = {"real32": torch.float32, "real64": torch.float64}
_COMPLEX = {"real32": torch.complex64, "real64": torch.complex128}
_BITS = {torch.float16: torch.int16, torch.bfloat16: torch.int16, torch.uint8: torch.int8}


def host_dtype(port: Port, tensor: torch.Tensor) -> torch.dtype:
    """Torch dtype of the program's array."""
    if port.elements.category == "real":
        return _REAL[port.elements.kind]
    return _COMPLEX[port.elements.kind] if port.elements.category == "complex" else tensor.dtype


def to_bytes(port: Port, tensor: torch.Tensor) -> bytes:
    """Memory of the Fortran array that holds a tensor: its first index runs fastest."""
    host = tensor.to(host_dtype(port, tensor))
    stored = host.view(_BITS[host.dtype]) if host.dtype in _BITS else host
    # The array's dimensions are those of the tensor, or the same in reverse; in memory they stand in reverse anyway.
    ordered = stored if port.reversed or stored.dim() < 2 else stored.permute(*reversed(range(stored.dim())))
    return bytes(ordered.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())


def from_bytes(port: Port, data: bytes, like: torch.Tensor) -> torch.Tensor:
    """Tensor out of the memory of a Fortran array."""
    shape = like.shape if port.reversed or like.dim() < 2 else like.shape[::-1]
    tensor = torch.frombuffer(bytearray(data), dtype=host_dtype(port, like)).reshape(shape)
    return tensor if port.reversed or like.dim() < 2 else tensor.permute(*reversed(range(like.dim())))


def driver(views: Mapping[str, tuple[ModuleView, Sequence[torch.Tensor], Sequence[torch.Tensor]]]) -> str:
    """Source of the program; for each module its view, inputs and outputs."""
    cases = "\n".join(_case(name, view, inputs, outputs) for name, (view, inputs, outputs) in views.items())
    calls = "\n".join(f"  call case_{name}()" for name in views)
    return f"""module cases
  use, intrinsic :: iso_c_binding, only: c_bool
  use, intrinsic :: iso_fortran_env, only: int8, int16, int32, int64, real32, real64
  implicit none (type, external)
contains
{cases}
end module cases

program driver
  use cases
  use ftorch, only: torch_live_handles
  implicit none (type, external)
{calls}
  if (torch_live_handles() /= 0) error stop 'handles are left over'
  print '(a)', 'done'
end program driver
"""


def _case(name: str, view: ModuleView, inputs: Sequence[torch.Tensor], outputs: Sequence[torch.Tensor]) -> str:
    forms = {"batch": False} | ({"sample": True} if view.batch else {})
    return f"""
  subroutine case_{name}()
    use :: {view.name}, only: init, run, finalize{", self_test, self_test_tolerance" if view.golden else ""}
    {"real(real64) :: difference" if view.golden else ""}
    call init('{view.file}')
    {"call self_test(difference)" if view.golden else ""}
    {f"if (.not. difference <= self_test_tolerance) error stop '{name}: self test'" if view.golden else ""}
{"".join(f"    call {form}(){chr(10)}" for form in forms)}    call finalize()
  contains
{"".join(_form(name, view, inputs, outputs, form, sample) for form, sample in forms.items())}
  end subroutine case_{name}"""


def _form(
    name: str, view: ModuleView, inputs: Sequence[torch.Tensor], outputs: Sequence[torch.Tensor], form: str, sample: bool
) -> str:
    lines = []
    for number, (port, tensor) in enumerate(zip(view.ports, (*inputs, *outputs), strict=True), 1):
        shape = tensor.shape[1:] if sample and port.batched else tensor.shape
        extents = [str(size) for size in (reversed(shape) if port.reversed else shape)]
        listed = f"({', '.join(extents)})" if extents else ""
        lines.append(f"{port.elements.declaration}, target :: x{number}{listed}")
    files = [Path(f"{name}.{form}.{number}") for number in range(1, len(view.ports) + 1)]
    reads = "".join(_transfer("read", file, n) for n, file in enumerate(files, 1) if n <= len(inputs))
    writes = "".join(_transfer("write", file, n) for n, file in enumerate(files, 1) if n > len(inputs))
    declared = "".join(f"      {line}\n" for line in lines)
    arguments = ", ".join(f"x{number}" for number in range(1, len(files) + 1))
    return f"""
    subroutine {form}()
{declared}      integer :: unit
{reads}      call run({arguments})
{writes}    end subroutine {form}
"""


def _transfer(verb: str, file: Path, number: int) -> str:
    status = "old" if verb == "read" else "replace"
    return f"""      open (newunit=unit, file='{file}', access='stream', form='unformatted', status='{status}')
      {verb} (unit) x{number}
      close (unit)
"""
