program slide_2023
  !! The program of the 2023 slides, typing errors mended, on a field that is not square. The memory is read in row-major order,
  !! so the extents are given in reverse: Fortran (i,j) is tensor (j,i).
  use, intrinsic :: iso_c_binding, only: c_int64_t, c_loc, c_null_char
  use, intrinsic :: iso_fortran_env, only: real32
  use :: ftorch
  implicit none (type, external)

  integer, parameter :: nx = 3, ny = 5, n_inputs = 1
  real(real32), target :: field(nx, ny), result_field(nx, ny)
  type(torch_module) :: model
  type(torch_tensor) :: inputs(n_inputs), output
  integer :: i, j

  do j = 1, ny
    do i = 1, nx
      field(i, j) = 0.25 * i + 0.125 * j
    end do
  end do
  result_field = -1

  model = torch_module_load('index.pt'//c_null_char)
  inputs(1) = torch_tensor_from_blob(c_loc(field), 2, [int(ny, c_int64_t), int(nx, c_int64_t)], torch_kFloat32, torch_kCPU)
  output = torch_tensor_from_blob(c_loc(result_field), 2, [ny, nx], torch_kFloat32, torch_kCPU)
  call torch_module_forward(model, inputs, n_inputs, output)

  do j = 1, ny
    do i = 1, nx
      if (abs(result_field(i, j) - (100 * (j - 1) + (i - 1) + field(i, j))) > 0) error stop 'an index is not where it belongs'
    end do
  end do
  call torch_tensor_delete(inputs(1))
  call torch_tensor_delete(output)
  call torch_module_delete(model)
  if (torch_live_handles() /= 0) error stop 'handles are left'
  write (*, '(a)') 'index exact'
end program slide_2023
