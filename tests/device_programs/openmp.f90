program openmp_columns
  !! Columns that live on the device of OpenMP: a loop makes them, a network computes with them where they are, a loop goes on
  !! with the results. `openmp_columns MODEL.pt`, a network of x[batch,5] and y[batch,3]. Without a device all of it runs on the
  !! host.
  use, intrinsic :: iso_c_binding, only: c_loc
  use, intrinsic :: iso_fortran_env, only: int64, real32
  use :: ftorch
  implicit none (type, external)
  integer, parameter :: n = 1000
  real(real32), target :: x(5, n), y(3, n), expected(3, n), total(n)
  type(torch_model) :: model, host
  type(torch_tensor) :: inputs(1), outputs(1)
  integer(ftorch_int) :: device
  logical :: there
  integer :: i, j
  character(len=256) :: file

  call get_command_argument(1, file)
  there = torch_device_available(torch_kCUDA)
  device = merge(torch_kCUDA, torch_kCPU, there)
  call torch_model_load(model, trim(file), device)
  call torch_model_load(host, trim(file))

  !$omp target data map(alloc: x, y) map(from: total)
  !$omp target teams distribute parallel do collapse(2)
  do j = 1, n
    do i = 1, 5
      x(i, j) = real(i, real32) + 0.001_real32 * real(j, real32)
    end do
  end do
  !$omp target data use_device_addr(x, y)
  call torch_tensor_from_pointer(inputs(1), c_loc(x), 2, [int(n, int64), 5_int64], torch_kFloat32, device, on_device=there)
  call torch_tensor_from_pointer(outputs(1), c_loc(y), 2, [int(n, int64), 3_int64], torch_kFloat32, device, on_device=there)
  !$omp end target data
  call torch_model_forward(model, inputs, outputs)                              ! into y, on the device
  if (there) call torch_synchronize(torch_kCUDA)                                ! OpenMP has a stream of its own
  !$omp target teams distribute parallel do
  do j = 1, n
    total(j) = y(1, j) + y(2, j) + y(3, j)
  end do
  !$omp end target data

  x = reshape([((real(i, real32) + 0.001_real32 * real(j, real32), i=1, 5), j=1, n)], shape(x))
  call host%infer(x, expected, permute_dims=[2, 1], output_permute_dims=[2, 1])
  if (maxval(abs(total - sum(expected, dim=1))) > 1e-4_real32 * maxval(abs(expected))) error stop 'other numbers on the device'
  call torch_delete(inputs)
  call torch_delete(outputs)
  call torch_delete(model)
  call torch_delete(host)
  print '(2a)', 'computed on ', merge('the device', 'the host  ', there)
end program openmp_columns
