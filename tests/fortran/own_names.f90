program own_names
  !! `use ftorch` brings no names that are not its own: a program has these for itself.
  use :: ftorch
  implicit none (type, external)
  integer, parameter :: int32 = 1
  integer :: c_ptr, c_null_ptr, torch_tensor_multiply
  type(torch_tensor) :: t
  c_ptr = int32
  c_null_ptr = c_ptr + 1
  torch_tensor_multiply = c_null_ptr + 1
  call torch_tensor_full(t, real(torch_tensor_multiply))
  print '(f3.1)', t%get()
contains
  subroutine c_associated()
  end subroutine c_associated
end program own_names
