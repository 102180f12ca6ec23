! A program for FTorch 1.1: `use ftorch` and `use ftorch_tensor` in one scope, and torch_tensor_from_blob as a subroutine.
program downstream
  use, intrinsic :: iso_c_binding, only: c_loc
  use, intrinsic :: iso_fortran_env, only: int64
  use ftorch
  use ftorch_tensor
  implicit none (type, external)
  call work()
contains
  subroutine work()
    type(torch_tensor) :: a, b, c
    real, target :: x(2, 3)
    real, pointer :: y(:, :)
    x = 1.5
    call torch_tensor_from_blob(a, c_loc(x), 2, [2_int64, 3_int64], [1, 2], torch_kFloat32, torch_kCPU)
    call torch_tensor_from_array(b, x, [1, 2], torch_kCPU)
    c = a + b
    call torch_tensor_to_array(c, y)
    print '(a, 6f4.1)', 'sum', y
    call torch_delete(a)
  end subroutine work
end program downstream
