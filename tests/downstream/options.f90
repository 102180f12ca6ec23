program options
  !! What a compiler's options make of default kinds does not matter; what selects something is ftorch_int.
  use, intrinsic :: iso_fortran_env, only: int64
  use :: ftorch
  implicit none (type, external)
  call work()

contains

  subroutine work()
    type(torch_model) :: model
    type(torch_tensor) :: a, b, inputs(1), outputs(1)
    real, target :: x(2, 5), y(2, 3)
    integer :: stat, n
    logical :: wanted
    character(len=200) :: errmsg, filename
    call get_command_argument(1, filename)
    wanted = .true.
    x = 1
    call torch_tensor_from_array(a, x, permute_dims=[2_ftorch_int, 1_ftorch_int], requires_grad=wanted)
    b = torch_reshape(a * 2 + a**2, [2, 5])
    call torch_tensor_zeros(a, 2_ftorch_int, [2_int64, 3_int64], torch_kFloat32, torch_kCPU)
    n = torch_tensor_get_rank(a)
    call torch_model_load(model, filename, torch_kCPU, stat=stat, errmsg=errmsg)
    if (stat /= 0) error stop 'not loaded'
    call model%infer(x, y, convert=wanted, stat=stat)
    if (stat /= 0) error stop 'not run'
    call torch_tensor_from_array(inputs(1), x)
    call torch_tensor_from_array(outputs(1), y)
    call torch_model_forward(model, inputs, outputs, convert=.true.)
    print '(f10.4, i2, f5.1)', sum(y), n, b%get(1, 2)
  end subroutine work

end program options
