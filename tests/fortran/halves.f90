program halves
  !! Scenarios of steps in two halves: `halves SCENARIO PACKAGE`. Each prints one line a number or a message; the test compares.
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: ftorch
  use :: process_memory, only: resident
  implicit none (type, external)
  integer, parameter :: batch = 32
  character(len=500) :: scenario, package
  call get_command_argument(1, scenario)
  call get_command_argument(2, package)
  select case (scenario)
  case ('steps')
    call steps()
  case ('tensors')
    call tensors()
  case ('gradients')
    call gradients()
  case ('by_hand')
    call by_hand()
  case ('nothing')
    call nothing()
  case ('skipped')
    call skipped()
  case ('mistakes')
    call mistakes()
  case ('without')
    call without()
  case ('flat')
    call flat()
  case default
    error stop 'no such scenario'
  end select
  print '(a, 1x, i0)', 'live', torch_live_handles()

contains

  subroutine read_data(x, y)
    real(real64), intent(out) :: x(3, batch), y(1, batch)
    integer :: unit
    open (newunit=unit, file='dropping_x.bin', access='stream', form='unformatted', action='read', status='old')
    read (unit) x
    close (unit)
    open (newunit=unit, file='dropping_y.bin', access='stream', form='unformatted', action='read', status='old')
    read (unit) y
    close (unit)
  end subroutine read_data

  subroutine steps()
    !! Steps of one trainer and halves of another: losses of both, of either kind, and the rate.
    type(torch_trainer) :: whole, learner
    real(real64), target :: x(3, batch), y(1, batch)
    real(real64) :: loss, first, second
    real(real32) :: rounded
    integer :: step
    call read_data(x, y)
    call whole%load(package)
    call learner%load(package)
    do step = 1, 30
      call whole%step(x, y, loss, permute_dims=[2, 1], target_permute_dims=[2, 1])
      if (mod(step, 3) == 0) call learner%gradients(x(:, :5), y(:, :5), rounded, [2, 1], [2, 1])  ! which the next call replaces
      call torch_trainer_gradients(learner, x, y, first, permute_dims=[2, 1], target_permute_dims=[2, 1])
      if (mod(step, 2) == 0) then
        call learner%apply(second)
      else
        call learner%apply()
        second = first
      end if
      print '(4(es24.17, 1x))', loss, first, second, learner%last_learning_rate() - whole%last_learning_rate()
    end do
    print '(a, 2(1x, i0))', 'counts', whole%count(), learner%count()
  end subroutine steps

  subroutine tensors()
    !! Several inputs and targets.
    type(torch_trainer) :: whole, learner
    type(torch_tensor) :: inputs(2), targets(2)
    real(real32), target :: x(3, batch), first(2, batch), other(2, batch)
    integer(int64), target :: kind(batch)
    real(real64) :: loss, half
    integer :: step
    x = reshape([(sin(real(step)), step=1, size(x))], shape(x))
    first = x(:2, :)
    other = cos(x(2:, :))
    kind = [(int(mod(step, 5), int64), step=1, batch)]
    call whole%load(package)
    call learner%load(package)
    call torch_tensor_from_array(inputs(1), x, permute_dims=[2, 1])
    call torch_tensor_from_array(inputs(2), kind)
    call torch_tensor_from_array(targets(1), first, permute_dims=[2, 1])
    call torch_tensor_from_array(targets(2), other, permute_dims=[2, 1])
    do step = 1, 20
      call whole%step_tensors(inputs, targets, loss)
      call learner%gradients_tensors(inputs, targets, half)
      call learner%apply(half)
      print '(2(es24.17, 1x))', loss, half
    end do
  end subroutine tensors

  subroutine gradients()
    !! All gradients in one array, and one by its name.
    type(torch_trainer) :: learner
    real(real64), target :: x(3, batch), y(1, batch), weight(8, 3)
    real(real64), pointer :: every(:)
    real(real32), pointer :: none(:)
    real(real64) :: loss
    integer :: i
    call read_data(x, y)
    call learner%load(package)
    call learner%gradient_array(every)
    call learner%gradient_array(none)
    print '(a, 2(1x, l1))', 'kinds', associated(every), associated(none)
    call learner%gradients(x, y, loss, permute_dims=[2, 1], target_permute_dims=[2, 1])
    call learner%get_tensor('trainer.gradient.0.weight', weight)
    print '(a, 2(1x, es24.17))', 'norm', norm2(every), maxval(abs(every - [(weight(1 + (i - 1) / 3, 1 + mod(i - 1, 3)), i=1, 24), &
      every(25:)]))
    do i = 1, size(every)
      print '(es24.17)', every(i)
    end do
  end subroutine gradients

  subroutine by_hand()
    !! Two trainers have parts of a batch, of other sizes; their gradients are averaged in their arrays. A third has all.
    type(torch_trainer) :: left, right, whole
    real(real64), target :: x(3, batch), y(1, batch)
    real(real64), pointer :: a(:), b(:)
    real(real64) :: loss(3), part(2)
    integer :: step
    call read_data(x, y)
    call left%load(package)
    call right%load(package)
    call whole%load(package)
    call left%gradient_array(a)
    call right%gradient_array(b)
    do step = 1, 20
      call left%gradients(x(:, :10), y(:, :10), part(1), permute_dims=[2, 1], target_permute_dims=[2, 1])
      call right%gradients(x(:, 11:), y(:, 11:), part(2), permute_dims=[2, 1], target_permute_dims=[2, 1])
      a = (10 * a + (batch - 10) * b) / batch
      b = a
      call left%apply(loss(1))
      call right%apply(loss(2))
      call whole%step(x, y, loss(3), permute_dims=[2, 1], target_permute_dims=[2, 1])
      print '(2(es24.17, 1x))', dot_product([10, batch - 10], part) / batch, loss(3)
    end do
    call same(left, right)
  end subroutine by_hand

  subroutine same(one, two)
    type(torch_trainer), intent(in) :: one, two
    real(real64) :: a(8, 3), b(8, 3)
    call one%get_tensor('0.weight', a)
    call two%get_tensor('0.weight', b)
    print '(a, l2)', 'same', all(a == b)
  end subroutine same

  subroutine nothing()
    !! A rank without samples: no gradients, and running means that stay.
    type(torch_trainer) :: learner
    real(real64), target :: x(3, batch), y(1, batch)
    real(real64) :: before(16), after(16), loss
    real(real64), pointer :: every(:)
    call read_data(x, y)
    call learner%load(package)
    call learner%gradient_array(every)
    call learner%step(x, y, loss, permute_dims=[2, 1], target_permute_dims=[2, 1])
    call learner%gradients(x, y, loss, permute_dims=[2, 1], target_permute_dims=[2, 1])
    call learner%get_tensor('net.1.running_mean', before)
    call learner%no_gradients()
    print '(a, 1x, f4.1)', 'largest', maxval(abs(every))
    call learner%apply(loss)
    call learner%get_tensor('net.1.running_mean', after)
    print '(a, l2, 1x, f4.1, 1x, i0)', 'kept', all(before == after), loss, learner%count()
  end subroutine nothing

  subroutine skipped()
    type(torch_trainer) :: learner
    real(real64), target :: x(3, batch), y(1, batch)
    real(real64) :: before(16), after(16), loss
    call read_data(x, y)
    x(2, 5) = x(2, 5) / 0.0_real64                      ! a field that blew up
    call learner%load(package)
    call learner%get_tensor('net.1.running_mean', before)
    call learner%gradients(x, y, loss, permute_dims=[2, 1], target_permute_dims=[2, 1])
    call learner%apply(loss)
    call learner%get_tensor('net.1.running_mean', after)
    print '(a, l2, l2, 1x, i0)', 'skipped', loss /= loss, all(before == after), learner%count()
  end subroutine skipped

  subroutine report(name, stat, errmsg)
    character(len=*), intent(in) :: name, errmsg
    integer, intent(in) :: stat
    print '(a, 1x, i0, 1x, a)', name, stat, trim(errmsg)
  end subroutine report

  subroutine mistakes()
    type(torch_trainer) :: learner, none, gone
    real(real64), target :: x(3, batch), y(1, batch), short(1, 5)
    real(real64), pointer :: every(:)
    real(real32), target :: single(3, batch)
    real(real64) :: loss
    integer :: stat
    character(len=500) :: errmsg
    call read_data(x, y)
    single = real(x, real32)
    short = 0
    loss = -1
    errmsg = ''
    call learner%load(package)
    call learner%apply(stat=stat, errmsg=errmsg)
    call report('early', stat, errmsg)
    call learner%gradients(x, y, loss, stat=stat, errmsg=errmsg)
    call report('shape', stat, errmsg)
    call learner%gradients(x, short, loss, [2, 1], [2, 1], stat=stat, errmsg=errmsg)
    call report('batch', stat, errmsg)
    call learner%gradients(single, y, loss, [2, 1], [2, 1], stat=stat, errmsg=errmsg)
    call report('dtype', stat, errmsg)
    call learner%apply(loss, stat=stat, errmsg=errmsg)  ! what was refused has not run
    call report('refused', stat, errmsg)
    call learner%gradients(x, y, loss, [2, 1], [2, 1])
    call learner%apply()
    loss = -1
    call learner%apply(loss, stat, errmsg)
    call report('twice', stat, errmsg)
    call learner%gradients(x, y, loss, [2, 1], [2, 1])
    call learner%step(x, y, loss, [2, 1], [2, 1])
    call learner%apply(stat=stat, errmsg=errmsg)
    call report('step', stat, errmsg)
    call learner%save('halves.state')
    call learner%gradients(x, y, loss, [2, 1], [2, 1])
    call learner%restore('halves.state')
    call learner%apply(stat=stat, errmsg=errmsg)
    call report('restore', stat, errmsg)
    call learner%gradients(x, y, loss, [2, 1], [2, 1])
    call learner%evaluate(x, y, loss, [2, 1], [2, 1])
    call learner%apply(stat=stat)                       ! an evaluation between them is no matter
    call report('evaluate', stat, '-')
    loss = -1
    call none%gradients(x, y, loss, [2, 1], [2, 1], stat=stat, errmsg=errmsg)
    call report('null', stat, errmsg)
    gone%p = learner%p                                  ! as a compiler may copy bits behind the program's back
    call torch_trainer_delete(learner)
    call gone%apply(stat=stat, errmsg=errmsg)
    call report('deleted', stat, errmsg)
    call gone%gradient_array(every, stat=stat, errmsg=errmsg)
    call report('array', stat, errmsg)
    call gone%no_gradients(stat=stat, errmsg=errmsg)
    call report('nothing', stat, errmsg)
    print '(a, f5.1, l2)', 'nothing happened', loss, associated(every)
  end subroutine mistakes

  subroutine without()
    !! A package that has whole steps only.
    type(torch_trainer) :: learner
    real(real32), target :: x(1, batch), y(1, batch)
    real(real32), pointer :: every(:)
    real(real32) :: loss
    integer :: stat
    character(len=500) :: errmsg
    x = 1
    y = 1
    errmsg = ''
    call learner%load(package)
    call learner%gradients(x, y, loss, [2, 1], [2, 1], stat=stat, errmsg=errmsg)
    call report('gradients', stat, errmsg)
    call learner%apply(stat=stat, errmsg=errmsg)
    call report('apply', stat, errmsg)
    call learner%gradient_array(every, stat=stat, errmsg=errmsg)
    call report('array', stat, errmsg)
    call learner%no_gradients(stat=stat, errmsg=errmsg)
    call report('nothing', stat, errmsg)
  end subroutine without

  subroutine flat()
    !! 10 000 halves: the memory that is used stays the same.
    type(torch_trainer) :: learner
    real(real64), target :: x(3, batch), y(1, batch)
    real(real64) :: loss
    integer :: step, before
    call read_data(x, y)
    call learner%load(package)
    before = 0
    do step = 1, 10000
      call learner%gradients(x, y, loss, permute_dims=[2, 1], target_permute_dims=[2, 1])
      call learner%apply()
      if (step == 1000) before = resident()
    end do
    print '(a, i0)', 'growth ', resident() - before
  end subroutine flat

end program halves
