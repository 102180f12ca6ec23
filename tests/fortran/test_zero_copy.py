"""Addresses prove that arrays become tensors, and tensors pointers, without a copy: every dtype, rank and kind of section."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..support import BuildFortran
from .conftest import Run

# (dtype constant, declaration, value of element number n, equality operator, explicit dtype= argument)
DTYPES = (
    ("torch_kInt8", "integer(c_int8_t)", "int(n, c_int8_t)", "==", ""),
    ("torch_kUInt8", "integer(c_int8_t)", "int(n, c_int8_t)", "==", "dtype=torch_kUInt8"),
    ("torch_kInt16", "integer(c_int16_t)", "int(n, c_int16_t)", "==", ""),
    ("torch_kFloat16", "integer(c_int16_t)", "int(n, c_int16_t)", "==", "dtype=torch_kFloat16"),
    ("torch_kBFloat16", "integer(c_int16_t)", "int(n, c_int16_t)", "==", "dtype=torch_kBFloat16"),
    ("torch_kInt32", "integer(c_int32_t)", "n", "==", ""),
    ("torch_kInt64", "integer(c_int64_t)", "int(n, c_int64_t)", "==", ""),
    ("torch_kFloat32", "real(c_float)", "real(n, c_float)", "==", ""),
    ("torch_kFloat64", "real(c_double)", "real(n, c_double)", "==", ""),
    ("torch_kComplex64", "complex(c_float_complex)", "cmplx(n, -n, c_float_complex)", "==", ""),
    ("torch_kComplex128", "complex(c_double_complex)", "cmplx(n, -n, c_double_complex)", "==", ""),
    ("torch_kBool", "logical(c_bool)", "logical(mod(n, 3) == 0, c_bool)", ".eqv.", ""),
)
RANKS = range(16)


def block(rank: int, declaration: str, dtype: str, value: str, equal: str, option: str) -> str:
    """Fortran block that checks one dtype in one rank."""
    extents = [2, 3, 2][: min(rank, 3)] + [1] * (rank - 4) + ([2] if rank > 3 else [])
    colons = f"({', '.join(':' * rank)})" if rank else ""
    size = 1
    for extent in extents:
        size *= extent
    with_option = f", {option}" if option else ""
    lines = [
        "  block",
        f"    {declaration}, target :: flat({size})",
        f"    {declaration}, pointer :: a{colons}",
        f"    {declaration}, pointer :: p{colons}",
        f"    {declaration}, allocatable :: back{colons}",
        "    type(torch_tensor) :: t",
        "    integer :: n",
        f"    flat = [({value}, n=1, {size})]",
        f"    call c_f_pointer(c_loc(flat), a{', [' + ', '.join(map(str, extents)) + ']' if rank else ''})",
        f"    call torch_tensor_from_array(t, a{with_option})",
        f"    call check(t%get_dtype() == {dtype} .and. t%get_rank() == {rank}, 'rank {rank}')",
        f"    call check(c_associated(torch_tensor_data_pointer(t), &\n        c_loc(a)), 'rank {rank}: tensor address')",
        "    call torch_tensor_to_array(t, p)",
        f"    call check(associated(p, a), 'rank {rank}: pointer')",
        "    call torch_tensor_to_array(t, back)",
        f"    call check(logical(all([back {equal} a])), 'rank {rank}: copy')" if rank == 0 else "",
        f"    call check(logical(all(back {equal} a)), 'rank {rank}: copy')" if rank else "",
    ]
    if rank:
        big = ", ".join(str(2 * extent + 1) for extent in extents[:1]) + "".join(f", {extent}" for extent in extents[1:])
        part = "(2::2" + ", :" * (rank - 1) + ")"
        first = "(2" + ", 1" * (rank - 1) + ")"
        order = ", ".join(str(d) for d in range(rank, 0, -1))
        lines += [
            "    block",
            f"      {declaration}, target :: big({big})",
            f"      big{part} = a",
            f"      call torch_tensor_from_array(t, big{part}{with_option})",
            "      call check(c_associated(torch_tensor_data_pointer(t), &",
            f"        c_loc(big{first})), 'rank {rank}: section address')",
            "      call torch_tensor_to_array(t, p)",
            f"      call check(associated(p, big{part}), 'rank {rank}: pointer to the section')",
            f"      call torch_tensor_from_array(t, a, permute_dims=[{order}]{with_option})",
            f"      call check(t%is_contiguous(), 'rank {rank}: reversed order is row-major')",
            f"      call check(c_associated(torch_tensor_data_pointer(t), &\n        c_loc(a)), 'rank {rank}: permuted address')",
            f"      call torch_tensor_to_array(t, p, permute_dims=[{order}])",
            f"      call check(associated(p, a), 'rank {rank}: permuted back')",
            "    end block",
        ]
    return "\n".join([*filter(None, lines), "  end block"])


def source_of(dtype: str, declaration: str, value: str, equal: str, option: str) -> str:
    """Program that checks one dtype in all ranks."""
    blocks = "\n".join(block(rank, declaration, dtype, value, equal, option) for rank in RANKS)
    return f"""program zero_copy
  use, intrinsic :: iso_c_binding
  use :: ftorch
  implicit none (type, external)
{blocks}
  write (*, '(a)') 'no copies'
contains
  subroutine check(fact, what)
    logical, intent(in) :: fact
    character(len=*), intent(in) :: what
    if (.not. fact) error stop what
  end subroutine check
end program zero_copy
"""


@pytest.mark.parametrize("row", DTYPES, ids=lambda row: row[0].removeprefix("torch_k"))
def test_no_copies(fc: str, build_fortran: BuildFortran, run: Run, tmp_path: Path, row: tuple[str, str, str, str, str]) -> None:
    source = tmp_path / f"zero_copy_{row[0]}.f90"
    source.write_text(source_of(*row))
    assert run(build_fortran(source, compiler=fc)).stdout == "no copies\n"
