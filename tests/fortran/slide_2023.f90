program slide_2023
  !! The program of the 2023 slides, typing errors mended, on a field that is not square: `shape(SST)` as it is printed there.
  use, intrinsic :: iso_c_binding, only: c_loc, c_null_char
  use, intrinsic :: iso_fortran_env, only: real64
  use :: ftorch
  implicit none (type, external)

  integer, parameter :: nx = 3, ny = 4, n_inputs = 1
  real(real64), target :: SST(nx, ny), forecast(nx, ny)
  integer, dimension(2) :: shape_T
  type(torch_module) :: model
  type(torch_tensor), dimension(n_inputs) :: model_inputs
  type(torch_tensor) :: model_output
  integer :: i, j

  do j = 1, ny
    do i = 1, nx
      SST(i, j) = 0.25 * i + 0.125 * j
    end do
  end do
  forecast = -1
  shape_T = shape(SST)

  model = torch_module_load('index.pt'//c_null_char)
  model_inputs(1) = torch_tensor_from_blob(c_loc(SST), 2, shape_T, torch_kFloat64, torch_kCPU)
  model_output = torch_tensor_from_blob(c_loc(forecast), 2, shape(forecast), torch_kFloat64, torch_kCPU)
  call torch_module_forward(model, model_inputs, n_inputs, model_output)
  do j = 1, ny
    do i = 1, nx
      call compare('index (i,j) of the array is index (i,j) of the tensor', 100 * (i - 1) + (j - 1))
    end do
  end do

  ! An older program gives the extents in reverse: Fortran (i,j) is tensor (j,i).
  forecast = -1
  model_inputs(1) = torch_tensor_from_blob(c_loc(SST), 2, [ny, nx], torch_kFloat64, torch_kCPU, row_major=.true.)
  model_output = torch_tensor_from_blob(c_loc(forecast), 2, [ny, nx], torch_kFloat64, torch_kCPU, row_major=.true.)
  call torch_module_forward(model, model_inputs, n_inputs, model_output)
  do j = 1, ny
    do i = 1, nx
      call compare('with row_major index (i,j) of the array is index (j,i) of the tensor', 100 * (j - 1) + (i - 1))
    end do
  end do

  call torch_tensor_delete(model_inputs(1))
  call torch_tensor_delete(model_output)
  call torch_module_delete(model)
  if (torch_live_handles() /= 0) error stop 'handles are left'
  write (*, '(a)') 'index exact'

contains

  subroutine compare(rule, position)
    character(len=*), intent(in) :: rule
    integer, intent(in) :: position
    if (abs(forecast(i, j) - (position + SST(i, j))) > 0) error stop rule
  end subroutine compare

end program slide_2023
