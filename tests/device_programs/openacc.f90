program openacc_columns
  !! Columns that live on the device of OpenACC: a loop makes them, a network computes with them where they are, a loop goes on
  !! with the results. `openacc_columns MODEL.pt`, a network of x[batch,5] and y[batch,3]. Without a device all of it runs on the
  !! host.
  use, intrinsic :: iso_c_binding, only: c_int, c_loc, c_null_ptr, c_ptr
  use, intrinsic :: iso_fortran_env, only: int64, real32
  use :: ftorch
  implicit none (type, external)
  integer, parameter :: n = 1000
  interface
    function acc_get_cuda_stream(queue) result(stream) bind(C)
      import :: c_int, c_ptr
      integer(c_int), value :: queue
      type(c_ptr) :: stream
    end function acc_get_cuda_stream
  end interface
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
  if (there) call torch_set_stream(acc_get_cuda_stream(1_c_int), torch_kCUDA)   ! the network works in queue 1, too

  !$acc data create(x, y) copyout(total)
  !$acc parallel loop collapse(2) async(1)
  do j = 1, n
    do i = 1, 5
      x(i, j) = real(i, real32) + 0.001_real32 * real(j, real32)
    end do
  end do
  !$acc host_data use_device(x, y)
  call torch_tensor_from_pointer(inputs(1), c_loc(x), 2, [int(n, int64), 5_int64], torch_kFloat32, device, on_device=there)
  call torch_tensor_from_pointer(outputs(1), c_loc(y), 2, [int(n, int64), 3_int64], torch_kFloat32, device, on_device=there)
  !$acc end host_data
  call torch_model_forward(model, inputs, outputs)                              ! into y, on the device
  !$acc parallel loop async(1)
  do j = 1, n
    total(j) = y(1, j) + y(2, j) + y(3, j)
  end do
  !$acc wait(1)
  !$acc end data

  x = reshape([((real(i, real32) + 0.001_real32 * real(j, real32), i=1, 5), j=1, n)], shape(x))
  call host%infer(x, expected, permute_dims=[2, 1], output_permute_dims=[2, 1])
  if (maxval(abs(total - sum(expected, dim=1))) > 1e-4_real32 * maxval(abs(expected))) error stop 'other numbers on the device'
  call torch_delete(inputs)
  call torch_delete(outputs)
  call torch_delete(model)
  call torch_delete(host)
  print '(2a)', 'computed on ', merge('the device', 'the host  ', there)
end program openacc_columns
