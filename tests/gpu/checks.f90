program checks
  !! What a device computes, held against the host: `checks SCENARIO DEVICE`, beside model.pt and model.pt2, a network of
  !! x[batch,40] and y[batch,8]. Prints what it has measured; a difference that rounding does not explain ends it with a message.
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: ftorch
  implicit none (type, external)
  integer, parameter :: n_in = 40, n_out = 8, n = 512
  real(real32), parameter :: rounding = 2e-3_real32
    ! Of outputs of size one: devices multiply in another order, and some in TensorFloat-32
  real(real32), target :: x(n_in, n), y(n_out, n), expected(n_out, n)
  character(len=32) :: scenario, word
  integer(ftorch_int) :: device
  call get_command_argument(1, scenario)
  call get_command_argument(2, word)
  select case (word)
  case ('cuda')
    device = torch_kCUDA
  case ('xpu')
    device = torch_kXPU
  case ('mps')
    device = torch_kMPS
  case ('privateuseone')
    device = torch_kPrivateUse1
  case default
    error stop 'no such kind of device'
  end select
  call random_number(x)
  x = 2 * x - 1
  select case (scenario)
  case ('placement')
    call placement()
  case ('script')
    call computes('model.pt')
  case ('package')
    call computes('model.pt2')
  case ('image')
    call image()
  case ('resident')
    call resident()
  case ('training')
    call training()
  case ('trainer')
    call trainer()
  case ('checkpoint')
    call checkpoint()
  case ('devices')
    call devices()
  case ('memory')
    call memory()
  case ('requests')
    call requests()
  case ('events')
    call events()
  case ('graphs')
    call graphs()
  case ('copies')
    call copies()
  case ('timing')
    call timing()
  case default
    error stop 'no such scenario'
  end select
  if (torch_live_handles() /= 0) error stop 'handles are left'

contains

  subroutine placement()
    !! There and back again, by each way.
    type(torch_tensor) :: there, back, pinned
    call torch_tensor_from_array(there, x, device_type=device)
    if (there%get_device_type() /= device) error stop 'the tensor is not on the device'
    call torch_tensor_to(there, back, torch_kFloat32, torch_kCPU, non_blocking=.true.)
    call compare(back, 'copied to the host')
    call torch_tensor_pin(back, pinned)
    if (.not. pinned%is_pinned()) error stop 'the copy is not pinned'
    call torch_tensor_to(pinned, there, torch_kFloat32, device, non_blocking=.true.)
    call torch_synchronize_stream(device)
    call torch_tensor_to(there, back, torch_kFloat32, torch_kCPU)
    call compare(back, 'by pinned memory')
    call torch_delete(there)
    call torch_delete(back)
    call torch_delete(pinned)
    print '(a)', 'bits are kept on the way'
  end subroutine placement

  subroutine compare(tensor, what)
    type(torch_tensor), intent(in) :: tensor
    character(len=*), intent(in) :: what
    real(real32) :: values(n_in, n)
    call torch_tensor_copy_to(tensor, values)
    if (any(abs(values - x) > 0)) error stop 'other values: ' // what
  end subroutine compare

  subroutine computes(file)
    !! Arrays of the host through a model on the device.
    character(len=*), intent(in) :: file
    type(torch_model) :: model
    call on_host()
    call torch_model_load(model, file, device)
    call model%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call torch_delete(model)
    call judge('differs from the host by')
  end subroutine computes

  subroutine image()
    !! Convolutions and a normalization, by arrays of four dimensions.
    type(torch_model) :: model, host
    real(real32), target :: pixels(16, 16, 3, 5), features(16, 16, 4, 5), on_the_host(16, 16, 4, 5)
    real(real32) :: difference
    call random_number(pixels)
    call torch_model_load(host, 'image.pt')
    call torch_model_load(model, 'image.pt', device)
    call host%infer(pixels, on_the_host, permute_dims=[4, 3, 2, 1], output_permute_dims=[4, 3, 2, 1])
    call model%infer(pixels, features, permute_dims=[4, 3, 2, 1], output_permute_dims=[4, 3, 2, 1])
    call torch_delete(model)
    call torch_delete(host)
    difference = maxval(abs(features - on_the_host))
    print '(a, es8.1)', 'differs from the host by', difference
    if (.not. difference <= rounding) error stop 'more than rounding explains'
  end subroutine image

  subroutine resident()
    !! Tensors that stay on the device, in and out.
    type(torch_model) :: model
    type(torch_tensor) :: inputs(1), outputs(1)
    integer :: i
    call on_host()
    call torch_model_load(model, 'model.pt', device)
    call torch_tensor_from_array(inputs(1), x, device_type=device, permute_dims=[2, 1])
    call torch_tensor_zeros(outputs(1), 2, [int(n, int64), int(n_out, int64)], torch_kFloat32, device)
    do i = 1, 100
      call torch_model_forward(model, inputs, outputs)
    end do
    call torch_tensor_copy_to(outputs(1), y, permute_dims=[2, 1])
    call torch_delete(inputs)
    call torch_delete(outputs)
    call torch_delete(model)
    call judge('differs from the host by')
  end subroutine resident

  subroutine training()
    !! Steps of Adam with the same samples on the device and on the host.
    real(real32), allocatable :: there(:), here(:)
    type(torch_model) :: model
    call learn(model, device, 20)
    call flatten(model, there)
    call learn(model, torch_kCPU, 20)
    call flatten(model, here)
    call torch_delete(model)
    print '(a, es8.1)', 'weights after 20 steps differ from the host''s by', maxval(abs(there - here))
    if (maxval(abs(there - here)) > 0.02_real32) error stop 'the device learns something else'
  end subroutine training

  subroutine trainer()
    !! The same steps in both places; the file has code for devices that PyTorch compiles for.
    type(torch_trainer) :: here, there
    real(real32) :: loss, wanted, largest
    logical :: exists
    integer :: i
    inquire (file='train.pt2', exist=exists)
    if (.not. exists) then
      print '(a)', 'not run: PyTorch does not compile for devices of this kind'
      return
    end if
    expected = sin(x(:n_out, :))
    call torch_trainer_load(here, 'train.pt2')
    call torch_trainer_load(there, 'train.pt2', device)
    largest = 0
    do i = 1, 20
      call here%step(x, expected, wanted, [2, 1], [2, 1])
      call there%step(x, expected, loss, [2, 1], [2, 1])
      largest = max(largest, abs(loss - wanted))
    end do
    if (.not. largest <= rounding) error stop 'losses differ by more than rounding explains'
    print '(a, es9.2)', 'largest difference of the loss: ', largest
  end subroutine trainer

  subroutine checkpoint()
    !! A run that was saved on the device goes on there and on the host.
    real(real32), allocatable :: saved(:), loaded(:)
    type(torch_model) :: model
    type(torch_optim) :: optim
    integer :: step, i
    integer(ftorch_int) :: where
    call learn(model, device, 5, save=.true.)
    call flatten(model, saved)
    do i = 1, 2
      where = merge(device, torch_kCPU, i == 1)
      call torch_model_load(model, 'model.pt', where, requires_grad=.true., is_training=.true.)
      call torch_optim_adam(optim, model, learning_rate=1e-2_real64)
      call torch_checkpoint_load('checks.ckpt', model, optim, step=step)
      call flatten(model, loaded)
      if (step /= 5 .or. any(abs(loaded - saved) > 0)) error stop 'the checkpoint is another'
      call torch_delete(optim)
    end do
    call torch_delete(model)
    print '(a)', 'goes on on the device and on the host'
  end subroutine checkpoint

  subroutine devices()
    !! A model on each device of the kind.
    type(torch_model) :: model
    integer(ftorch_int) :: i
    call on_host()
    do i = 0, torch_device_count(device) - 1
      call torch_model_load(model, 'model.pt', device, device_index=i)
      call model%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
      call torch_delete(model)
      call judge('on one of them, differs from the host by')
    end do
    print '(a, i0)', 'devices: ', torch_device_count(device)
  end subroutine devices

  subroutine memory()
    !! What PyTorch has of the device, gives back, and may take.
    type(torch_tensor) :: large
    integer(int64) :: before, with, kept, after, total
    integer(int64), parameter :: elements = 2_int64**24
    character(len=300) :: message
    integer :: status
    call torch_memory_stats(device, allocated=before, total=total)
    call torch_tensor_zeros(large, 1, [elements], torch_kFloat32, device)
    call torch_memory_stats(device, allocated=with)
    call torch_delete(large)
    call torch_synchronize(device)
    call torch_memory_stats(device, reserved=kept)
    call torch_empty_cache(device)
    call torch_memory_stats(device, reserved=after)
    if (with - before < 4 * elements) error stop 'a tensor is not counted'
    if (kept - after < 4 * elements) error stop 'what was kept is not given back'
    call torch_memory_limit(after + 2 * elements, device, stat=status, errmsg=message)
    if (status == torch_error_device) then
      print '(a)', 'counted and given back; no limit: ' // trim(message)
      return
    end if
    call torch_tensor_zeros(large, 1, [elements], torch_kFloat32, device, stat=status, errmsg=message)
    if (status /= torch_error_memory) error stop 'the limit does not hold: ' // trim(message)
    call torch_memory_limit(total, device)
    call torch_tensor_zeros(large, 1, [elements], torch_kFloat32, device)
    call torch_delete(large)
    print '(a)', 'counted, given back and limited'
  end subroutine memory

  subroutine requests()
    !! Calls that are under way at the same time.
    type(torch_model) :: model
    type(torch_request) :: under_way(3)
    real(real32), target, asynchronous :: several(n_in, n, 3), results(n_out, n, 3)
    integer :: round, i
    call on_host()
    call torch_model_load(model, 'model.pt', device)
    do round = 1, 20
      do i = 1, 3
        several(:, :, i) = cshift(x, round + i, 2)
        call under_way(i)%start(model, several(:, :, i), results(:, :, i), permute_dims=[2, 1], output_permute_dims=[2, 1])
      end do
      do i = 3, 1, -1
        call under_way(i)%wait()
        y = cshift(results(:, :, i), -round - i, 2)
        if (maxval(abs(y - expected)) > rounding) error stop 'a result of another call'
      end do
    end do
    call torch_delete(under_way)
    call torch_delete(model)
    call judge('three at a time differ from the host by')
  end subroutine requests

  subroutine events()
    !! Behind a call, on this device and, where there are two, for a stream of the other one.
    type(torch_model) :: model
    type(torch_tensor) :: inputs(1), outputs(1)
    type(torch_event) :: event
    integer :: i
    call on_host()
    call torch_model_load(model, 'model.pt', device, device_index=0)
    call torch_tensor_from_array(inputs(1), x, device_type=device, device_index=0, permute_dims=[2, 1])
    do i = 1, 100
      call torch_model_forward(model, inputs, outputs)
    end do
    call event%record(device, 0)
    if (torch_device_count(device) > 1) call event%hold_stream(1)
    call event%hold_stream()
    call event%synchronize()
    if (.not. event%done()) error stop 'waited for, and not done'
    call torch_tensor_copy_to(outputs(1), y, permute_dims=[2, 1])
    call torch_delete(event)
    call torch_delete(inputs)
    call torch_delete(outputs)
    call torch_delete(model)
    call judge('behind the event differs from the host by')
  end subroutine events

  subroutine graphs()
    !! Calls that are recorded and done again: from arrays of the host, and on tensors that stay.
    type(torch_model) :: model
    character(len=300) :: message
    character(len=:), allocatable :: reason
    integer(int64) :: captures, replays, refusals
    integer :: i, status
    call on_host()
    call torch_model_load(model, 'model.pt', device)
    call model%use_graphs(.true., stat=status, errmsg=message)
    if (status == torch_error_device) then
      call torch_delete(model)
      print '(a)', 'left out: ' // trim(message)
      return
    end if
    do i = 1, 50
      y = huge(y)
      call model%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
      if (.not. maxval(abs(y - expected)) <= rounding) error stop 'a graph computes something else'
    end do
    call model%stats(graph_captures=captures, graph_replays=replays, graph_refusals=refusals, graph_reason=reason)
    if (refusals > 0) error stop 'refused: ' // reason
    if (captures < 1 .or. replays < 40) error stop 'calls are not done by graphs'
    call torch_delete(model)
    print '(2(a, i0))', 'recorded ', captures, ', done again ', replays
    call judge('differs from the host by')
  end subroutine graphs

  subroutine copies()
    !! As many calls on tensors of the device as the third argument says, for a profiler to count what is copied.
    type(torch_model) :: model
    type(torch_tensor) :: inputs(1), outputs(1)
    character(len=16) :: word
    integer :: calls, i
    call get_command_argument(3, word)
    read (word, *) calls
    call torch_model_load(model, 'model.pt', device)
    call torch_tensor_from_array(inputs(1), x, device_type=device, permute_dims=[2, 1])
    call torch_tensor_zeros(outputs(1), 2, [int(n, int64), int(n_out, int64)], torch_kFloat32, device)
    do i = 1, calls
      call torch_model_forward(model, inputs, outputs)
    end do
    call torch_synchronize(device)
    call torch_delete(inputs)
    call torch_delete(outputs)
    call torch_delete(model)
  end subroutine copies

  subroutine timing()
    !! Microseconds of a call, the shortest of many rounds: arrays of the host, and tensors on the device that are waited for,
    !! the latter as a graph too.
    type(torch_model) :: model
    type(torch_tensor) :: inputs(1), outputs(1)
    integer(int64) :: start, now, rate
    real(real64) :: best(3)
    integer :: round, i, way, status
    integer, parameter :: calls = 100
    call torch_model_load(model, 'model.pt', device)
    call torch_tensor_from_array(inputs(1), x, device_type=device, permute_dims=[2, 1])
    call torch_tensor_zeros(outputs(1), 2, [int(n, int64), int(n_out, int64)], torch_kFloat32, device)
    best = huge(best)
    do way = 1, 3
      if (way == 3) call model%use_graphs(.true., stat=status)
      do round = 1, 20
        call system_clock(start, rate)
        do i = 1, calls
          if (way == 1) then
            call model%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
          else
            call torch_model_forward(model, inputs, outputs)
          end if
        end do
        call torch_synchronize_stream(device)
        call system_clock(now)
        best(way) = min(best(way), 1e6_real64 * real(now - start, real64) / real(rate * calls, real64))
      end do
    end do
    call torch_delete(inputs)
    call torch_delete(outputs)
    call torch_delete(model)
    print '(2(a, f0.2))', 'us per call: arrays of the host ', best(1), ', tensors on the device ', best(2)
    if (status == torch_success) print '(a, f0.2)', 'as a graph ', best(3)
  end subroutine timing

  subroutine learn(model, where, steps, save)
    type(torch_model), intent(inout) :: model
    integer(ftorch_int), intent(in) :: where
    integer, intent(in) :: steps
    logical, optional, intent(in) :: save
    type(torch_optim) :: optim
    type(torch_tensor) :: inputs(1), outputs(1), target, loss
    integer :: i
    call torch_model_load(model, 'model.pt', where, requires_grad=.true., is_training=.true.)
    call torch_optim_adam(optim, model, learning_rate=1e-2_real64)
    y = x(:n_out, :) * x(n_out + 1:2 * n_out, :)
    call torch_tensor_from_array(inputs(1), x, device_type=where, permute_dims=[2, 1])
    call torch_tensor_from_array(target, y, device_type=where, permute_dims=[2, 1])
    do i = 1, steps
      call optim%zero_grad()
      call torch_model_forward(model, inputs, outputs, requires_grad=.true.)
      call torch_loss_mse(loss, outputs(1), target)
      call torch_tensor_backward(loss)
      call optim%step()
    end do
    if (present(save)) call torch_checkpoint_save('checks.ckpt', model, optim, step=steps)
    call torch_delete(optim)
    call torch_delete(inputs)
    call torch_delete(outputs)
    call torch_delete(target)
    call torch_delete(loss)
  end subroutine learn

  subroutine flatten(model, values)
    type(torch_model), intent(in) :: model
    real(real32), allocatable, intent(out) :: values(:)
    allocate (values(torch_model_flat_size(model)))
    call torch_model_flatten(model, values)
  end subroutine flatten

  subroutine on_host()
    type(torch_model) :: host
    call torch_model_load(host, 'model.pt')
    call host%infer(x, expected, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call torch_delete(host)
    y = huge(y)
  end subroutine on_host

  subroutine judge(words)
    character(len=*), intent(in) :: words
    real(real32) :: difference
    difference = maxval(abs(y - expected))
    print '(a, es8.1)', words, difference
    if (.not. difference <= rounding) error stop 'more than rounding explains'
  end subroutine judge

end program checks
