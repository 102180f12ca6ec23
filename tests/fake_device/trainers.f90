module trainers_scenarios
  !! Compiled training on a device. The code is that of the CPU, so that the numbers must be equal, bit for bit.
  use, intrinsic :: iso_c_binding, only: c_f_pointer, c_int32_t, c_int64_t, c_ptr
  use, intrinsic :: iso_fortran_env, only: int64, real64
  use :: fake_runtime
  use :: ftorch
  implicit none (type, external)
  private
  public :: host, resident, moves, settings, halves, network, mistakes, refused_load
  integer, parameter :: n = 32
  character(len=*), parameter :: file = 'trainer.pt2'
  real(real64), target :: x(3, n), y(1, n)

contains

  subroutine samples()
    integer :: i
    x = reshape([(sin(real(i * i, real64)), i=1, 3 * n)], shape(x))
    y = reshape(sin(sum(x, 1)), shape(y))
  end subroutine samples

  subroutine on(trainer, device_index)
    !! On one of the devices, or on the CPU.
    type(torch_trainer), intent(inout) :: trainer
    integer, intent(in) :: device_index
    call samples()
    if (device_index < 0) then
      call torch_trainer_load(trainer, file)
    else
      call torch_trainer_load(trainer, file, dev, device_index)
    end if
  end subroutine on

  function steps(trainer, count) result(losses)
    type(torch_trainer), intent(in) :: trainer
    integer, intent(in) :: count
    real(real64) :: losses(count)
    integer :: i
    do i = 1, count
      call trainer%step(x, y, losses(i), [2, 1], [2, 1])
    end do
  end function steps

  subroutine obtain(block, array, rows)
    !! Device memory as an array.
    type(c_ptr), intent(out) :: block
    real(real64), pointer, intent(out) :: array(:, :)
    integer, intent(in) :: rows
    block = allocate_on_device(int(8 * rows * n, c_int64_t))
    call c_f_pointer(block, array, [rows, n])
  end subroutine obtain

  subroutine host()
    !! Arrays of the host go through pinned memory that is kept; one wait for the loss.
    type(torch_trainer) :: here, there
    real(real64) :: loss, expected
    integer :: i
    call on(here, -1)
    call on(there, 1)
    do i = 1, 20
      call begin_counting()
      call there%step(x, y, loss, [2, 1], [2, 1])
      if (i > 1) call counted(2, 1, 1, 0, 'a step')
      call here%step(x, y, expected, [2, 1], [2, 1])
      call check(abs(loss - expected) <= 0, 'the loss of a step')
    end do
    call begin_counting()
    call there%evaluate(x, y, loss, [2, 1], [2, 1])
    call counted(2, 1, 1, 0, 'an evaluation')
    call here%evaluate(x, y, expected, [2, 1], [2, 1])
    call check(abs(loss - expected) <= 0, 'the loss of an evaluation')
    call begin_counting()
    call there%step(x, y, [2, 1], [2, 1])
    call counted(2, 0, 1, 0, 'without the loss the arrays are waited for')
    call check(there%count() == 21, 'all steps count')
  end subroutine host

  subroutine resident()
    !! Arrays on the device are not copied, and without the loss nobody waits.
    type(torch_trainer) :: here, there
    type(torch_tensor) :: inputs(1), targets(1)
    type(c_ptr) :: blocks(2)
    real(real64), pointer :: a(:, :), b(:, :)
    real(real64) :: loss, expected(5)
    call on(here, -1)
    call on(there, 0)
    call obtain(blocks(1), a, 3)
    call obtain(blocks(2), b, 1)
    a = x
    b = y
    call begin_counting()
    call there%step(a, b, [2, 1], [2, 1])
    call counted(0, 0, 0, 0, 'arrays that stay')
    call begin_counting()
    call there%step(a, y, [2, 1], [2, 1])
    call counted(1, 0, 1, 1, 'one that stays')
    call torch_tensor_from_pointer(inputs(1), blocks(1), 2, [int(n, int64), 3_int64], torch_kFloat64, dev, on_device=.true.)
    call torch_tensor_from_pointer(targets(1), blocks(2), 2, [int(n, int64), 1_int64], torch_kFloat64, dev, on_device=.true.)
    call begin_counting()
    call there%step_tensors(inputs, targets)
    call counted(0, 0, 0, 0, 'tensors that stay')
    call there%step(a, b, loss, [2, 1], [2, 1])
    call begin_counting()
    call there%step(a, b, loss, [2, 1], [2, 1])
    call counted(0, 1, 1, 0, 'with the loss')
    expected = steps(here, 5)
    call check(abs(loss - expected(5)) <= 0, 'the fifth loss')
    call torch_delete(inputs)
    call torch_delete(targets)
    call torch_delete(there)
    call torch_synchronize(dev, 0)
    call release_memory(blocks(1))
    call release_memory(blocks(2))
  end subroutine resident

  subroutine moves()
    !! A run goes on wherever its state is restored: weights, moments, rates, and the random numbers of dropout.
    type(torch_trainer) :: trainer
    real(real64) :: expected(20)
    integer, parameter :: places(4) = [1, 0, -1, 1]
    integer :: i
    call on(trainer, -1)
    expected = steps(trainer, 20)
    call on(trainer, 0)
    do i = 1, 4
      call trainer%save('state.pt')
      call on(trainer, places(i))
      call check(trainer%count() == 0, 'a new one')
      call trainer%restore('state.pt')
      call check(all(abs(steps(trainer, 5) - expected(5 * i - 4:5 * i)) <= 0), 'the steps that would have come')
    end do
    call check(trainer%count() == 20, 'all count')
  end subroutine moves

  subroutine settings()
    type(torch_trainer) :: here, there
    type(torch_tensor) :: tensor
    real(real64) :: weight(16, 3), expected(16, 3), losses(3)
    call on(here, -1)
    call on(there, 1)
    call here%set_learning_rate(0.02_real64)
    call there%set_learning_rate(0.02_real64)
    call check(abs(there%get_learning_rate() - 0.02_real64) <= 0, 'the rate')
    call here%set_seed(77)
    call there%set_seed(77)
    call here%get_tensor('net.0.weight', weight)
    call here%set_tensor('net.0.weight', 2 * weight)
    call there%set_tensor('net.0.weight', 2 * weight)
    losses = steps(here, 3)
    call check(all(abs(steps(there, 3) - losses) <= 0), 'equal settings, equal steps')
    call check(abs(there%last_learning_rate() - here%last_learning_rate()) <= 0, 'the last rate')
    call there%get_tensor('net.0.weight', tensor)
    call check(tensor%get_device_type() == dev .and. tensor%get_device_index() == 1, 'a tensor is where the state is')
    call here%get_tensor('net.0.weight', expected)
    call there%get_tensor('net.0.weight', weight)
    call check(all(abs(weight - expected) <= 0), 'its values come to the host')
  end subroutine settings

  subroutine halves()
    !! The gradients are shown in the host's memory, where a program or an exchange among ranks may change them.
    type(torch_trainer) :: here, there
    real(real64), pointer :: mine(:), theirs(:)
    real(real64) :: loss, expected, gradient(16, 3)
    integer :: i
    call on(here, -1)
    call on(there, 1)
    do i = 1, 4
      call here%gradients(x, y, expected, [2, 1], [2, 1])
      call there%gradients(x, y, loss, [2, 1], [2, 1])
      if (i == 1) then
        call here%gradient_array(mine)
        call there%gradient_array(theirs)
      end if
      call check(any(abs(theirs) > 0) .and. all(abs(theirs - mine) <= 0), 'gradients are those of the CPU')
      mine = 0.5_real64 * mine
      theirs = 0.5_real64 * theirs
      if (i == 3) then  ! what was changed in the array is there, and the other way round
        call there%get_tensor('trainer.gradient.net.0.weight', gradient)
        call there%set_tensor('trainer.gradient.net.0.weight', 3 * gradient)
        call here%set_tensor('trainer.gradient.net.0.weight', 3 * gradient)
        call check(all(abs(theirs - mine) <= 0), 'set by name')
      end if
      call here%apply(expected)
      call there%apply(loss)
      call check(abs(loss - expected) <= 0, 'the loss that was passed on')
    end do
    call check(all(abs(steps(here, 2) - steps(there, 2)) <= 0), 'the same weights')
    call there%no_gradients()
    call check(all(abs(theirs) <= 0), 'none')
    call there%apply()
    call here%no_gradients()
    call here%apply()
    call check(all(abs(steps(here, 2) - steps(there, 2)) <= 0), 'and again')
  end subroutine halves

  subroutine network()
    !! What was trained on one device becomes a model on any.
    type(torch_trainer) :: there
    type(torch_model) :: model
    real(real64) :: results(1, n, 3)
    integer :: i
    call on(there, 1)
    results(1, :5, 1) = steps(there, 5)
    do i = 1, 3
      if (i == 1) call torch_model_load(model, file)
      if (i == 2) call torch_model_load(model, file, dev, 0)
      if (i == 3) call torch_model_load(model, file, dev, 1)
      call model%take_weights(there)
      call model%infer(x, results(:, :, i), [2, 1], [2, 1])
    end do
    call check(all(abs(results(:, :, 2:) - results(:, :, [1, 1])) <= 0), 'the same network')
    call torch_delete(model)
  end subroutine network

  subroutine mistakes()
    type(torch_trainer) :: there
    type(torch_tensor) :: inputs(1), targets(1)
    type(c_ptr) :: block
    real(real64), pointer :: a(:, :)
    real(real64) :: loss
    real(real64), target :: wide(4, n)
    integer :: stat
    character(len=400) :: errmsg
    call on(there, 0)
    call torch_tensor_from_array(inputs(1), x, permute_dims=[2, 1])
    call torch_tensor_from_array(targets(1), y, permute_dims=[2, 1])
    call there%step_tensors(inputs, targets, loss, stat=stat, errmsg=errmsg)
    call refused(stat, torch_error_device, errmsg, 'is on cpu, the trainer on privateuseone:0; make the tensor there')
    call set_device(1_c_int32_t)
    call obtain(block, a, 3)
    call there%step(a, y, loss, [2, 1], [2, 1], stat=stat, errmsg=errmsg)
    call refused(stat, torch_error_device, errmsg, 'lies on privateuseone:1, the trainer is on privateuseone:0')
    call release_memory(block)
    wide = 0
    call there%step(wide, y, loss, [2, 1], [2, 1], stat=stat, errmsg=errmsg)
    call refused(stat, torch_error_argument, errmsg, 'input 1')
    call check(there%count() == 0, 'nothing was trained')
    call torch_trainer_load(there, file, dev, 2, stat=stat, errmsg=errmsg)
    call refused(stat, torch_error_device, errmsg, 'there are 2 privateuse1 devices (0 to 1), got 2')
    call torch_trainer_load(there, file, torch_kCUDA, stat=stat, errmsg=errmsg)
    call refused(stat, torch_error_device, errmsg, 'device cuda is not available')
    call there%step(x, y, loss, [2, 1], [2, 1])
    call check(there%count() == 1, 'the trainer of before is still there')
  end subroutine mistakes

  subroutine refused_load(name)
    !! A file without code for the device.
    character(len=*), intent(in) :: name
    type(torch_trainer) :: trainer
    integer :: stat
    character(len=400) :: errmsg
    call torch_trainer_load(trainer, name, dev, stat=stat, errmsg=errmsg)
    print '(i0, 1x, a)', stat, trim(errmsg)
    call check(live_blocks() == 0, 'nothing was put on the device')
  end subroutine refused_load

end module trainers_scenarios

program trainers
  use :: fake_runtime, only: finish
  use :: trainers_scenarios
  implicit none (type, external)
  character(len=40) :: name
  call get_command_argument(1, name)
  select case (name)
  case ('host')
    call host()
  case ('resident')
    call resident()
  case ('moves')
    call moves()
  case ('settings')
    call settings()
  case ('halves')
    call halves()
  case ('network')
    call network()
  case ('mistakes')
    call mistakes()
  case default
    call refused_load(trim(name))
  end select
  call finish()
end program trainers
