program packages
  !! Compiled packages on a device: `packages SCENARIO FILE`. The network is that of placement.f90: exact, so both ways agree.
  use, intrinsic :: iso_c_binding, only: c_int64_t
  use, intrinsic :: iso_fortran_env, only: int64, real32
  use :: ftorch
  implicit none (type, external)
  integer, parameter :: dev = torch_kPrivateUse1
  interface
    integer(c_int64_t) function fake_runs() bind(C)
      import :: c_int64_t
    end function fake_runs
    integer(c_int64_t) function fake_waits() bind(C)
      import :: c_int64_t
    end function fake_waits
  end interface
  character(len=32) :: scenario
  character(len=400) :: file, errmsg
  type(torch_model) :: model, host
  type(torch_tensor) :: inputs(1), outputs(1), weight, other
  real(real32), target :: x(5, 2), y(3, 2), expected(3, 2)
  integer(int64) :: captures, replays, waits
  integer :: stat, i
  call get_command_argument(1, scenario)
  call get_command_argument(2, file)
  x = reshape([(real(i), i=1, 10)], shape(x))
  call torch_model_load(host, 'linear.pt2')
  call host%infer(x, expected, permute_dims=[2, 1], output_permute_dims=[2, 1])
  select case (scenario)
  case ('compiled')
    call torch_model_load(model, trim(file), dev, device_index=1)
    call runs('from the host')
    if (fake_runs() == 0) error stop 'the code of the device was not run'
    call torch_tensor_from_array(inputs(1), x, device_type=dev, device_index=1, permute_dims=[2, 1])
    call torch_model_forward(model, inputs, outputs)
    if (outputs(1)%get_device_type() /= dev .or. outputs(1)%get_device_index() /= 1) error stop 'the result is elsewhere'
    call torch_tensor_copy_to(outputs(1), y, permute_dims=[2, 1])
    call same('on the device')
    ! Weights that are written are computed with, in a copy and after saving too.
    call torch_model_get_parameter(model, 'layer.weight', weight)
    other = 2.0 * weight
    call torch_model_set_parameter(model, 'layer.weight', other)
    call torch_model_get_parameter(host, 'layer.weight', weight)
    other = 2.0 * weight
    call torch_model_set_parameter(host, 'layer.weight', other)
    call host%infer(x, expected, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call runs('with new weights')
    call torch_model_save(model, 'saved.pt2')
    call torch_model_load(model, 'saved.pt2', dev)
    call runs('saved')
    call torch_model_to(model, torch_kCPU, stat=stat, errmsg=errmsg)
    if (stat /= torch_error_model .or. index(errmsg, 'was loaded for ') == 0) error stop trim(errmsg)
  case ('graphs')
    call torch_model_load(model, trim(file), dev, device_index=1)
    call torch_tensor_from_array(inputs(1), x, device_type=dev, device_index=1, permute_dims=[2, 1])
    waits = fake_waits()
    do i = 1, 3
      call torch_model_forward(model, inputs, outputs)
    end do
    if (fake_waits() /= waits) error stop 'calls wait for each other'
    call model%use_graphs(.true.)
    do i = 1, 6
      x = i
      call host%infer(x, expected, permute_dims=[2, 1], output_permute_dims=[2, 1])
      call runs('as a graph')
    end do
    call model%stats(graph_captures=captures, graph_replays=replays)
    if (captures /= 1 .or. replays /= 3) error stop 'other graphs'
  case ('script')
    call torch_model_load(model, trim(file), dev)
    call runs('TorchScript')
    if (fake_runs() /= 0) error stop 'code for another device was run'
  case ('refused')
    call torch_model_load(model, trim(file), dev, stat=stat, errmsg=errmsg)
    print '(i0, 1x, a)', stat, trim(errmsg)
  case default
    error stop 'no such scenario'
  end select
  call torch_delete(model)
  call torch_delete(host)
  call torch_delete(inputs)
  call torch_delete(outputs)
  call torch_delete(weight)
  call torch_delete(other)
  if (torch_live_handles() /= 0) error stop 'handles are left'
  if (scenario /= 'refused') print '(a)', 'computed right'

contains

  subroutine runs(what)
    character(len=*), intent(in) :: what
    y = -1
    call model%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call same(what)
  end subroutine runs

  subroutine same(what)
    character(len=*), intent(in) :: what
    if (maxval(abs(y - expected)) > 0) error stop 'other numbers: ' // what
  end subroutine same

end program packages
