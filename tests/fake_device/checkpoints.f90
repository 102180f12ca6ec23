module checkpoints_scenarios
  !! A run goes on on another device than the one that it was saved on.
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: fake_runtime
  use :: ftorch
  implicit none (type, external)
  private
  public :: another_index, from_the_cpu, to_the_cpu, save, load, more

contains

  function drawn(device_type, device_index) result(values)
    !! The next random numbers of a device.
    integer(ftorch_int), intent(in) :: device_type
    integer(ftorch_int), intent(in) :: device_index
    real(real32) :: values(5)
    call torch_tensor_copy_to(torch_rand([5], device_type=device_type, device_index=device_index), values)
  end function drawn

  subroutine on(model, device_type, device_index)
    type(torch_model), intent(inout) :: model
    integer(ftorch_int), intent(in) :: device_type, device_index
    call torch_model_load(model, 'linear.pt', device_type, device_index=device_index, requires_grad=.true.)
  end subroutine on

  subroutine another_index()
    type(torch_model) :: model
    real(real32) :: expected(5), expected_cpu(5)
    call on(model, dev, 1)
    call torch_manual_seed(11)
    expected = drawn(dev, 1)
    call torch_checkpoint_save('index.ckpt', model)
    expected = drawn(dev, 1)
    expected_cpu = drawn(torch_kCPU, -1)
    call on(model, dev, 0)
    call torch_manual_seed(12)
    call torch_checkpoint_load('index.ckpt', model)
    call check(all(abs(drawn(dev, 0) - expected) <= 0), 'the random numbers that would have come on the other device')
    call check(all(abs(drawn(torch_kCPU, -1) - expected_cpu) <= 0), 'and those of the CPU')
  end subroutine another_index

  subroutine from_the_cpu()
    type(torch_model) :: model
    real(real32) :: expected(5), untouched(5)
    call on(model, torch_kCPU, -1)
    call torch_manual_seed(11)
    call torch_checkpoint_save('cpu.ckpt', model)
    expected = drawn(torch_kCPU, -1)
    call on(model, dev, 1)
    call torch_manual_seed(12)
    untouched = drawn(dev, 1)
    call torch_manual_seed(12)
    call torch_checkpoint_load('cpu.ckpt', model)
    call check(all(abs(drawn(torch_kCPU, -1) - expected) <= 0), 'the random numbers of the CPU')
    call check(all(abs(drawn(dev, 1) - untouched) <= 0), 'those of the device are as the program has seeded them')
  end subroutine from_the_cpu

  subroutine to_the_cpu()
    type(torch_model) :: model
    real(real32) :: expected(5)
    call on(model, dev, 0)
    call torch_manual_seed(11)
    call torch_checkpoint_save('device.ckpt', model)
    expected = drawn(torch_kCPU, -1)
    call on(model, torch_kCPU, -1)
    call torch_manual_seed(12)
    call torch_checkpoint_load('device.ckpt', model)
    call check(all(abs(drawn(torch_kCPU, -1) - expected) <= 0), 'the random numbers of the CPU')
  end subroutine to_the_cpu

  subroutine save()
    !! For a file that is changed between the two.
    type(torch_model) :: model
    call on(model, dev, 1)
    call torch_manual_seed(11)
    call torch_checkpoint_save('file.ckpt', model)
    write (*, '(5(1x,z8.8))') drawn(dev, 1)
  end subroutine save

  subroutine load()
    type(torch_model) :: model
    call on(model, dev, 0)
    call torch_checkpoint_load('file.ckpt', model)
    write (*, '(5(1x,z8.8))') drawn(dev, 0)
  end subroutine load

  subroutine more()
    !! What was on the device comes back there, as far as the program has something there.
    type(torch_model) :: model
    type(torch_tensor) :: mine(3)
    real(real32), target :: a(4), b(4), got(4)
    a = 1
    b = 2
    call on(model, dev, 1)
    call torch_tensor_from_array(mine(1), a, device_type=dev, device_index=1)
    call torch_tensor_from_array(mine(2), b)
    call torch_tensor_from_array(mine(3), b, device_type=dev, device_index=1)
    call torch_checkpoint_save('more.ckpt', model, more=mine)
    b = 0
    call torch_tensor_zeros(mine(1), 1, [4_int64], torch_kFloat32, dev, device_index=0)
    call torch_delete(mine(3))
    call torch_checkpoint_load('more.ckpt', model, more=mine)
    call check(mine(1)%get_device_type() == dev .and. mine(1)%get_device_index() == 0, 'in the place of one on a device')
    call torch_tensor_copy_to(mine(1), got)
    call check(all(abs(got - 1) <= 0), 'its values')
    call check(all(abs(b - 2) <= 0), 'through an array')
    call check(mine(3)%get_device_type() == torch_kCPU, 'in nobody''s place')
  end subroutine more

end module checkpoints_scenarios

program checkpoints
  use :: checkpoints_scenarios
  use :: fake_runtime, only: finish
  implicit none (type, external)
  character(len=16) :: name
  call get_command_argument(1, name)
  select case (name)
  case ('another_index')
    call another_index()
  case ('from_the_cpu')
    call from_the_cpu()
  case ('to_the_cpu')
    call to_the_cpu()
  case ('save')
    call save()
  case ('load')
    call load()
  case ('more')
    call more()
  case default
    error stop 'no such scenario'
  end select
  call finish()
end program checkpoints
