module memory_scenarios
  !! A device with little memory: what loading takes of it, and what a program is told when there is no more.
  use, intrinsic :: iso_c_binding, only: c_int64_t
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: fake_runtime
  use :: ftorch
  implicit none (type, external)
  private
  public :: exhausted, repeated, numbers, loading, states, checkpoints_adam, checkpoints_lbfgs

  integer(int64), parameter :: weights = 4 * (200 * 200 + 200), little = 20000

  type(torch_model) :: network  ! of the closure
  type(torch_optim) :: lbfgs

contains

  subroutine exhausted()
    type(torch_tensor) :: t
    type(torch_model) :: model
    character(len=300) :: message
    integer :: status
    call set_limit(weights / 2)
    call torch_tensor_zeros(t, 1, [weights], torch_kFloat32, dev, stat=status, errmsg=message)
    call refused(status, torch_error_memory, message, 'out of memory')
    call torch_model_load(model, 'wide.pt', dev, stat=status, errmsg=message)
    call refused(status, torch_error_memory, message, 'out of memory')
    call check(live_blocks() == 0, 'nothing is left of what failed')
    call set_limit(-1_c_int64_t)
    call torch_model_load(model, 'wide.pt', dev)
  end subroutine exhausted

  subroutine repeated()
    !! A call that finds no memory is told so, and is right once there is some.
    type(torch_model) :: model
    type(torch_tensor) :: large
    real(real32), target :: x(200, 200), y(200, 200), expected(200, 200)
    character(len=300) :: message
    integer(int64) :: free
    integer :: status
    x = 1
    call torch_model_load(model, 'wide.pt', dev)
    call model%infer(x, expected)
    call torch_synchronize(dev)
    call torch_empty_cache(dev)
    call torch_tensor_zeros(large, 1, [weights], torch_kFloat32, dev)
    call set_limit(live_bytes() + little)
    y = -1
    call model%infer(x, y, stat=status, errmsg=message)
    call refused(status, torch_error_memory, message, 'out of memory')
    call check(all(abs(y + 1) <= 0), 'nothing was written')
    call torch_delete(large)
    call torch_memory_stats(dev, free=free)
    call check(free < weights, 'PyTorch keeps what the tensor had')
    call torch_empty_cache(dev)
    call torch_memory_stats(dev, free=free)
    call check(free >= weights, 'and gives it back')
    call model%infer(x, y)
    call check(all(abs(y - expected) <= 0), 'the same call again')
    call set_limit(-1_c_int64_t)
  end subroutine repeated

  subroutine numbers()
    !! Bytes in tensors, kept and free; what cannot be limited is said.
    type(torch_tensor) :: t
    integer(int64) :: allocated, peak, reserved, free, total
    character(len=300) :: message
    integer :: status
    call torch_tensor_zeros(t, 1, [1000_int64], torch_kFloat32, dev, 1)
    call torch_memory_stats(dev, 1, allocated=allocated, peak=peak, reserved=reserved, free=free, total=total)
    call check(allocated == 4000 .and. peak >= 4000 .and. reserved == 4000, 'one tensor')
    call check(total == 1073741824 .and. free == total - 4000, 'of the device')
    call torch_delete(t)
    call torch_synchronize(dev, 1)
    call torch_memory_stats(dev, 1, allocated=allocated, peak=peak, reserved=reserved, free=free)
    call check(allocated == 0 .and. peak >= 4000 .and. reserved == 4000 .and. free == total - 4000, 'it is kept')
    call torch_empty_cache(dev)
    call torch_memory_stats(dev, 1, reserved=reserved, free=free)
    call check(reserved == 0 .and. free == total, 'and given back')
    call torch_memory_stats(torch_kCPU, allocated=allocated, total=total)
    call check(allocated == 0 .and. total == 0, 'zeros for the CPU')
    call torch_empty_cache(torch_kCPU)
    call torch_memory_limit(1000_int64, torch_kCPU, stat=status, errmsg=message)
    call refused(status, torch_error_device, message, 'expected a device with memory of its own, got the cpu')
    call torch_memory_limit(0_int64, dev, stat=status, errmsg=message)
    call refused(status, torch_error_argument, message, "argument 'bytes': expected 1 or more, got 0")
    call torch_memory_limit(1000_int64, dev, stat=status, errmsg=message)
    call refused(status, torch_error_device, message, "this library cannot limit PyTorch's memory on privateuseone:0")
    call torch_memory_stats(torch_kCUDA, stat=status, errmsg=message)
    call refused(status, torch_error_device, message, 'device cuda is not available')
    call torch_empty_cache(torch_kCUDA, stat=status, errmsg=message)
    call refused(status, torch_error_device, message, 'device cuda is not available')
  end subroutine numbers

  subroutine loading()
    type(torch_model) :: model
    call reset_peak()
    call torch_model_load(model, 'wide.pt', dev)
    call check(live_bytes() >= weights .and. live_bytes() <= weights + little, 'the weights are there once')
    call check(peak_bytes() <= weights + little, 'and were never there twice')
  end subroutine loading

  subroutine states()
    type(torch_model) :: model
    real(real32), allocatable :: before(:), after(:)
    allocate (before(weights / 4), after(weights / 4))
    call torch_model_load(model, 'wide.pt', dev)
    call torch_model_flatten(model, before)
    call torch_model_save_state(model, 'wide_state.pt')
    call torch_model_unflatten(model, 0 * before)
    call set_limit(live_bytes() + little)
    call torch_model_load_state(model, 'wide_state.pt')
    call torch_model_flatten(model, after)
    call check(all(abs(after - before) <= 0), 'the weights of before, in the memory of before')
    call set_limit(-1_c_int64_t)
  end subroutine states

  subroutine train(model, optim)
    type(torch_model), intent(in) :: model
    type(torch_optim), intent(inout) :: optim
    type(torch_tensor) :: x(1), y(1), loss
    call torch_tensor_ones(x(1), 2, [1_int64, 200_int64], torch_kFloat32, dev)
    call optim%zero_grad()
    call torch_model_forward(model, x, y, requires_grad=.true.)
    loss = torch_mean(y(1)**2)
    call torch_tensor_backward(loss)
    call optim%step()
    call optim%zero_grad()
  end subroutine train

  subroutine checkpoints_adam()
    !! Weights and moments are written over where they are, in a run that has begun and in one that has not.
    type(torch_model) :: model
    type(torch_optim) :: optim
    integer :: i
    call torch_model_load(model, 'wide.pt', dev, requires_grad=.true.)
    call torch_optim_adam(optim, model, learning_rate=1e-3_real64)
    do i = 1, 2
      call train(model, optim)
    end do
    call torch_checkpoint_save('adam.ckpt', model, optim)
    call goes_on(model, optim, 'begun')
    call torch_delete(optim)
    call torch_optim_adam(optim, model, learning_rate=1e-3_real64)
    call set_limit(live_bytes() + 2 * weights + little)
    call torch_checkpoint_load('adam.ckpt', model, optim)
    call set_limit(-1_c_int64_t)
    call check(live_bytes() >= 3 * weights, 'the moments are there')
  end subroutine checkpoints_adam

  subroutine goes_on(model, optim, what)
    !! From the checkpoint, twice the same step, the second time with room for nothing beside what is there.
    type(torch_model), intent(in) :: model
    type(torch_optim), intent(inout) :: optim
    character(len=*), intent(in) :: what
    real(real32), allocatable :: first(:), second(:)
    allocate (first(weights / 4), second(weights / 4))
    call train(model, optim)
    call torch_model_flatten(model, first)
    call set_limit(live_bytes() + little)
    call torch_checkpoint_load('adam.ckpt', model, optim)
    call set_limit(-1_c_int64_t)
    call train(model, optim)
    call torch_model_flatten(model, second)
    call check(all(abs(second - first) <= 0), what)
  end subroutine goes_on

  subroutine checkpoints_lbfgs()
    !! The history goes before the saved one comes.
    call torch_model_load(network, 'wide.pt', dev, requires_grad=.true.)
    call torch_optim_lbfgs(lbfgs, network, learning_rate=1e-3_real64, max_iter=3, history_size=2)
    call torch_optim_step(lbfgs, closure)
    call torch_checkpoint_save('lbfgs.ckpt', network, lbfgs)
    call lbfgs%zero_grad()
    call set_limit(live_bytes() + little)
    call torch_checkpoint_load('lbfgs.ckpt', network, lbfgs)
    call set_limit(-1_c_int64_t)
    call torch_optim_step(lbfgs, closure)
    call torch_delete(lbfgs)
    call torch_delete(network)
  end subroutine checkpoints_lbfgs

  subroutine closure(loss, stat, errmsg)
    type(torch_tensor), intent(inout) :: loss
    integer, intent(inout) :: stat
    character(len=*), intent(inout) :: errmsg
    type(torch_tensor) :: x(1), y(1)
    call torch_tensor_ones(x(1), 2, [1_int64, 200_int64], torch_kFloat32, dev)
    call lbfgs%zero_grad()
    call torch_model_forward(network, x, y, requires_grad=.true., stat=stat, errmsg=errmsg)
    if (stat /= 0) return
    loss = torch_mean(y(1)**2)
    call torch_tensor_backward(loss, stat=stat, errmsg=errmsg)
  end subroutine closure

end module memory_scenarios

program memory
  use :: fake_runtime, only: finish
  use :: memory_scenarios
  implicit none (type, external)
  character(len=20) :: name
  call get_command_argument(1, name)
  select case (name)
  case ('exhausted')
    call exhausted()
  case ('repeated')
    call repeated()
  case ('numbers')
    call numbers()
  case ('loading')
    call loading()
  case ('states')
    call states()
  case ('checkpoints_adam')
    call checkpoints_adam()
  case ('checkpoints_lbfgs')
    call checkpoints_lbfgs()
  case default
    error stop 'no such scenario'
  end select
  call finish()
end program memory
